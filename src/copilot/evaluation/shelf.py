"""The reports in a folder, as far as a page over many of them needs: read once each, without their cases."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from copilot.domain.runs import EvaluationRun, Held, SuiteRun, UnreadableRun

REPORT = "report.json"
RUNS = "runs"
"""The folder beside a report in which every run leaves its figures; the report itself is overwritten."""
_MOST = 500


def keep_run(folder: Path, report: str) -> None:
    """Beside the report that was just written to `folder`; `report` is its JSON."""
    run = _run_of(REPORT, json.loads(report))
    runs = folder / RUNS
    runs.mkdir(parents=True, exist_ok=True)
    (runs / f"{run.created_at:%Y-%m-%dT%H-%M-%S}-{run.id}.json").write_text(
        run.model_dump_json(), encoding="utf-8"
    )


class ReportShelf:
    """Looks for reports in the folder and all folders in it, each time it is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, tuple[tuple[int, int], EvaluationRun | UnreadableRun]] = {}

    def runs(self) -> tuple[Sequence[EvaluationRun], Sequence[UnreadableRun]]:
        """Newest first, a run that is there twice once; and what could not be read, with the reason."""
        found = [self._read(path) for path in self._files()]
        runs: dict[str, EvaluationRun] = {}
        for run in found:  # a whole report comes before the figures kept beside it
            if isinstance(run, EvaluationRun):
                runs.setdefault(run.id, run)
        ordered = sorted(runs.values(), key=lambda run: run.created_at, reverse=True)
        return ordered[:_MOST], [run for run in found if isinstance(run, UnreadableRun)]

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted([*self._folder.rglob(f"{RUNS}/*.json"), *self._folder.rglob(REPORT)])

    def _read(self, path: Path) -> EvaluationRun | UnreadableRun:
        name = path.relative_to(self._folder).as_posix()
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = self._known[path] = stamp, _read(name, path.read_bytes())
        except OSError as error:
            return UnreadableRun(file=name, why=f"cannot be read: {error.strerror}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"is no report of `copilot eval run` ({type(error).__name__})"
            self._known[path] = stamp, UnreadableRun(file=name, why=why)
            return UnreadableRun(file=name, why=why)
        return known[1]


def _read(name: str, content: bytes) -> EvaluationRun:
    if name.rpartition("/")[2] == REPORT:
        return _run_of(name, json.loads(content))
    return EvaluationRun.model_validate_json(content).model_copy(update={"file": name})


def _run_of(name: str, report: Mapping[str, Any]) -> EvaluationRun:
    """From the JSON itself: validating every case of every report would cost seconds."""
    suites = tuple(_suite_of(suite) for suite in report["suites"])
    identity = json.dumps([report["created_at"], [suite.suite for suite in suites]])
    return EvaluationRun(
        id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        file=name,
        product=report["product"],
        created_at=datetime.fromisoformat(report["created_at"]),
        suites=suites,
    )


def _suite_of(suite: Mapping[str, Any]) -> SuiteRun:
    verdicts = suite["verdicts"]
    limits = suite["thresholds"]
    cases = suite["cases"]
    return SuiteRun(
        suite=suite["suite"],
        title=suite["title"],
        kind=suite["kind"],
        passed=suite["problem"] is None and all(verdict["passed"] for verdict in verdicts),
        problem=suite["problem"],
        cases=len(cases),
        errors=sum(case.get("error") is not None for case in cases),
        seconds=suite["seconds"],
        figures=suite["figures"],
        low={name: limit["min"] for name, limit in limits.items() if limit.get("min") is not None},
        high={name: limit["max"] for name, limit in limits.items() if limit.get("max") is not None},
        held=tuple(
            Held(
                name=f"{verdict['check']}: {verdict['name']}",
                passed=verdict["passed"],
                measured=verdict["measured"],
                expected=verdict["expected"],
            )
            for verdict in verdicts
        ),
    )
