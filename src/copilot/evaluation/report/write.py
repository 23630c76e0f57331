"""Writes what a run leaves in its folder."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from copilot.evaluation.outcome import REPORT, EvaluationReport, SuiteOutcome
from copilot.evaluation.report.junit import junit
from copilot.evaluation.report.page import page
from copilot.evaluation.shelf import keep_run


def report_of(outcomes: Sequence[SuiteOutcome]) -> EvaluationReport:
    return EvaluationReport(
        product=version("agent-assist-copilot"), created_at=datetime.now(UTC), suites=tuple(outcomes)
    )


def write_reports(report: EvaluationReport, folder: Path) -> None:
    """`report.json`, `report.html` and `junit.xml`, and the run's figures in `runs/`; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    text = report.model_dump_json(indent=1)
    (folder / REPORT).write_text(text, encoding="utf-8")
    keep_run(folder, text)
    (folder / "report.html").write_text(page(report), encoding="utf-8")
    (folder / "junit.xml").write_text(junit(report), encoding="utf-8")
