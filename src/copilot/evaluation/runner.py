"""Runs a suite: asks its kind, remembers what is done, and says which of the things that must hold do."""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from copilot.bootstrap.models import open_embedder
from copilot.domain.errors import ConfigurationError, CopilotError, InvalidInput
from copilot.evaluation.baselines import Baseline, differences, got_worse, scores_of
from copilot.evaluation.cache import ResultCache, fingerprint
from copilot.evaluation.fingerprint import digest_of, source_digest
from copilot.evaluation.judges.endpoint import Judge, JudgeRecord
from copilot.evaluation.judges.settings import configured_judge
from copilot.evaluation.judging import JudgedMetric, judged, not_run
from copilot.evaluation.kinds.cases import Forgetful, mean
from copilot.evaluation.kinds.kind import CaseResult, JudgedKind, Kind, KindResult, OnProgress, ResumableKind
from copilot.evaluation.kinds.registry import kind_named
from copilot.evaluation.metrics.metric import Score
from copilot.evaluation.outcome import SliceRow, SuiteOutcome, Verdict
from copilot.evaluation.significance import Difference
from copilot.evaluation.suites import LoadedSuite, Suite, Threshold
from copilot.evaluation.workbench import settings_for

_log = logging.getLogger(__name__)
_MOST_SLICES = 24
_COMMON_ERRORS = 3
_JUDGING = ("evaluation/judges", "evaluation/metrics")


class Runner:
    """`kind_named` gives what a suite's kind is called: a test gives one with a faulty system under test."""

    def __init__(
        self, cache: ResultCache | None = None, kind_named: Callable[[str], Kind] = kind_named
    ) -> None:
        """Without a cache nothing is remembered, and nothing recalled."""
        self._cache = cache
        self._kind_named = kind_named

    async def run(
        self, loaded: LoadedSuite, baseline: Baseline | None = None, on_progress: OnProgress = lambda *_: None
    ) -> SuiteOutcome:
        """Never raises for what is wrong with one suite: its outcome says so, and others can go on."""
        suite, begun = loaded.suite, time.monotonic()
        outcome = SuiteOutcome(
            suite=suite.name,
            title=suite.title,
            kind=suite.kind,
            data=str(loaded.options.data),
            seed=suite.seed,
            system={name: str(value) for name, value in loaded.options.system.items()},
            metrics=suite.metrics,
            thresholds=suite.thresholds,
            regressions=suite.regressions,
        )
        try:
            async with asyncio.timeout(suite.time_limit_seconds):
                result, recalled, digest = await self._result(loaded, on_progress)
            # Judging has limits of its own: a slow judge must not cost the scores that need none.
            result, metrics, record = await self._judged(loaded, result, on_progress)
        except TimeoutError:
            why = f"it was not done after {suite.time_limit_seconds:.0f} s"
            return outcome.model_copy(update={"problem": why, "seconds": time.monotonic() - begun})
        except (InvalidInput, ConfigurationError) as error:
            return outcome.model_copy(update={"problem": str(error)})
        except CopilotError as error:
            return outcome.model_copy(update={"problem": f"{error.code}: {error}"})
        broken, result = not_numbers(result.figures), without_nan(result)
        compared = (
            differences(baseline, scores_of(result.cases), suite.regressions, suite.seed) if baseline else {}
        )
        return outcome.model_copy(
            update={
                "fingerprint": digest,
                "seconds": round(time.monotonic() - begun, 3),
                "recalled": recalled,
                "judge": record,
                "judged": metrics,
                "figures": result.figures,
                "slices": tuple(sliced(result.cases, suite.slices)),
                "cases": result.cases,
                "refused": result.refused,
                "notes": result.notes,
                "baseline": baseline.name if baseline else None,
                "differences": compared,
                "figures_before": baseline.figures if baseline else {},
                "verdicts": (*broken, *verdicts(suite, result, compared)),
            }
        )

    async def _result(self, loaded: LoadedSuite, on_progress: OnProgress) -> tuple[KindResult, int, str]:
        """The result, how many of its cases were recalled, and what it depends on."""
        suite, options = loaded.suite, loaded.options
        kind = self._kind_named(suite.kind)
        if self._cache is None:
            return await kind.run(options, on_progress), 0, ""
        key = await asyncio.to_thread(fingerprint, suite.kind, options)
        if (known := self._cache.result(key.run)) is not None:
            on_progress(len(known.cases), len(known.cases))
            return known, len(known.cases), key.run
        memory = self._cache.cases(key.system)
        try:
            if isinstance(kind, ResumableKind):
                result = await kind.resume(options, on_progress, memory)
            else:
                result = await kind.run(options, on_progress)
        finally:
            memory.close()
        if not any(case.error for case in result.cases):
            self._cache.keep_result(key.run, result)
        return result, memory.recalled, key.run

    async def _judged(
        self, loaded: LoadedSuite, result: KindResult, on_progress: OnProgress
    ) -> tuple[KindResult, tuple[JudgedMetric, ...], JudgeRecord | None]:
        if not result.judged:
            return result, (), None
        options, settings = loaded.options, settings_for(loaded.options.system)
        async with AsyncExitStack() as stack:
            judge = await stack.enter_async_context(
                configured_judge(settings, options.judge, seed=options.seed)
            )
            embedder = None
            if any(not_run(name, judge) is None for name in result.judged):
                embedder = open_embedder(settings)
                stack.callback(embedder.close)
            key = _asked_by(judge, settings.embedding_model)
            memory = Forgetful[Score]() if self._cache is None else self._cache.scores(key)
            stack.callback(memory.close)
            result, metrics = await judged(result, judge, embedder, memory, on_progress)
            kind = self._kind_named(loaded.suite.kind)
            if isinstance(kind, JudgedKind) and any(metric.not_run is None for metric in metrics):
                figures = {**result.figures, **kind.judged_figures(result.cases)}
                result = result.model_copy(update={"figures": figures})
            return result, metrics, judge.record if judge is not None else None


