"""How far a conversation has come, as the ranking of next steps sees it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from copilot.domain.episode import (
    CustomerSaid,
    EpisodeEvent,
    FoundValue,
    LookedUp,
    OwnWords,
    StepTaken,
)

START = "<start>"
OWN_WORDS = "<own words>"
_KEPT = 5
_LONGEST_VALUE = 40
_SHORT_VALUE = 16
_STATUS = re.compile(r"status|message|confirm|outcome|result|reply", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Progress:
    """The state before a decision. A step's key is its id, and its variant after a colon."""

    history: tuple[str, ...] = ()
    """Keys of the last steps, oldest first; `OWN_WORDS` for what was no step."""
    last_event: str = "start"
    """start, customer, result or representative."""
    since: str = ""
    """What the customer has said since the last step."""
    customer: tuple[str, ...] = ()
    """Everything the customer said, turn by turn."""
    done: Mapping[str, int] = field(default_factory=dict)
    """How often each step (by id) was done."""
    done_keys: Mapping[str, int] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    """Names of the arguments filled so far."""
    status: tuple[str, ...] = ()
    """What the look-up said that has just come back, as `field=value` words."""
    fields: tuple[str, ...] = ()
    """The fields of the last look-up that had a value, and its flags."""
    echoes: tuple[str, ...] = ()
    """Fields of the last look-up whose value the customer has said in the last turn."""
    agreement: tuple[str, ...] = ()
    """Of a look-up that has just come back: which fields are, or are not, what was asked for."""
    look_ups: int = 0
    """Since the customer last spoke."""
    left: int | None = None
    """Of a list that was looked up: how many of its entries have not been told yet."""

    @property
    def last(self) -> str:
        return self.history[-1] if self.history else START

    @property
    def last_said(self) -> str:
        return self.customer[-1] if self.customer else ""

    @property
    def last_step(self) -> str | None:
        """The id of the last thing done that was a step."""
        return next((key.split(":")[0] for key in reversed(self.history) if key != OWN_WORDS), None)


class ProgressTracker:
    """Takes events one by one; `now` is the state after them."""

    def __init__(self) -> None:
        self._history: list[str] = []
        self._last_event = "start"
        self._since: list[str] = []
        self._customer: list[str] = []
        self._done: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()
        self._given: dict[str, str] = {}
        self._asked: Mapping[str, str] = {}
        self._look_ups = 0
        self._found: Mapping[str, FoundValue] | None = None
        self._told = 0

    def take(self, event: EpisodeEvent) -> None:
        match event:
            case CustomerSaid(text=text):
                self._since.append(text)
                self._customer.append(text)
                self._last_event = "customer"
                self._look_ups = 0
                return
            case LookedUp(found=found):
                self._found, self._told = found, 0
                self._look_ups += 1
                self._last_event = "result"
                return
            case StepTaken(step=step, variant=variant, given=given):
                key = f"{step}:{variant}" if variant else step
                self._history.append(key)
                self._done[step] += 1
                self._keys[key] += 1
                self._given |= given
                self._asked = given
            case OwnWords(like=like):
                self._history.append(like or OWN_WORDS)
                if like:
                    self._done[like] += 1
                    self._keys[like] += 1
        self._told += 1
        self._since.clear()
        self._last_event = "representative"

    def now(self) -> Progress:
        since = " ".join(self._since)
        return Progress(
            history=tuple(self._history[-_KEPT:]),
            last_event=self._last_event,
            since=since,
            customer=tuple(self._customer),
            done=dict(self._done),
            done_keys=dict(self._keys),
            given=frozenset(self._given),
            status=tuple(_status(self._found)) if self._last_event == "result" else (),
            fields=tuple(_fields(self._found)),
            echoes=tuple(_echoes(self._found, self._customer[-1] if self._customer else "")),
            agreement=tuple(_agreement(self._asked, self._found)) if self._last_event == "result" else (),
            look_ups=self._look_ups,
            left=_left(self._found, self._told),
        )


def progress_after(events: Sequence[EpisodeEvent]) -> Progress:
    tracker = ProgressTracker()
    for event in events:
        tracker.take(event)
    return tracker.now()


def decisions(
    events: Sequence[EpisodeEvent], *, own_words: bool = False
) -> Iterator[tuple[Progress, StepTaken]]:
    """Each step that was taken, with the state before it; with `own_words`, also those said otherwise."""
    tracker = ProgressTracker()
    for event in events:
        if isinstance(event, StepTaken):
            yield tracker.now(), event
        elif own_words and isinstance(event, OwnWords) and event.like is not None:
            yield tracker.now(), StepTaken(step=event.like)
        tracker.take(event)


def _status(found: Mapping[str, FoundValue] | None) -> Iterator[str]:
    """Flags, and what the fields say whose name promises an outcome."""
    if not found:
        yield "nothing found"
        return
    for name, value in found.items():
        if isinstance(value, bool) or (isinstance(value, str) and value and _STATUS.search(name)):
            yield f"{name}={re.sub(r'[0-9]+', '#', str(value))[:_LONGEST_VALUE]}"


def _fields(found: Mapping[str, FoundValue] | None) -> Iterator[str]:
    for name, value in (found or {}).items():
        yield f"{name}=" if value in ("", (), None) else name
        if isinstance(value, bool) or (isinstance(value, str) and 0 < len(value) <= _SHORT_VALUE):
            yield f"{name}={value}"


def _agreement(asked: Mapping[str, str], found: Mapping[str, FoundValue] | None) -> Iterator[str]:
    for name, wanted in asked.items():
        value = (found or {}).get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield f"{name} {'as' if str(value).lower() == wanted.lower() else 'not as'} asked"


def _echoes(found: Mapping[str, FoundValue] | None, said: str) -> Iterator[str]:
    words = f" {re.sub(r'[^a-z0-9 ]', ' ', said.lower())} "
    for name, value in (found or {}).items():
        if not isinstance(value, bool | tuple) and value not in (None, "") and f" {value} ".lower() in words:
            yield name


def _left(found: Mapping[str, FoundValue] | None, told: int) -> int | None:
    lengths = [len(value) for value in (found or {}).values() if isinstance(value, tuple)]
    return max(lengths) - told if lengths else None
