"""What speaks for each candidate step, in numbers that mean the same for every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from copilot.assist.flow.centroids import Centroids
from copilot.assist.flow.chart import Chart, Charts
from copilot.assist.flow.cues import cue_heard
from copilot.assist.flow.progress import OWN_WORDS, Progress
from copilot.assist.flow.transitions import CHAINS, Transitions, contexts_of
from copilot.ports import Vector

Rows = NDArray[np.float32]
_KINDS = ("ask", "look_up", "inform", "other")
_GROUPS = {"ask": "ask", "verify": "ask", "look_up": "look_up", "tool": "look_up"}
_ANSWERED = 0.5
_AHEAD = 3
_CHART = (
    "written_first",
    "follows_last",
    "next_open",
    "on_chart",
    "same_flow",
    "same_flow_of_several",
    "ahead_1",
    "ahead_2",
    "ahead_3",
    "goes_back",
    "next_open_here",
    "follows_last_here",
    "flow_begun",
    "flow_answered",
    "cue_heard",
    "cue_not_heard",
)
_MEANING = ("like_reply", "like_prompt", "like_flow", "answered", "answered_surely", "answered_now")
NAMES: tuple[str, ...] = (
    *CHAINS,
    "share_in_flow",
    "share_after_three",
    *_CHART,
    *(f"{what}_{kind}" for what in ("done", "repeated", "just_done") for kind in _KINDS),
    *_MEANING,
)
_COLUMN = {name: i for i, name in enumerate(NAMES)}


@dataclass(frozen=True)
class Meanings:
    """What is said in each step (unit vectors), and what customers say before and after it.

    `flows` is what customers say in conversations while they are about each flow.
    """

    replies: Mapping[str, Vector] = field(default_factory=dict)
    answers: Centroids = field(default_factory=Centroids)
    prompts: Centroids = field(default_factory=Centroids)
    flows: Centroids = field(default_factory=Centroids)


@dataclass(frozen=True)
class Own:
    """What one conversation has added to the counts and directions that it is itself to be judged by."""

    transitions: Transitions
    meanings: Meanings


@dataclass(frozen=True)
class Evidence:
    """Weighs candidates by charts, transition counts and meanings."""

    charts: Charts
    transitions: Transitions
    meanings: Meanings = field(default_factory=Meanings)

    def rows(
        self,
        progress: Progress,
        flows: tuple[str, ...],
        candidates: Sequence[str],
        said: Sequence[Vector] = (),
        without: Own | None = None,
    ) -> Rows:
        """Shape (candidates, NAMES). `said` has a unit vector for each customer turn so far, or is empty."""
        rows = np.zeros((len(candidates), len(NAMES)), dtype=np.float32)
        self._add_transitions(rows, progress, flows, candidates, without.transitions if without else None)
        self._add_charts(rows, progress, self.charts.of(flows), candidates)
        rows[:, _COLUMN["written_first"]] = -np.arange(len(candidates), dtype=np.float32)
        self._add_repetition(rows, progress, candidates)
        self._add_meaning(rows, progress, candidates, said, without.meanings if without else Meanings())
        return rows

    def _add_transitions(
        self,
        rows: Rows,
        progress: Progress,
        flows: tuple[str, ...],
        candidates: Sequence[str],
        without: Transitions | None,
    ) -> None:
        contexts = contexts_of(progress, flows)
        shared: dict[tuple[int, ...], Rows] = {}
        for name, chain in CHAINS.items():
            shares = self.transitions.chained(contexts, chain, candidates, without, shared)
            rows[:, _COLUMN[name]] = np.log(shares + 1e-5)
            if name == "after_last_in_flow":
                rows[:, _COLUMN["share_in_flow"]] = shares
            if name == "after_last_three":
                rows[:, _COLUMN["share_after_three"]] = shares

    def _add_charts(
        self, rows: Rows, progress: Progress, charts: Sequence[Chart], candidates: Sequence[str]
    ) -> None:
        current = self._current_flow(progress, charts)
        number = {step: i for i, step in enumerate(candidates)}
        for chart in charts:
            start = progress.last_step or chart.flow.steps[0].id
            followers = chart.followers.get(start, frozenset())
            next_open, here = chart.next_open(progress), chart.positions.get(start)
            own = [step for step in chart.steps if step not in self.charts.common and progress.done.get(step)]
            answered = any(self._group(step) == "inform" for step in own)
            for step_id, step in chart.steps.items():
                if step_id not in number:
                    continue
                row = rows[number[step_id]]
                row[_COLUMN["on_chart"]] = 1
                row[_COLUMN["follows_last"]] += step_id in followers
                row[_COLUMN["next_open"]] += step_id == next_open
                if chart is current and step_id not in self.charts.common:
                    row[_COLUMN["same_flow"]] = 1
                    row[_COLUMN["same_flow_of_several"]] = len(charts) > 1
                    row[_COLUMN["next_open_here"]] = step_id == next_open
                    row[_COLUMN["follows_last_here"]] = step_id in followers
                if len(charts) > 1 and step_id not in self.charts.common:
                    row[_COLUMN["flow_begun"]] = bool(own)
                    row[_COLUMN["flow_answered"]] = answered
                if here is not None and (there := chart.positions.get(step_id)) is not None:
                    if 1 <= there - here <= _AHEAD:
                        row[_COLUMN[f"ahead_{there - here}"]] = 1
                    row[_COLUMN["goes_back"]] = there < here
                heard = [h for cue in step.cues if (h := cue_heard(cue, progress)) is not None]
                if heard:
                    row[_COLUMN["cue_heard"]] = max(row[_COLUMN["cue_heard"]], any(heard))
                    row[_COLUMN["cue_not_heard"]] = not any(heard)

    def _current_flow(self, progress: Progress, charts: Sequence[Chart]) -> Chart | None:
        """The flow of the last step that belongs to one."""
        for key in reversed(progress.history):
            step = key.split(":")[0]
            if key != OWN_WORDS and step not in self.charts.common:
                found = next((c for c in charts if step in c.steps), None)
                if found is not None:
                    return found
        return None

    def _group(self, step: str) -> str:
        if step in self.charts.common:
            return "other"
        return _GROUPS.get(self.charts.kind_of(step), "inform")

    def _add_repetition(self, rows: Rows, progress: Progress, candidates: Sequence[str]) -> None:
        last = progress.history[-1].split(":")[0] if progress.history else None
        for row, step in zip(rows, candidates, strict=True):
            times, group = progress.done.get(step, 0), self._group(step)
            row[_COLUMN[f"done_{group}"]] = times > 0
            row[_COLUMN[f"repeated_{group}"]] = times > 1
            row[_COLUMN[f"just_done_{group}"]] = step == last

    def _add_meaning(
        self,
        rows: Rows,
        progress: Progress,
        candidates: Sequence[str],
        said: Sequence[Vector],
        own: Meanings,
    ) -> None:
        if not said:
            return
        heard, known = np.asarray(said, dtype=np.float32), self.meanings
        speaks = progress.last_event == "customer"
        for row, step in zip(rows, candidates, strict=True):
            reply = known.replies.get(step)
            if reply is not None and speaks:
                row[_COLUMN["like_reply"]] = float(reply @ heard[-1])
            prompt = known.prompts.unit(step, own.prompts) if speaks else None
            if prompt is not None:
                row[_COLUMN["like_prompt"]] = float(prompt @ heard[-1])
            homes = self.charts.homes.get(step, ())
            flows = [f for home in homes if (f := known.flows.unit(home, own.flows)) is not None]
            if flows:
                row[_COLUMN["like_flow"]] = max(float(flow @ heard[-1]) for flow in flows)
            self._add_answers(row, step, progress, heard, known.answers.unit(step, own.answers))

    def _add_answers(
        self, row: Rows, step: str, progress: Progress, heard: Rows, answer: Vector | None
    ) -> None:
        """Whether what a step asks for has been said already."""
        if answer is None or self._group(step) != "ask":
            return
        likeness = heard @ answer
        row[_COLUMN["answered_now"]] = likeness[-1]
        if not progress.done.get(step):
            row[_COLUMN["answered"]] = likeness.max()
            row[_COLUMN["answered_surely"]] = float(likeness.max() > _ANSWERED)
