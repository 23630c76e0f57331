"""Scores to hold a run against: a report, or the compact files that are committed beside the suites."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from copilot.domain.errors import InvalidInput
from copilot.domain.value import Value
from copilot.evaluation.kinds.kind import CaseResult
from copilot.evaluation.outcome import REPORT, SuiteOutcome, read_report
from copilot.evaluation.significance import Difference, paired_difference

_DIGITS = 4
Scores = Mapping[str, float | None]


class Baseline(Value):
    """One suite's figures, and each case's scores; a case with an error has none."""

    suite: str
    name: str = ""
    figures: dict[str, float | None]
    cases: dict[str, dict[str, float | None] | None]


def baseline_of(outcome: SuiteOutcome, name: str = "") -> Baseline:
    return Baseline(
        suite=outcome.suite,
        name=name,
        figures=outcome.figures,
        cases=scores_of(outcome.cases),
    )


def scores_of(cases: Sequence[CaseResult]) -> dict[str, dict[str, float | None] | None]:
    return {case.id: None if case.error else case.scores for case in cases}


def read_baselines(path: Path) -> dict[str, Baseline]:
    """By suite: of a report, of a folder with one, or of a baseline's own file."""
    if path.is_dir() or path.name == REPORT:
        report = read_report(path)
        return {outcome.suite: baseline_of(outcome, str(path)) for outcome in report.suites}
    try:
        content = path.read_bytes()
        if b'"suites"' in content[:2_000]:
            return {o.suite: baseline_of(o, str(path)) for o in read_report(path).suites}
        baseline = Baseline.model_validate_json(content)
    except OSError as error:
        raise InvalidInput(f"cannot read it: {error.strerror}.", where=str(path)) from error
    except ValidationError as error:
        raise InvalidInput(
            "this is no baseline.",
            where=str(path),
            hint="Expected a report.json, or a file that `copilot eval baseline` wrote.",
        ) from error
    return {baseline.suite: baseline.model_copy(update={"name": path.name})}


def find_baselines(reference: str, folder: Path) -> dict[str, Baseline]:
    """A path, or the name of a file in `folder` (with or without .json)."""
    for path in (Path(reference), folder / reference, folder / f"{reference}.json"):
        if path.exists():
            return read_baselines(path)
    known = sorted(p.stem for p in folder.glob("*.json")) if folder.is_dir() else []
    raise InvalidInput(
        f"there is no baseline {reference!r}.",
        where=str(folder),
        hint=f"Expected a report.json, or one of {', '.join(known)}." if known else "Expected a report.json.",
    )


def write_baseline(outcome: SuiteOutcome, folder: Path) -> Path:
    """A line a case, so that a changed score is one line of a diff. Times are left out: no two are alike."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{outcome.suite}.json"
    figures = {name: value for name, value in outcome.figures.items() if not name.endswith("_ms")}
    lines = [f"    {json.dumps(case.id, ensure_ascii=False)}: {_scores(case)}" for case in outcome.cases]
    text = (
        "{\n"
        f'  "suite": {json.dumps(outcome.suite)},\n'
        f'  "figures": {json.dumps(figures)},\n'
        '  "cases": {\n' + ",\n".join(lines) + "\n  }\n}\n"
    )
    path.write_text(text, encoding="utf-8")
    return path


def differences(
    before: Baseline,
    now: Mapping[str, Scores | None],
    directions: Mapping[str, Literal["higher", "lower"]],
    seed: int = 0,
) -> dict[str, Difference]:
    """By score, over the cases that both runs have. A case with an error counts 0 where higher is better."""
    names = dict.fromkeys(name for scores in now.values() if scores for name in scores)
    found = {}
    for name in dict.fromkeys([*directions, *names]):
        worst = None if directions.get(name) == "lower" else 0.0
        pairs = [
            (old, new)
            for case in now.keys() & before.cases.keys()
            if (old := _score(before.cases[case], name, worst)) is not None
            and (new := _score(now[case], name, worst)) is not None
        ]
        pairs.sort()  # sets have no order of their own, and resampling goes by place
        difference = paired_difference([old for old, _ in pairs], [new for _, new in pairs], seed)
        if difference is not None:
            found[name] = difference
    return found


def got_worse(difference: Difference, better: Literal["higher", "lower"]) -> bool:
    return difference.significant and (difference.change < 0) == (better == "higher")


def _score(scores: Scores | None, name: str, worst: float | None) -> float | None:
    return worst if scores is None else scores.get(name)


def _scores(case: CaseResult) -> str:
    if case.error is not None:
        return "null"
    kept = {
        name: None if value is None else round(value, _DIGITS)
        for name, value in case.scores.items()
        if not name.endswith("_ms") and (value is None or math.isfinite(value))
    }
    return json.dumps(kept)


class Compared(Value):
    """One suite in two runs; `worse` are the scores that are significantly worse."""

    suite: str
    differences: dict[str, Difference]
    worse: tuple[str, ...]


def compared(
    before: str, after: str, folder: Path, directions: Mapping[str, Mapping[str, Literal["higher", "lower"]]]
) -> list[Compared]:
    """The suites that both have; `InvalidInput` when there is none."""
    old, new = find_baselines(before, folder), find_baselines(after, folder)
    found = []
    for suite in [name for name in new if name in old]:
        better = directions.get(suite, {})
        changes = differences(old[suite], new[suite].cases, better)
        worse = tuple(n for n, way in better.items() if n in changes and got_worse(changes[n], way))
        found.append(Compared(suite=suite, differences=changes, worse=worse))
    if not found:
        have = f"{before} has {', '.join(old)}; {after} has {', '.join(new)}"
        raise InvalidInput(f"there is no suite in both: {have}.")
    return found
