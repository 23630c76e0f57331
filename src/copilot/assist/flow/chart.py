"""Flow charts as the ranking reads them: what follows what, where a step stands, what it answers to."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from copilot.assist.flow.progress import Progress
from copilot.domain.playbook import Flow, PlaybookStep

COMMON = "common"
"""The intent of a flow that goes with every other: greeting, what is out of scope, goodbye."""


@dataclass(frozen=True)
class Chart:
    """One flow. A step that names nothing it comes after stands where it is written."""

    flow: Flow

    @cached_property
    def steps(self) -> Mapping[str, PlaybookStep]:
        return {step.id: step for step in self.flow.steps}

    @cached_property
    def followers(self) -> Mapping[str, frozenset[str]]:
        """By step: the steps that come straight after it."""
        drawn = [(before, step.id) for step in self.flow.steps for before in step.follows]
        if not drawn:
            ids = [step.id for step in self.flow.steps]
            drawn = list(itertools.pairwise(ids))
        return {before: frozenset(a for b, a in drawn if b == before) for before, _ in drawn}

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Of the steps on the main way, from its first step on, as far as one leads to the next."""
        positions: dict[str, int] = {}
        here = self.flow.steps[0].id if self.flow.steps else None
        while here is not None and here not in positions:
            positions[here] = len(positions)
            onward = self.followers.get(here, frozenset())
            here = next((s.id for s in self.flow.steps if s.id in onward and s.id not in positions), None)
        return positions

    def next_open(self, progress: Progress) -> str | None:
        """The first step of the main way that was not done, its greeting aside."""
        ordered = sorted(self.positions, key=lambda step: self.positions[step])
        return next((step for step in ordered[1:] if not progress.done.get(step)), None)


class Charts:
    """The flows by intent. The one called `common`, if there is one, goes with every conversation."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._charts = {flow.intent: Chart(flow) for flow in flows}

    def of(self, intents: Sequence[str]) -> tuple[Chart, ...]:
        return tuple(chart for i in intents if (chart := self._charts.get(i)) is not None)

    @cached_property
    def common(self) -> Mapping[str, PlaybookStep]:
        chart = self._charts.get(COMMON)
        return chart.steps if chart is not None else {}

    @cached_property
    def steps(self) -> Mapping[str, PlaybookStep]:
        """Every step of every flow, by id."""
        found: dict[str, PlaybookStep] = {}
        for chart in self._charts.values():
            for step_id, step in chart.steps.items():
                found.setdefault(step_id, step)
        return found

    @cached_property
    def homes(self) -> Mapping[str, tuple[str, ...]]:
        """By step: the intents whose flow it is a step of; none for those that are common to all."""
        homes: dict[str, list[str]] = {}
        for intent, chart in self._charts.items():
            for step_id in chart.steps:
                if intent != COMMON and step_id not in self.common:
                    homes.setdefault(step_id, []).append(intent)
        return {step: tuple(intents) for step, intents in homes.items()}

    def kind_of(self, step: str) -> str:
        """The kind of a step that is on a chart; "other" for one that was only ever seen done."""
        return self.steps[step].kind.value if step in self.steps else "other"

    def candidates(self, intents: Sequence[str], seen: Iterable[str] = ()) -> tuple[str, ...]:
        """The steps of these flows and the common ones, and steps `seen` done in such conversations."""
        steps = [step for chart in self.of(intents) for step in chart.steps]
        return tuple(dict.fromkeys([*steps, *self.common, *seen]))
