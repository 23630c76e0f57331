"""A run as JUnit XML, for CI systems.

A test for each thing that must hold, for each case in error, and for each metric that is not run.
"""

import re
from xml.etree import ElementTree as ET  # written, never read

from copilot.evaluation.outcome import EvaluationReport, SuiteOutcome

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: EvaluationReport) -> str:
    root = ET.Element("testsuites", name="copilot eval")
    for outcome in report.suites:
        _add(root, outcome, report.created_at.isoformat())
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(root: ET.Element, outcome: SuiteOutcome, at: str) -> None:
    failures = sum(not verdict.passed for verdict in outcome.verdicts)
    errors = len(outcome.errors) + (outcome.problem is not None)
    suite = ET.SubElement(
        root,
        "testsuite",
        name=outcome.suite,
        tests=str(len(outcome.verdicts) + errors + len(outcome.not_run)),
        failures=str(failures),
        errors=str(errors),
        skipped=str(len(outcome.not_run)),
        time=f"{outcome.seconds:.3f}",
        timestamp=at,
    )
    if outcome.problem is not None:
        test = ET.SubElement(suite, "testcase", classname=outcome.suite, name="it runs")
        ET.SubElement(test, "error", message=_text(outcome.problem))
    for verdict in outcome.verdicts:
        name = f"{verdict.check}: {verdict.name} {verdict.expected}"
        test = ET.SubElement(suite, "testcase", classname=outcome.suite, name=_text(name))
        if not verdict.passed:
            ET.SubElement(test, "failure", message=_text(f"{verdict.name} is {verdict.measured}"))
    for case in outcome.errors:
        test = ET.SubElement(suite, "testcase", classname=outcome.suite, name=_text(f"case {case.id}"))
        ET.SubElement(test, "error", message=_text(case.problem or ""))
    for name, why in outcome.not_run.items():
        test = ET.SubElement(suite, "testcase", classname=outcome.suite, name=_text(f"metric: {name}"))
        ET.SubElement(test, "skipped", message=_text(f"not run: {why}"))


def _text(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