def _asked_by(judge: Judge | None, embedding_model: str) -> str:
    """What a kept score depends on, beside its metric, prompts and sample."""
    of_judge = judge.record.identity if judge is not None else ()
    return digest_of(source_digest(_JUDGING), embedding_model, *of_judge)


def without_nan(result: KindResult) -> KindResult:
    """A score that is no number is its case's error; a figure that is none is not run, and never averaged."""
    figures = {name: value if _is_number(value) else None for name, value in result.figures.items()}
    cases = tuple(map(_with_numbers, result.cases))
    return result.model_copy(update={"figures": figures, "cases": cases})


def _with_numbers(case: CaseResult) -> CaseResult:
    wrong = [name for name, value in case.scores.items() if not _is_number(value)]
    if not wrong:
        return case
    scores = {name: None if name in wrong else value for name, value in case.scores.items()}
    return case.model_copy(
        update={"scores": scores, "error": case.error or f"not a number: {', '.join(wrong)}"}
    )


def _is_number(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def not_numbers(figures: Mapping[str, float | None]) -> list[Verdict]:
    """Figures that came out as NaN or without end: each is a failure of its own."""
    return [
        Verdict(check="run", name=name, passed=False, measured=str(value), expected="a number")
        for name, value in figures.items()
        if not _is_number(value)
    ]


def verdicts(suite: Suite, result: KindResult, compared: Mapping[str, Difference]) -> list[Verdict]:
    """Everything that must hold, whether it does or not."""
    found = [_holds(name, limit, result.figures) for name, limit in suite.thresholds.items()]
    for name, better in suite.regressions.items():
        if not any(name in case.scores for case in result.cases):
            found.append(_nowhere(name))
            continue
        difference = compared.get(name)
        if difference is not None:
            found.append(
                Verdict(
                    check="regression",
                    name=name,
                    passed=not got_worse(difference, better),
                    measured=f"{difference.change:+.4g} ({difference.low:+.4g} to {difference.high:+.4g}) "
                    f"over {difference.cases} cases",
                    expected=f"not significantly {'lower' if better == 'higher' else 'higher'} than before",
                )
            )
    errors = [case.problem for case in result.cases if case.problem is not None]
    reasons = "; ".join(f"{n} times {why}" for why, n in Counter(errors).most_common(_COMMON_ERRORS))
    found.append(
        Verdict(
            check="errors",
            name="cases without a score",
            passed=len(errors) <= suite.errors,
            measured=f"{len(errors)} of {len(result.cases)}" + (f": {reasons}" if reasons else ""),
            expected=f"at most {suite.errors}",
        )
    )
    found.append(
        Verdict(
            check="refused",
            name="rows that cannot be read",
            passed=len(result.refused) <= suite.refused,
            measured=str(len(result.refused)),
            expected=f"at most {suite.refused}",
        )
    )
    return found


def _nowhere(name: str) -> Verdict:
    """A gate on a score that no case has would never close."""
    return Verdict(
        check="regression", name=name, passed=False, measured="in no case", expected="a score of the cases"
    )


def _holds(name: str, limit: Threshold, figures: Mapping[str, float | None]) -> Verdict:
    value = figures.get(name)
    bounds = [
        f"{word} {bound:g}" for word, bound in (("≥", limit.min), ("≤", limit.max)) if bound is not None
    ]
    if value is None:
        passed, measured = limit.optional, "not run" if name in figures else "there is no such figure"
    else:
        passed = (limit.min is None or value >= limit.min) and (limit.max is None or value <= limit.max)
        measured = f"{value:.4g}"
    return Verdict(
        check="threshold", name=name, passed=passed, measured=measured, expected=" and ".join(bounds)
    )


def sliced(cases: Sequence[CaseResult], names: Sequence[str]) -> list[SliceRow]:
    """Means by each property; of one with very many values, those that most cases have."""
    rows = []
    for name in names or sorted({name for case in cases for name in case.slices}):
        counts = Counter(case.slices[name] for case in cases if name in case.slices)
        metrics = dict.fromkeys(metric for case in cases for metric in case.scores)
        for value, number in counts.most_common(_MOST_SLICES):
            chosen = [case for case in cases if case.slices.get(name) == value]
            rows.append(
                SliceRow(
                    slice=name,
                    value=value,
                    cases=number,
                    errors=sum(case.error is not None for case in chosen),
                    scores={metric: mean(chosen, metric) for metric in metrics},
                )
            )
    return rows
