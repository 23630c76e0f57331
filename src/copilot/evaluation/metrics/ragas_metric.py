"""One of ragas's measures as a `Metric`, with its known faults fenced.

ragas averages over whatever came out, gives NaN where a judge's answer was odd, and lets exceptions through.
Here every sample of a set is asked about, a NaN or an exception is that sample's error, and the judge is
ours: counted, timed, and shown only defused material.
"""

import asyncio
import hashlib
import math
import time
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from copilot.domain.errors import ConfigurationError, CopilotError
from copilot.evaluation.judges.budget import CaseBudget
from copilot.evaluation.judges.endpoint import Judge
from copilot.evaluation.judges.material import unmarked
from copilot.evaluation.metrics.metric import Sample, Score
from copilot.evaluation.metrics.ragas_answers import Complaints
from copilot.evaluation.metrics.ragas_catalog import RAGAS, RagasEntry
from copilot.ports import Embedder

if TYPE_CHECKING:
    from pydantic import BaseModel

AT_ONCE = 4
NO_JUDGE = "no judge is configured: name one with --judge"


class RagasMetric:
    """`name` is a key of `RAGAS`. Without a judge, what needs one is `not run`."""

    def __init__(self, name: str, *, embedder: Embedder | None = None, judge: Judge | None = None) -> None:
        self._name = name
        self._entry = RAGAS[name]
        self._embedder = embedder
        self._judge = judge

    @property
    def name(self) -> str:
        return self._name

    @property
    def needs_judge(self) -> bool:
        return self._entry.judge

    @property
    def prompts_sha256(self) -> str | None:
        """Of the instructions, examples and forms that the judge gets; None where none is asked."""
        if not self.needs_judge or self._judge is None:
            return None
        made = self._make(self._judge.case())
        texts = [
            f"{type(p).__name__}\n{p.instruction}\n{p.examples}\n{p.output_model.model_json_schema()}"
            for p in vars(made).values()
            if hasattr(p, "instruction")
        ]
        return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:16]

    async def score(self, sample: Sample) -> Score:
        if self.needs_judge and self._judge is None:
            return Score(not_run=NO_JUDGE)
        missing = [field for field in self._entry.needs if not _has(sample, field)]
        if missing:
            return Score(error=f"the sample has no {', '.join(missing)}")
        begun = time.monotonic()
        budget = self._judge.case() if self.needs_judge and self._judge else None
        score = await self._scored(sample, budget)
        if budget is not None:
            score = score.model_copy(
                update={"tokens": budget.case.tokens, "cost": round(budget.case.dollars, 6)}
            )
        return score.model_copy(update={"seconds": round(time.monotonic() - begun, 3)})

    async def score_all(self, samples: Sequence[Sample]) -> list[Score]:
        """`not run` for all when no sample has what it needs, such as references."""
        if self.needs_judge and self._judge is None:
            return [Score(not_run=NO_JUDGE) for _ in samples]
        lacking = [f for f in self._entry.needs if not any(_has(s, f) for s in samples)]
        if lacking:
            return [Score(not_run=f"the data has no {', '.join(lacking)}") for _ in samples]
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(sample: Sample) -> Score:
            async with slots:
                return await self.score(sample)

        return list(await asyncio.gather(*(one(s) for s in samples)))

    async def _scored(self, sample: Sample, budget: CaseBudget | None) -> Score:
        try:
            seconds = budget.seconds_left if budget else None
            async with asyncio.timeout(seconds):
                value, reason = await self._measure(sample, budget)
        except ConfigurationError:
            raise
        except CopilotError as error:
            return Score(error=f"{error.code}: {error}")
        except TimeoutError:
            return Score(error="dependency_unavailable: the case took longer than it may.")
        except Exception as error:  # noqa: BLE001 - one case must not cost the others
            return Score(error=f"{type(error).__name__}: {error}")
        if value is None or not math.isfinite(value):
            return Score(error="ragas gave no number (NaN): the judge's answer held nothing to count")
        return Score(value=min(1.0, max(0.0, value)), evidence={"reason": reason} if reason else {})

    async def _measure(self, sample: Sample, budget: CaseBudget | None) -> tuple[float | None, str | None]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            metric = self._make(budget, await self._embedded(sample))
            arguments = dict(self._entry.arguments(sample))
            if self._entry.legacy:
                from ragas.dataset_schema import SingleTurnSample  # noqa: PLC0415 - takes seconds

                return float(await metric.single_turn_ascore(SingleTurnSample(**arguments))), None
            result = await metric.ascore(**arguments)
        return float(result.value), result.reason

    async def _embedded(self, sample: Sample) -> dict[str, list[float]]:
        """What a measure may ask for without waiting, which must not block the event loop."""
        if not self._entry.embeddings or self._embedder is None:
            return {}
        texts = [sample.reply, sample.reference or "", sample.question]
        rows = await self._embedder.embed_passages(texts)
        return dict(zip(texts, rows.tolist(), strict=True))

    def _make(self, budget: CaseBudget | None, embedded: dict[str, list[float]] | None = None) -> Any:  # noqa: ANN401 - one of ragas's classes
        parts: dict[str, Any] = {}
        if self._entry.judge and self._judge is not None and budget is not None:
            parts["llm"] = _llm(self._judge, budget)
        if self._entry.embeddings:
            if self._embedder is None:
                raise ConfigurationError(f"{self._name} needs an embedder.")
            parts["embeddings"] = _embeddings(self._embedder, embedded or {})
        return _load(self._entry)(**parts)


def _has(sample: Sample, field: str) -> bool:
    value = getattr(sample, field)
    if isinstance(value, str):
        return bool(value.strip())
    # No call at all may be just what was expected.
    return value is not None if field == "reference_calls" else bool(value)


@lru_cache(maxsize=64)
def _load(entry: RagasEntry) -> Any:  # noqa: ANN401 - one of ragas's classes
    module, name = entry.where.split(":")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(import_module(f"ragas.{module}"), name)
    except ImportError as error:
        raise ConfigurationError(
            f"ragas's metrics cannot be loaded: {error}.",
            hint="pip install 'agent-assist-copilot[evaluation]'",
        ) from error


def _llm(judge: Judge, budget: CaseBudget) -> Any:  # noqa: ANN401 - of a class that ragas defines
    from ragas.llms.base import InstructorBaseRagasLLM  # noqa: PLC0415 - takes seconds

    complaints = Complaints()

    class CountedJudge(InstructorBaseRagasLLM):
        """What ragas asks, our judge answers."""

        def generate(self, prompt: str, response_model: "type[BaseModel]") -> "BaseModel":
            raise NotImplementedError("asked without waiting; use agenerate")

        async def agenerate(self, prompt: str, response_model: "type[BaseModel]") -> "BaseModel":
            return await judge.ask(prompt, response_model, budget, complaints.about)

    return CountedJudge()


def _embeddings(embedder: Embedder, embedded: dict[str, list[float]]) -> Any:  # noqa: ANN401 - of a class that ragas defines
    from ragas.embeddings.base import BaseRagasEmbedding  # noqa: PLC0415 - takes seconds

    class OurEmbedding(BaseRagasEmbedding):
        def embed_text(self, text: str, **_: object) -> list[float]:
            return embedded[unmarked(text)]

        async def aembed_text(self, text: str, **_: object) -> list[float]:
            vector: list[float] = (await embedder.embed_query(unmarked(text))).tolist()
            return vector

        async def aembed_texts(self, texts: list[str], **_: object) -> list[list[float]]:
            rows: list[list[float]] = (await embedder.embed_passages([unmarked(t) for t in texts])).tolist()
            return rows

    return OurEmbedding()
