"""Next actions in the STAR set's form: which step the human took next, ranked by the product's own engine."""

import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot.adapters.minilm import MiniLmEmbedder
from copilot.assist.flow.alignment import aligned
from copilot.assist.flow.progress import START, Progress, decisions
from copilot.assist.flow.ranker import StepRanker
from copilot.assist.flow.training import StepTrainer, said_vectors
from copilot.domain.episode import Episode
from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.domain.playbook import Flow
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import Row, data_files, nothing_to_score, read_rows, sample
from copilot.evaluation.star import Dialogue, episode_of, read_flows
from copilot.ports import Embedder, Vector

_CHARTS = "tasks.json"
_TRAINED_ON = 0.8
_SHOWN = 3
_NOTES = (
    "Foretold: every row of the representative with an action; a query counts with the API it asks.",
    "Known before each: the tasks' charts, and the texts, actions, queries and results before it.",
    "Not read: options, drafts, questionnaires.",
    "Latency is of ranking; embedding the customer's last words comes on top, once a turn.",
)


@dataclass(frozen=True)
class _Decided:
    """A decision, and where in its dialogue it stands."""

    dialogue: Dialogue
    number: int
    episode: Episode
    progress: Progress
    step: str


class NextActionKind:
    """`data` is a folder with tasks.json and dialogs*.jsonl, or such a file beside a tasks.json.

    With `train`, that file's dialogues are learned from and all of `data` is foretold; without, four in five
    dialogues of `data`, by `seed`, are learned from and the others foretold.
    """

    name = "next-action"

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        flows = read_flows(_charts(options))
        learned_from, foretold, refused = _dialogues(options)
        opened = MiniLmEmbedder() if self._embedder is None else None
        embedder = self._embedder or opened
        assert embedder is not None  # noqa: S101 - one of the two is there
        try:
            trainer = StepTrainer(embedder)
            episodes = [episode_of(d) for d in learned_from]
            asked = [episode_of(d) for d in foretold]
            vectors = await trainer.embed(flows, [*episodes, *asked])
        finally:
            if opened is not None:
                opened.close()
        started = time.process_time()
        episodes = [aligned(e, flows, vectors) for e in episodes]
        ranker = trainer.fit(flows, episodes, vectors)
        seconds = time.process_time() - started
        bigram = _Bigram(episodes)
        decided = sample(list(_decided(foretold, asked, flows, vectors)), options.limit, options.seed)
        cases, milliseconds = [], []
        for done, decision in enumerate(decided, start=1):
            case, taken = _case(decision, ranker, bigram, vectors)
            cases.append(case)
            milliseconds.append(taken)
            on_progress(done, len(decided))
        figures = _figures(cases)
        figures |= {
            "latency_ms_p50": _quantile(milliseconds, 50),
            "latency_ms_p95": _quantile(milliseconds, 95),
            "training_seconds": round(seconds, 1),
            "learned_from_dialogues": float(len(learned_from)),
        }
        return KindResult(figures=figures, cases=tuple(cases), refused=tuple(refused), notes=_NOTES)


def _charts(options: KindOptions) -> Path:
    """tasks.json in the data folder, beside the data file, or beside the train file."""
    data = options.data
    folders = [data if data.is_dir() else data.parent]
    if options.train is not None:
        folders.append(options.train if options.train.is_dir() else options.train.parent)
    found = next((f / _CHARTS for f in folders if (f / _CHARTS).is_file()), None)
    if found is None:
        raise InvalidInput(f"There is no {_CHARTS}.", where=str(data), hint="Expected the set's flow charts.")
    return found


def _dialogues(options: KindOptions) -> tuple[list[Dialogue], list[Dialogue], list[Refusal]]:
    """(to learn from, to foretell, rows that cannot be read)."""
    train = _files(options.train) if options.train is not None else []
    data = [path for path in _files(options.data) if not any(path.samefile(t) for t in train)]
    rows, refused = _read(data)
    if options.train is None:
        order = random.Random(options.seed).sample(range(len(rows)), len(rows))  # noqa: S311 - a split
        cut = int(_TRAINED_ON * len(rows))
        learned, foretold = ([rows[i].value for i in part] for part in (order[:cut], order[cut:]))
    else:
        more, not_read = _read(train)
        refused = [*not_read, *refused]
        learned, foretold = [row.value for row in more], [row.value for row in rows]
    if not learned or not foretold:
        raise nothing_to_score(options.data, refused, "dialogues to learn from and dialogues to foretell")
    return learned, foretold, refused


