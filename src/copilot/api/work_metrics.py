"""Metrics of work, from the spans that it is made of: what is traced is what is counted."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

from copilot.domain.privacy import RetentionKind
from copilot.ports import trace_names as names
from copilot.ports.tracing import Ended

if TYPE_CHECKING:
    from collections.abc import Callable

_STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2.5, 5, 10)
"""0.25 is what is promised of knowledge, so that the share within it can be read off."""
_MODEL_SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 40, 60)
_PEOPLE_SECONDS = (1, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_REFUSALS = {"policy_denied", "limit_reached", "not_permitted", "customer_not_verified"}


class WorkMetrics:
    """Hears of every span that ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._first = Histogram(
            "copilot_first_suggestion_seconds",
            "From a turn's arrival to the first words of a reply draft in the panel",
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "copilot_stage_seconds",
            "One stage of the work on a turn; retrieval.* are parts of retrieval",
            ["stage"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._turns = Counter(
            "copilot_turns_total",
            "Work for turns: done, given up as stale because the conversation went on, or failed",
            ["outcome"],
            registry=registry,
        )
        self._feedback = Counter(
            "copilot_feedback_total",
            "What representatives made of the drafts they saw",
            ["verdict"],
            registry=registry,
        )
        self._model = Histogram(
            "copilot_llm_request_seconds",
            "One call of a language model, with its retries",
            ["model", "outcome"],
            buckets=_MODEL_SECONDS,
            registry=registry,
        )
        self._tools = Counter(
            "copilot_tool_calls_total",
            "Tool calls: how they ended, or that policy or a limit denied them",
            ["tool", "outcome"],
            registry=registry,
        )
        self._decisions = Counter(
            "copilot_approvals_total",
            "What people decided about proposed actions; refused: the decision was not allowed",
            ["decision"],
            registry=registry,
        )
        self._waited = Histogram(
            "copilot_approval_wait_seconds",
            "From a proposal to the last decision that it needed",
            buckets=_PEOPLE_SECONDS,
            registry=registry,
        )
        self._jobs = Counter(
            "copilot_jobs_total", "Background ingest jobs, by how they ended", ["outcome"], registry=registry
        )
        self._retained = Counter(
            "copilot_retention_removed_total",
            "What became too old and was removed: conversations, or rows of the other kinds",
            ["kind"],
            registry=registry,
        )
        self._retentions = Counter(
            "copilot_retention_runs_total",
            "Runs of retention, by how they ended",
            ["outcome"],
            registry=registry,
        )
        self._of: dict[str, Callable[[Ended], None]] = {
            names.TURN: self._turn,
            names.FEEDBACK: self._judged,
            names.PROPOSAL: self._proposed,
            names.APPROVAL: self._decided,
            names.JOB: self._job,
            names.RETENTION: self._retention,
        }
        self._stage_of = {
            name: self._stages.labels("retrieval" if name == names.RETRIEVAL else name)
            for name in names.STAGES
        }

    def ended(self, span: Ended) -> None:
        if (stage := self._stage_of.get(span.name)) is not None:
            stage.observe(span.seconds)
            if (first := span.attributes.get(names.FIRST_SUGGESTION)) is not None:
                self._first.observe(float(str(first)))
            return
        if (hear := self._of.get(span.name)) is not None:
            hear(span)
            return
        match span.attributes.get(names.OPERATION):
            case names.OPERATION_CHAT:
                model = str(span.attributes[names.REQUEST_MODEL])
                self._model.labels(model, span.error or "ok").observe(span.seconds)
            case names.OPERATION_TOOL:
                outcome = span.error or str(span.attributes.get(names.TOOL_OUTCOME))
                self._tools.labels(str(span.attributes[names.TOOL_NAME]), outcome).inc()
            case _:
                pass

    def _turn(self, span: Ended) -> None:
        outcome = "stale" if span.error == "CancelledError" else "failed" if span.error else "done"
        self._turns.labels(outcome).inc()

    def _judged(self, span: Ended) -> None:
        self._feedback.labels(str(span.attributes[names.VERDICT])).inc()

    def _proposed(self, span: Ended) -> None:
        if span.error in _REFUSALS:
            self._tools.labels(str(span.attributes[names.TOOL_NAME]), "denied").inc()

    def _decided(self, span: Ended) -> None:
        decision = "refused" if span.error else str(span.attributes[names.DECISION])
        self._decisions.labels(decision).inc()
        if (waited := span.attributes.get(names.APPROVAL_WAIT)) is not None:
            self._waited.observe(float(str(waited)))

    def _job(self, span: Ended) -> None:
        self._jobs.labels("failed" if span.error else "succeeded").inc()

    def _retention(self, span: Ended) -> None:
        self._retentions.labels("failed" if span.error else "done").inc()
        for kind in RetentionKind:
            if count := span.attributes.get(names.removed(kind.value)):
                self._retained.labels(kind.value).inc(float(str(count)))
