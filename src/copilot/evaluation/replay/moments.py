"""What one system showed at each point of a conversation, held against what was sent and done there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rapidfuzz.distance import Levenshtein

from copilot.assist.feedback import verdict_on
from copilot.assist.words import plain
from copilot.domain.assist import FeedbackVerdict
from copilot.domain.recording import RecordedConversation, RecordedTurn
from copilot.domain.value import Value
from copilot.evaluation.conversations import Performance, Played
from copilot.evaluation.replay.promises import broken_promises, numbers_of

_HELPED = (FeedbackVerdict.USED, FeedbackVerdict.EDITED)


class Moment(Value):
    """The customer has spoken, or was verified: what the panel showed, before anybody answered."""

    turn: int
    said: str
    draft: str
    sent: str | None
    """What the representative wrote next; None when something else came first."""
    distance: float | None
    """Edits from the draft to what was sent, as a share of the longer; 1 without a draft."""
    helped: bool | None
    """Whether what was sent is the draft, or most of it."""
    broken_promises: tuple[str, ...]
    strange_numbers: tuple[str, ...]
    """Numbers of the draft that nobody said and no passage, order or decision holds."""
    proposals: tuple[str, ...]
    """Tools whose calls wait for approval."""
    milliseconds: float | None
    """From the turn to the whole draft."""


class Tokens(Value):
    prompt: int = 0
    completion: int = 0


class Showing(Value):
    """One conversation with one system."""

    id: str
    moments: tuple[Moment, ...] = ()
    approvals: tuple[bool, ...] = ()
    """Of the actions that were approved at the time: whether this system proposed them too."""
    not_taken: tuple[str, ...] = ()
    """Tools it proposed that nobody approved."""
    expectations: tuple[bool, ...] = ()
    """Of a recording that says what a good panel shows."""
    tokens: Tokens = Tokens()
    problem: str | None = None
    """Why it could not be played at all; there are then no moments."""

    def scores(self) -> dict[str, float | None]:
        """Means over the moments; a moment is in every denominator that it belongs to."""
        answered = [m for m in self.moments if m.sent is not None]
        useful = next((n for n, m in enumerate(answered, start=1) if m.helped), len(answered) + 1)
        first = next((m.milliseconds for m in answered if m.helped), None)
        return {
            "suggestions": _mean([bool(m.draft) for m in self.moments]),
            "useful": _mean([bool(m.helped) for m in answered]),
            "edit_distance": _mean([m.distance for m in answered if m.distance is not None]),
            "broken_promises": _mean([bool(m.broken_promises) for m in self.moments]),
            "strange_numbers": _mean([bool(m.strange_numbers) for m in self.moments]),
            "approvals_offered": _mean(self.approvals),
            "proposals_not_taken": float(len(self.not_taken)),
            "expectations_met": _mean(self.expectations),
            "answers_to_first_useful": float(useful) if answered else None,
            "first_useful_ms": first,
            "prompt_tokens": float(self.tokens.prompt),
            "completion_tokens": float(self.tokens.completion),
        }


GATES = {
    "useful": "higher",
    "edit_distance": "lower",
    "broken_promises": "lower",
    "strange_numbers": "lower",
    "approvals_offered": "higher",
    "proposals_not_taken": "lower",
    "expectations_met": "higher",
    "answers_to_first_useful": "lower",
}
"""Scores that a candidate must not make significantly worse, and which way is better."""


def showing(performance: Performance, tokens: Tokens | None = None) -> Showing:
    recording = performance.recording
    moments = tuple(_moments(performance))
    approved = {t.approve or t.approve_as_supervisor for t in recording.turns}
    proposed = dict.fromkeys(tool for moment in moments for tool in moment.proposals)
    return Showing(
        id=recording.id,
        moments=moments,
        approvals=tuple(
            played.problem is None
            for played in performance.turns
            if (turn := _turn(recording, played)) is not None and turn.approve is not None
        ),
        not_taken=tuple(tool for tool in proposed if tool not in approved),
        expectations=tuple(check.hit for check in performance.checks if check.kind != "played"),
        tokens=tokens or Tokens(),
    )


def _moments(performance: Performance) -> Iterator[Moment]:
    recording = performance.recording
    known = numbers_of([recording.title, recording.crm_customer or ""])
    for played in performance.turns:
        turn = _turn(recording, played)
        if turn is None:
            continue
        known |= numbers_of([turn.customer or turn.representative or "", _proof(turn)])
        known |= _numbers_shown(played)
        if turn.customer is not None or turn.verify is not None:
            yield _moment(played, _sent(recording, played.turn), known)


def _moment(played: Played, sent: str | None, known: set[str]) -> Moment:
    shown = played.shown
    suggestion = shown.last.get("suggestion.completed", {})
    draft = shown.draft
    cards = [str(card["text"]) for card in shown.knowledge.get("cards", ())]
    sentences: Sequence[Mapping[str, Any]] = suggestion.get("sentences", ())
    actions = shown.last.get("next_actions", {}).get("actions", ())
    verdict = verdict_on(draft, sent) if draft and sent is not None else None
    return Moment(
        turn=played.turn,
        said=played.said,
        draft=draft,
        sent=sent,
        distance=None if sent is None else _distance(draft, sent),
        helped=None if sent is None else verdict in _HELPED,
        broken_promises=tuple(broken_promises(sentences, actions, cards)),
        strange_numbers=tuple(sorted(numbers_of(draft) - known)),
        proposals=tuple(tool for tool, _, waits in shown.calls if waits),
        milliseconds=shown.after.get("suggestion.completed"),
    )


def _numbers_shown(played: Played) -> set[str]:
    """Of the sources the panel named, not of the draft."""
    last = played.shown.last
    quotes = [
        citation["quote"]
        for sentence in last.get("suggestion.completed", {}).get("sentences", ())
        for citation in sentence.get("citations", ())
    ]
    decided = [
        [action.get("decision"), action.get("preview"), action.get("call")]
        for action in last.get("next_actions", {}).get("actions", ())
    ]
    return numbers_of([played.shown.knowledge, quotes, decided, played.shown.results])


def _distance(draft: str, sent: str) -> float:
    return float(Levenshtein.normalized_distance(plain(draft), plain(sent))) if draft else 1.0


def _sent(recording: RecordedConversation, turn: int) -> str | None:
    """The representative's words after this turn (counted from 1), where they come next."""
    following = recording.turns[turn] if turn < len(recording.turns) else None
    return following.representative if following is not None else None


def _turn(recording: RecordedConversation, played: Played) -> RecordedTurn | None:
    return recording.turns[played.turn - 1] if played.turn <= len(recording.turns) else None


def _proof(turn: RecordedTurn) -> dict[str, Any]:
    return turn.verify.model_dump(exclude_none=True) if turn.verify else {}


def _mean(values: Sequence[float | bool]) -> float | None:
    return sum(map(float, values)) / len(values) if values else None
