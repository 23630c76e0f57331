"""Counters and histograms in Prometheus' text format.

Labels have few values each: routes, models, tools, reasons; no tenant, no conversation, nobody's words.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from copilot.api.readings import Readings
from copilot.api.services import Events, Usage, Vitals
from copilot.api.work_metrics import WorkMetrics
from copilot.domain.assist_events import AssistEvent
from copilot.domain.usage import UsageTotals
from copilot.ports.tracing import Tracer

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry per app, so that two apps in one process do not mix."""

    def __init__(self, events: Events, usage: Usage, tracer: Tracer, vitals: Vitals) -> None:
        self._registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "copilot_http_request_seconds",
            "From a request's arrival to the start of its answer",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._events_sent = Counter(
            "copilot_events_sent_total", "Events sent to panels", ["type"], registry=registry
        )
        self._revision_seconds = Histogram(
            "copilot_revision_seconds",
            "From a turn's arrival to the last event of its work",
            buckets=SECONDS,
            registry=registry,
        )
        self._saved_seconds = Histogram(
            "copilot_ahead_saved_seconds",
            "Work that was done before its turn arrived, while it was typed or spoken",
            buckets=SECONDS,
            registry=registry,
        )
        self._ahead = Counter(
            "copilot_ahead_total",
            "Work begun before a turn arrived, by what became of it",
            ["outcome"],
            registry=registry,
        )
        self._suggestions = Counter(
            "copilot_suggestions_total",
            "Reply drafts that were shown, by drafter",
            ["drafter"],
            registry=registry,
        )
        self._abstentions = Counter(
            "copilot_abstentions_total",
            "Reply drafts that were kept back, by drafter and why",
            ["drafter", "reason"],
            registry=registry,
        )
        self._knowledge = Counter(
            "copilot_knowledge_total",
            "Searches for a turn, by whether the knowledge base answers",
            ["answered"],
            registry=registry,
        )
        self._degraded = Counter(
            "copilot_degraded_total",
            "Stages that could not do their work for a turn",
            ["component"],
            registry=registry,
        )
        self._model_requests = Counter(
            "copilot_llm_requests_total",
            "Answers of language models, whole or broken off, by whether their tokens were counted",
            ["model", "metered"],
            registry=registry,
        )
        self._model_tokens = Counter(
            "copilot_llm_tokens_total",
            "Tokens of language models; those of a prompt that the endpoint had cached are prompt_cached",
            ["model", "kind"],
            registry=registry,
        )
        self._model_cost = Counter(
            "copilot_llm_cost_dollars_total",
            "Cost of language models at the prices in the settings",
            ["model"],
            registry=registry,
        )
        self._lag = Histogram(
            "copilot_event_loop_lag_seconds",
            "How late the event loop was, measured twice a second",
            buckets=SECONDS,
            registry=registry,
        )
        Gauge("copilot_event_streams", "Open event streams", registry=registry).set_function(
            lambda: events.subscriber_count
        )
        Gauge(
            "copilot_event_streams_cut_off",
            "Event streams cut off since the start for being too slow",
            registry=registry,
        ).set_function(lambda: events.cut_off_count)
        registry.register(Readings(vitals))
        usage.listen(self._used)
        events.listen(self._sent)
        vitals.lag.listen(self._lag.observe)
        tracer.listen(WorkMetrics(registry).ended)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is a template, never the path itself: ids would make endless series."""
        self._seconds.labels(method, route, str(status)).observe(seconds)

    def _sent(self, event: AssistEvent) -> None:
        match event.type:
            case "revision.done":
                self._revision_seconds.observe(event.data.milliseconds / 1000)
                if event.data.ahead is not None:
                    self._ahead.labels(event.data.ahead.outcome.value).inc()
                    self._saved_seconds.observe(event.data.ahead.saved_milliseconds / 1000)
            case "suggestion.completed":
                self._suggestions.labels(event.data.drafter.value).inc()
            case "suggestion.blocked" | "suggestion.silent":
                self._abstentions.labels(event.data.drafter.value, event.data.reason.value).inc()
            case "knowledge":
                self._knowledge.labels("yes" if event.data.answered else "no").inc()
            case "degraded":
                self._degraded.labels(event.data.component).inc()
            case _:
                pass

    def _used(self, used: UsageTotals) -> None:
        metered = "no" if used.unmetered else "yes"
        self._model_requests.labels(used.model, metered).inc(used.requests)
        cached = min(used.cached_tokens, used.prompt_tokens)
        self._model_tokens.labels(used.model, "prompt").inc(used.prompt_tokens - cached)
        self._model_tokens.labels(used.model, "prompt_cached").inc(cached)
        self._model_tokens.labels(used.model, "completion").inc(used.completion_tokens)
        self._model_cost.labels(used.model).inc(used.cost_microdollars / 1_000_000)

    async def counting(self, events: AsyncGenerator[AssistEvent]) -> AsyncGenerator[AssistEvent]:
        """The same events, counted by type as they pass."""
        async with aclosing(events):
            async for event in events:
                self._events_sent.labels(event.type).inc()
                yield event

    def text(self) -> bytes:
        return generate_latest(self._registry)
