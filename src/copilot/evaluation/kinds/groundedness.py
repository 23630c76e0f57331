"""`groundedness`: whether a reply rests on its source, against labels of people (BEGIN's format).

A row is `{knowledge, response, label}`, better with `id`, `message`, `source` and `model`. Labels that begin
with "fully", "supported", "true", "yes" or "1" mean that all of the reply is in the knowledge.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import numpy as np
from pydantic import Field

from copilot.assist.grounding import Evidence, Grounder
from copilot.domain.assist import Support
from copilot.domain.knowledge import Refusal
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress, ToJudge
from copilot.evaluation.kinds.rows import DataRow, data_files, nothing_to_score, sample
from copilot.evaluation.kinds.rows import read_rows as rows_of
from copilot.evaluation.metrics.faithfulness import Faithfulness, Reading
from copilot.evaluation.metrics.faithfulness_weights import AttributionWeights, fit
from copilot.evaluation.metrics.metric import Sample
from copilot.evaluation.metrics.remembering import Remembering
from copilot.evaluation.metrics.support_features import context_sentences, sentences_of
from copilot.ports import Embedder

THRESHOLD = 0.5
JUDGED = "ragas.faithfulness"
_SUPPORTED = ("fully", "supported", "true", "1", "yes")
_GENERIC = "generic"
_SHOWN = 600
_BATCH = 64
OpenEmbedder = Callable[[], AbstractAsyncContextManager[Embedder]]


class GroundednessRow(DataRow):
    """One reply with what a person says of it."""

    knowledge: str | tuple[str, ...]
    response: str = Field(min_length=1)
    label: str | bool | int
    id: str = ""
    message: str | tuple[str, ...] = ()
    source: str = ""
    model: str = ""
    kind: str = ""
    """What was done to it, e.g. "negated"."""
    why: str = ""
    place: str = ""

    @property
    def supported(self) -> bool:
        return str(self.label).strip().lower().startswith(_SUPPORTED)

    @property
    def contexts(self) -> tuple[str, ...]:
        return (self.knowledge,) if isinstance(self.knowledge, str) else self.knowledge

    def sample(self) -> Sample:
        history = (self.message,) if isinstance(self.message, str) else self.message
        return Sample(id=self.id or self.place, reply=self.response, contexts=self.contexts, history=history)


@asynccontextmanager
async def product_embedder() -> AsyncIterator[Embedder]:
    from copilot.bootstrap.models import open_embedder  # noqa: PLC0415 - costs start-up time
    from copilot.config import Settings  # noqa: PLC0415

    embedder = open_embedder(Settings())
    try:
        yield embedder
    finally:
        embedder.close()


class GroundednessKind:
    """Balanced accuracy, AUC and recall by label of `Attribution`, and the AUC of `Faithfulness`.

    Figures named `product_…` are of the check that drafts pass in the live product (`Grounder`), which wants
    each number, name and clause to be in one sentence of the source; it is stricter, and sees flips.
    """

    name = "groundedness"

    def __init__(self, open_embedder: OpenEmbedder = product_embedder) -> None:
        self._open_embedder = open_embedder

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        rows, refused = read_rows(options.data)
        if not rows:
            raise nothing_to_score(options.data, refused, _EXPECTED)
        rows = sample(rows, options.limit, options.seed)
        taught, problems = read_rows(options.train) if options.train else ([], [])
        async with self._open_embedder() as opened:
            embedder = Remembering(opened)
            metric, product = Faithfulness(embedder), Grounder(embedder)
            done, total = 0, len(rows) + len(taught)

            async def read(some: Sequence[GroundednessRow]) -> list[Reading]:
                nonlocal done
                found: list[Reading] = []
                for start in range(0, len(some), _BATCH):
                    batch = [row.sample() for row in some[start : start + _BATCH]]
                    found += await metric.read_all(batch)
                    done += len(batch)
                    on_progress(done, total)
                return found

            weights, notes = AttributionWeights.load(), [_SHIPPED]
            if options.train is not None:
                readings = await read(taught)
                weights = await asyncio.to_thread(_taught, taught, readings, options.train)
                notes = [f"{_FITTED} {weights.fitted_on}. {_OUT_OF_FOLD}"]
            readings = await read(rows)
            accepted = [await accepts(product, row) for row in rows]
        cases = [
            case_of(row, reading, weights, product=yes)
            for row, reading, yes in zip(rows, readings, accepted, strict=True)
        ]
        return KindResult(
            figures=figures_of(cases),
            cases=tuple(cases),
            refused=(*refused, *problems),
            notes=(*notes, _FAILS),
            judged=(JUDGED,),
        )

    def judged_figures(self, cases: Sequence[CaseResult]) -> dict[str, float | None]:
        """How well the judge's score tells supported replies from others; one it fails on counts as wrong."""
        value = _auc(cases, JUDGED)
        return {f"auc_{JUDGED}": None if value is None else round(value, 4)}


async def accepts(product: Grounder, row: GroundednessRow) -> bool:
    """Whether the product would show every sentence as supported, and at least one claims something."""
    evidence = [Evidence(text=s, sources=("knowledge",)) for s in context_sentences(row.contexts)]
    judged = {s.support for s in await product.ground(sentences_of(row.response), evidence)}
    return Support.UNSUPPORTED not in judged and Support.FACT in judged