def _files(path: Path) -> list[Path]:
    return data_files(path, "dialogs*.jsonl", "dialogs*.jsonl of the STAR set")


def _read(paths: Sequence[Path]) -> tuple[list[Row[Dialogue]], list[Refusal]]:
    rows: list[Row[Dialogue]] = []
    refused: list[Refusal] = []
    for path in paths:
        found, not_read = read_rows(path, Dialogue)
        rows += found
        refused += not_read
    return rows, refused


def _decided(
    dialogues: Sequence[Dialogue],
    episodes: Sequence[Episode],
    flows: Sequence[Flow],
    vectors: dict[str, Vector],
) -> Iterator[_Decided]:
    for dialogue, episode in zip(dialogues, episodes, strict=True):
        events = aligned(episode, flows, vectors).events
        for number, (progress, taken) in enumerate(decisions(events), start=1):
            yield _Decided(dialogue, number, episode, progress, taken.step)


class _Bigram:
    """The step that most often followed the last one; then those that were most often done at all."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._after: dict[str, Counter[str]] = defaultdict(Counter)
        self._any: Counter[str] = Counter()
        for episode in episodes:
            for progress, taken in decisions(episode.events):
                self._after[_last(progress)][taken.step] += 1
                self._any[taken.step] += 1

    def rank(self, progress: Progress) -> list[str]:
        after = [step for step, _ in self._after[_last(progress)].most_common()]
        return list(dict.fromkeys([*after, *(step for step, _ in self._any.most_common())]))


def _last(progress: Progress) -> str:
    return progress.last_step or START


def _case(
    decision: _Decided, ranker: StepRanker, bigram: _Bigram, vectors: dict[str, Vector]
) -> tuple[CaseResult, float]:
    """The scores, and how many milliseconds the ranking took."""
    flows, progress = decision.episode.flows, decision.progress
    said = said_vectors(progress, vectors)
    started = time.perf_counter()
    ranked = ranker.rank(progress, flows, ranker.candidates(flows), said)
    taken = (time.perf_counter() - started) * 1000
    steps = [r.step for r in ranked]
    others = bigram.rank(progress)
    dialogue = decision.dialogue
    shape = "multitask" if dialogue.multitask else "happy" if dialogue.happy else "unhappy"
    return CaseResult(
        id=f"{dialogue.id}/{decision.number}",
        scores={
            "accuracy@1": float(steps[0] == decision.step),
            "accuracy@3": float(decision.step in steps[:_SHOWN]),
            "mrr": _reciprocal(steps, decision.step),
            "bigram_accuracy@1": float(others[:1] == [decision.step]),
            "bigram_accuracy@3": float(decision.step in others[:_SHOWN]),
        },
        slices={
            "domain": _domain(dialogue),
            "shape": shape,
            "what": "query" if decision.step.startswith("query-") else "reply",
        },
        evidence={
            "said": progress.since or progress.last_said,
            "after": list(progress.history),
            "expected": decision.step,
            "ranked": {r.step: round(r.probability, 3) for r in ranked[:_SHOWN]},
        },
    ), taken


def _domain(dialogue: Dialogue) -> str:
    """Where the set names none, the first word of the task does."""
    named = {domain for domain in dialogue.domains if domain}
    return "several" if len(named) > 1 else next(iter(named), dialogue.tasks[0].split("_")[0])


def _reciprocal(steps: Sequence[str], wanted: str) -> float:
    return 1 / (steps.index(wanted) + 1) if wanted in steps else 0.0


def _figures(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {"decisions": float(len(cases))}
    for metric in cases[0].scores if cases else ():
        figures[metric] = _mean(cases, metric)
    for by in ("what", "shape", "domain"):
        for value in sorted({case.slices[by] for case in cases}):
            part = [case for case in cases if case.slices[by] == value]
            for metric in ("accuracy@1", "accuracy@3"):
                figures[f"{metric}/{by}={value}"] = _mean(part, metric)
    return figures


def _mean(cases: Sequence[CaseResult], metric: str) -> float:
    return round(statistics.fmean(case.scores[metric] or 0.0 for case in cases), 4)


def _quantile(values: Sequence[float], percent: int) -> float | None:
    if not values:
        return None
    return round(sorted(values)[min(len(values) - 1, len(values) * percent // 100)], 2)
