"""What is read off when somebody asks for metrics, rather than counted as it happens."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from copilot.api.services import Vitals


class Readings(Collector):
    """Dependencies, outboxes, queues and caches."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Metric]:
        readiness = self._vitals.readiness
        yield GaugeMetricFamily("copilot_ready", "1: as /readyz says", value=float(readiness.ready))
        yield GaugeMetricFamily(
            "copilot_background_work",
            "1: this server delivers what waits and runs jobs",
            value=float(self._vitals.background),
        )
        up = GaugeMetricFamily("copilot_dependency_up", "1: it answers", labels=["dependency", "required"])
        took = GaugeMetricFamily(
            "copilot_dependency_seconds", "What it took to answer last", labels=["dependency"]
        )
        for state in readiness.states:
            up.add_metric([state.name, "yes" if state.required else "no"], float(state.ok))
            took.add_metric([state.name], state.milliseconds / 1000)
        yield up
        yield took
        age = GaugeMetricFamily(
            "copilot_outbox_age_seconds", "Age of the oldest that waits; 0: none does", labels=["outbox"]
        )
        for name, seconds in self._vitals.backlog.items():
            age.add_metric([name], seconds())
        yield age
        length = GaugeMetricFamily("copilot_queue_length", "How many wait", labels=["queue"])
        for name, waiting in self._vitals.queues.items():
            length.add_metric([name], waiting())
        yield length
        lost = CounterMetricFamily("copilot_queue_lost", "How many could not be kept", labels=["queue"])
        for name, count in self._vitals.lost.items():
            lost.add_metric([name], count())
        yield lost
        asked = CounterMetricFamily(
            "copilot_cache_requests", "Look-ups in a cache", labels=["cache", "result"]
        )
        for name, counts in self._vitals.caches.items():
            hits, misses = counts()
            asked.add_metric([name, "hit"], hits)
            asked.add_metric([name, "miss"], misses)
        yield asked