def read_rows(data: Path) -> tuple[list[GroundednessRow], list[Refusal]]:
    """Of a .jsonl file, or of all in a folder; `InvalidInput` when there is none."""
    found: list[GroundednessRow] = []
    refused: list[Refusal] = []
    for path in data_files(data, "*.jsonl", _EXPECTED):
        rows, bad = rows_of(path, GroundednessRow)
        names = (f"{path.name}:{row.place.rpartition(':')[2]}" for row in rows)
        found += [row.value.model_copy(update={"place": name}) for row, name in zip(rows, names, strict=True)]
        refused += bad
    return found, refused


def figures_of(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    """A case that could not be scored counts as judged wrongly."""
    figures: dict[str, float | None] = {"balanced_accuracy": balanced(cases), "cases": float(len(cases))}
    claiming = [c for c in cases if c.slices["label"].lower() != _GENERIC]
    if len(claiming) < len(cases):
        figures["balanced_accuracy_without_generic"] = balanced(claiming)
    if any("product" in c.scores for c in cases):
        figures["product_balanced_accuracy"] = balanced(cases, "product")
        for value, name in (("yes", "supported"), ("no", "not_supported")):
            figures[f"product_recall_{name}"] = _share(cases, "product", supported=value)
    figures["auc"] = _auc(cases, "attribution")
    figures["auc_unfitted"] = _auc(cases, "faithfulness")
    for label in sorted({c.slices["label"] for c in cases}):
        figures[f"recall_{label.lower().replace(' ', '_')}"] = _share(cases, label=label)
    for source in sorted({c.slices["source"] for c in cases} - {""}):
        chosen = [c for c in cases if c.slices["source"] == source]
        figures[f"balanced_accuracy_{source}"] = balanced(chosen)
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def balanced(cases: Sequence[CaseResult], score: str = "correct") -> float | None:
    """The mean of how many supported and how many other replies are known as such; None without both."""
    shares = [_share(cases, score, supported=value) for value in ("yes", "no")]
    return None if None in shares else float(np.mean([s for s in shares if s is not None]))


def _share(cases: Sequence[CaseResult], score: str = "correct", **slices: str) -> float | None:
    chosen = [c for c in cases if all(c.slices[name] == value for name, value in slices.items())]
    return float(np.mean([c.scores.get(score) or 0.0 for c in chosen])) if chosen else None


def _auc(cases: Sequence[CaseResult], name: str) -> float | None:
    """How often a supported reply scores above another one, ties counted half."""
    good, bad = (
        np.array([_or_worst(c, name) for c in cases if c.slices["supported"] == value])
        for value in ("yes", "no")
    )
    if not (len(good) and len(bad)):
        return None
    return float(np.mean((good[:, None] > bad) + 0.5 * (good[:, None] == bad)))


def _or_worst(case: CaseResult, name: str) -> float:
    """A score that is missing is as wrong as can be."""
    value = None if case.error is not None or name in case.failed else case.scores.get(name)
    return value if value is not None else float(case.slices["supported"] == "no")


def case_of(
    row: GroundednessRow, reading: Reading, weights: AttributionWeights, *, product: bool | None = None
) -> CaseResult:
    probability = weights.probability(reading.features, row.contexts)
    judged = probability >= THRESHOLD
    slices = {
        "label": str(row.label),
        "supported": "yes" if row.supported else "no",
        "source": row.source,
        **({"model": row.model} if row.model else {}),
        **({"kind": row.kind} if row.kind else {}),
    }
    weakest = min(reading.sentences, key=lambda s: s.support, default=None)
    return CaseResult(
        id=row.id or row.place,
        scores={
            "correct": float(judged == row.supported),
            "attribution": round(probability, 4),
            "faithfulness": round(reading.score, 4),
            **({} if product is None else {"product": float(product == row.supported)}),
        },
        slices=slices,
        evidence={
            "reply": row.response[:_SHOWN],
            "knowledge": " / ".join(row.contexts)[:_SHOWN],
            "label": str(row.label),
            "judged": "supported" if judged else "not supported",
            "weakest sentence": weakest.text if weakest else "",
            "its best evidence": weakest.evidence if weakest else "",
            **({"why": row.why} if row.why else {}),
        },
        error=None if reading.sentences else "the reply is empty",
        to_judge=ToJudge(sample=row.sample(), metrics=(JUDGED,)),
    )


def _taught(rows: Sequence[GroundednessRow], readings: Sequence[Reading], path: Path) -> AttributionWeights:
    usable = [(row, reading) for row, reading in zip(rows, readings, strict=True) if reading.features]
    return fit(
        [reading.features for _, reading in usable],
        [row.supported for row, _ in usable],
        [row.contexts for row, _ in usable],
        f"{len(usable)} rows of {path.name}",
    )


_EXPECTED = 'JSON Lines such as {"knowledge": "…", "response": "…", "label": "Fully attributable"}.'
_FITTED = "The decision was fitted on"
_OUT_OF_FOLD = (
    "Each reply is judged by coefficients fitted without any reply on its source text, so rows that took "
    "part in the fit count out-of-fold."
)
_SHIPPED = f"{_FITTED} BEGIN's dev sets (the weights that come with the product). {_OUT_OF_FOLD}"
_FAILS = (
    "Without a language model it misses facts swapped within the same words, inference over several "
    "sentences, and paraphrase in other words; see docs/decisions/0024."
)
