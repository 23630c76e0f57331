"""Plays recorded conversations through the HTTP API and holds what the panel showed against `expect`."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from copilot.domain.recording import Expectation, RecordedConversation, RecordedTurn
from copilot.domain.value import Value
from copilot.evaluation.live_client import LiveClient, ReceivedEvent
from copilot.evaluation.local_server import LocalServer
from copilot.evaluation.player import Player


class Check(Value):
    """One expectation of one turn: `turn` counts from 1, the wrap-up is the one after the last."""

    recording: str
    turn: int
    kind: str
    expected: str
    shown: str
    hit: bool

    @property
    def key(self) -> tuple[str, int, str, str]:
        return (self.recording, self.turn, self.kind, self.expected)


class KnownMiss(Value):
    """An expectation that the product is known not to meet yet, and why."""

    recording: str
    turn: int
    kind: str
    expected: str
    why: str

    @property
    def key(self) -> tuple[str, int, str, str]:
        return (self.recording, self.turn, self.kind, self.expected)


@dataclass
class Shown:
    """What the panel showed after one thing happened: the last event of each type counts."""

    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    tools: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    """The knowledge that stood in the panel already: it is not sent again while it stays the same."""
    after: dict[str, float] = field(default_factory=dict)
    """Milliseconds until the last event of each type."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """What READ tools answered."""

    def take(self, event: ReceivedEvent, milliseconds: float = 0.0) -> None:
        self.last[event.type] = event.data
        self.after[event.type] = milliseconds
        if event.type == "tool.result":
            self.tools.append(event.data["result"]["call"]["tool"])
            self.results.append(event.data)

    @property
    def intent(self) -> str | None:
        intent = self.last.get("understanding", {}).get("intent")
        return intent["name"] if intent else None

    @property
    def knowledge(self) -> dict[str, Any]:
        """What the panel shows for this turn."""
        found = self.last.get("knowledge", {})
        return self.before if found.get("unchanged") else found

    def next(self) -> "Shown":
        """For what happens next, over what stands in the panel by now."""
        return Shown(before=self.knowledge or self.before)

    @property
    def answered(self) -> bool:
        return bool(self.knowledge.get("answered"))

    @property
    def documents(self) -> list[str]:
        cards = self.knowledge.get("cards", ())
        return list(dict.fromkeys(card["citation"]["external_id"] for card in cards))

    @property
    def draft(self) -> str:
        return str(self.last.get("suggestion.completed", {}).get("text", ""))

    @property
    def calls(self) -> list[tuple[str, str | None, bool]]:
        """(tool, policy's outcome, whether it waits for approval) of the next actions that are calls."""
        return [
            (
                action["call"]["tool"],
                (action.get("decision") or {}).get("outcome"),
                bool(action.get("action_id")),
            )
            for action in self.last.get("next_actions", {}).get("actions", ())
            if action.get("call")
        ]


@dataclass(frozen=True)
class Played:
    """A turn of a recording with what was shown for it; `problem` says why it could not be played."""

    turn: int
    said: str
    shown: Shown
    problem: str | None


@dataclass(frozen=True)
class Performance:
    """One recording, played."""

    recording: RecordedConversation
    turns: tuple[Played, ...]
    checks: tuple[Check, ...]


async def play_all(
    server: LocalServer,
    recordings: Sequence[RecordedConversation],
    on_played: Callable[[Performance], None] = lambda _: None,
) -> list[Performance]:
    """One after another: orders change as their conversations go on."""
    played = []
    async with (
        LiveClient.connect(server.address, server.representative) as representative,
        LiveClient.connect(server.address, server.supervisor) as supervisor,
    ):
        for recording in recordings:
            played.append(await play(representative, supervisor, recording))
            on_played(played[-1])
    return played


async def play(
    representative: LiveClient, supervisor: LiveClient, recording: RecordedConversation
) -> Performance:
    turns: list[Played] = []
    shown = Shown()

    def take(event: ReceivedEvent, milliseconds: float) -> None:
        shown.take(event, milliseconds)

    def after_turn(index: int, problem: str | None) -> None:
        nonlocal shown
        turns.append(Played(index + 1, _said(recording, index), shown, problem))
        shown = shown.next()

    player = Player(
        representative=representative,
        supervisor=supervisor,
        on_event=take,
        on_step=lambda _kind, _text: None,
        after_turn=after_turn,
    )
    await player.play(recording)
    return Performance(recording, tuple(turns), tuple(_checks(recording, turns)))


def _said(recording: RecordedConversation, index: int) -> str:
    if index == len(recording.turns):
        return "wrap-up"
    turn = recording.turns[index]
    return next((f"{k}: {v}" for k in RecordedTurn.model_fields if (v := getattr(turn, k)) is not None), "")


def _checks(recording: RecordedConversation, turns: Sequence[Played]) -> Iterator[Check]:
    for played in turns:

        def check(kind: str, expected: object, shown: object, hit: bool, number: int = played.turn) -> Check:
            return Check(
                recording=recording.id,
                turn=number,
                kind=kind,
                expected=str(expected),
                shown=str(shown),
                hit=hit,
            )

        if played.problem is not None or _is_a_decision(recording, played.turn):
            yield check("played", "it can be played", played.problem, hit=played.problem is None)
        if played.problem is not None:
            continue
        if played.turn > len(recording.turns):
            wanted = recording.wrap_up.disposition if recording.wrap_up else None
            if wanted is not None:
                found = played.shown.last.get("wrap_up", {}).get("disposition", {}).get("code")
                yield check("disposition", wanted, found, hit=found == wanted)
        elif (expect := recording.turns[played.turn - 1].expect) is not None:
            for kind, expected, shown, hit in compare(expect, played.shown):
                yield check(kind, expected, shown, hit)


def _is_a_decision(recording: RecordedConversation, turn: int) -> bool:
    spoken = [t.customer is not None or t.representative is not None for t in recording.turns]
    return turn <= len(spoken) and not spoken[turn - 1]


def compare(expect: Expectation, shown: Shown) -> Iterator[tuple[str, object, object, bool]]:
    """(kind, expected, shown, whether they agree) of everything that is written in `expect`."""
    if expect.intent is not None:
        yield "intent", expect.intent, shown.intent, shown.intent == expect.intent
    if expect.answered is not None:
        yield "answered", expect.answered, shown.answered, shown.answered is expect.answered
    if expect.silent is not None:
        yield "silent", expect.silent, shown.documents, expect.silent is not bool(shown.documents)
    if expect.documents:
        found = not set(expect.documents).isdisjoint(shown.documents)
        yield "documents", " | ".join(expect.documents), shown.documents, found
    for document in expect.not_documents:
        yield "not_documents", document, shown.documents, document not in shown.documents
    for tool in expect.tools:
        yield "tools", tool, shown.tools, tool in shown.tools
    yield from _action_checks(expect, shown)
    for pattern in expect.draft_includes:
        yield "draft_includes", pattern, shown.draft, bool(re.search(pattern, shown.draft, re.IGNORECASE))
    for pattern in expect.draft_excludes:
        yield "draft_excludes", pattern, shown.draft, not re.search(pattern, shown.draft, re.IGNORECASE)


def _action_checks(expect: Expectation, shown: Shown) -> Iterator[tuple[str, object, object, bool]]:
    if expect.expects_no_action:
        waiting = [tool for tool, _, proposed in shown.calls if proposed]
        yield "action", "none", waiting, not waiting
    elif expect.action is not None:
        tools = [tool for tool, _, _ in shown.calls]
        yield "action", expect.action, tools, expect.action in tools
    if expect.outcome is not None:
        outcomes = [
            outcome for tool, outcome, _ in shown.calls if expect.action is None or tool == expect.action
        ]
        yield "outcome", expect.outcome.value, outcomes, expect.outcome in outcomes
