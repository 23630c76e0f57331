"""The metrics that need more than a kind has, such as a judge: asked about each case once it is scored.

What cannot be asked is `not run`. What was asked and gave no number counts as 0, by name and reason, so that
every average is over all the cases that its metric applies to.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from copilot.domain.value import Value
from copilot.evaluation.fingerprint import digest_of
from copilot.evaluation.judges.endpoint import Judge
from copilot.evaluation.kinds.cases import mean
from copilot.evaluation.kinds.kind import CaseResult, KindResult, OnProgress
from copilot.evaluation.metrics.metric import Sample, Score
from copilot.evaluation.metrics.ragas_catalog import RAGAS
from copilot.evaluation.metrics.ragas_metric import AT_ONCE, NO_JUDGE, RagasMetric
from copilot.ports import Embedder

NO_RAGAS = "ragas is not installed: pip install 'agent-assist-copilot[evaluation]'"
NO_CASE = "no case has what it needs"


class JudgedMetric(Value):
    """One metric over all cases: how many it applies to, on how many it failed, or why it was not run."""

    name: str
    value: float | None = None
    cases: int = 0
    failed: int = 0
    not_run: str | None = None
    prompts_sha256: str | None = None
    """Of what the judge is told; None where none is asked."""


class ScoreMemory(Protocol):
    """Scores that an earlier run with the same judge and prompts has kept."""

    def recall(self, key: str) -> Score | None: ...

    def keep(self, key: str, result: Score) -> None: ...


@dataclass(frozen=True)
class _Question:
    case: int
    metric: RagasMetric
    sample: Sample
    key: str


def not_run(name: str, judge: Judge | None) -> str | None:
    """Why a metric cannot be asked, or None."""
    if RAGAS[name].judge and judge is None:
        return NO_JUDGE
    return NO_RAGAS if find_spec("ragas") is None else None


async def judged(
    result: KindResult,
    judge: Judge | None,
    embedder: Embedder | None,
    memory: ScoreMemory,
    on_progress: OnProgress,
) -> tuple[KindResult, tuple[JudgedMetric, ...]]:
    """The result with its cases' scores and figures by `result.judged`, without the samples."""
    asked = {
        name: RagasMetric(name, embedder=embedder, judge=judge)
        for name in result.judged
        if not_run(name, judge) is None and any(_applies(case, name) for case in result.cases)
    }
    prompts = {name: metric.prompts_sha256 for name, metric in asked.items()}
    questions = list(_questions(result.cases, asked, prompts))
    scores = await _answers(questions, memory, on_progress)
    by_case: dict[int, dict[str, Score]] = {}
    for question, score in zip(questions, scores, strict=True):
        by_case.setdefault(question.case, {})[question.metric.name] = score
    cases = tuple(_with(case, by_case.get(n, {}), asked) for n, case in enumerate(result.cases))
    found = tuple(_summed(name, cases, asked, prompts, judge) for name in result.judged)
    figures = {**result.figures, **{m.name: m.value for m in found}}
    return result.model_copy(update={"figures": figures, "cases": cases}), found


def _applies(case: CaseResult, name: str) -> bool:
    return case.to_judge is not None and name in (*case.to_judge.metrics, *case.to_judge.lost)


def _questions(
    cases: Sequence[CaseResult], asked: Mapping[str, RagasMetric], prompts: Mapping[str, str | None]
) -> list[_Question]:
    return [
        _Question(
            case=number,
            metric=asked[name],
            sample=case.to_judge.sample,
            key=digest_of(name, prompts[name] or "", case.to_judge.sample.model_dump_json()),
        )
        for number, case in enumerate(cases)
        if case.to_judge is not None and case.error is None
        for name in case.to_judge.metrics
        if name in asked
    ]


async def _answers(
    questions: Sequence[_Question], memory: ScoreMemory, on_progress: OnProgress
) -> list[Score]:
    slots = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(question: _Question) -> Score:
        nonlocal done
        score = memory.recall(question.key)
        if score is None:
            async with slots:
                score = await question.metric.score(question.sample)
            if score.error is None:
                memory.keep(question.key, score)
        done += 1
        on_progress(done, len(questions))
        return score

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(question)) for question in questions]
    return [task.result() for task in tasks]


def _with(case: CaseResult, scores: Mapping[str, Score], asked: Mapping[str, RagasMetric]) -> CaseResult:
    lost = case.to_judge.lost if case.to_judge is not None else ()
    found: dict[str, float | None] = {name: 0.0 for name in lost if name in asked}
    found |= {name: score.counted for name, score in scores.items()}
    reasons = {name: score.evidence["reason"] for name, score in scores.items() if "reason" in score.evidence}
    return case.model_copy(
        update={
            "scores": {**case.scores, **found},
            "failed": {name: score.error for name, score in scores.items() if score.error is not None},
            "evidence": {**case.evidence, **({"why judged so": reasons} if reasons else {})},
            "to_judge": None,
        }
    )


def _summed(
    name: str,
    cases: Sequence[CaseResult],
    asked: Mapping[str, RagasMetric],
    prompts: Mapping[str, str | None],
    judge: Judge | None,
) -> JudgedMetric:
    if name not in asked:
        return JudgedMetric(name=name, not_run=not_run(name, judge) or NO_CASE)
    value = mean(cases, name)
    return JudgedMetric(
        name=name,
        value=None if value is None else round(value, 4),
        cases=sum(case.error is not None or name in case.scores for case in cases),
        failed=sum(case.error is not None or name in case.failed for case in cases),
        prompts_sha256=prompts[name],
    )
