"""Whether a conversation's events were all there, once each, in order."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from copilot.evaluation.live_client import ReceivedEvent


@dataclass
class Integrity:
    """Counts over all conversations; every number but `turns` and `events` should be 0."""

    turns: int = 0
    events: int = 0
    lost: int = 0
    """Ids skipped, turns without their event, and last turns whose work never ended."""
    duplicated: int = 0
    out_of_order: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.lost or self.duplicated or self.out_of_order)

    def check(
        self, conversation_id: str, posted: list[str], events: list[ReceivedEvent], snapshot: dict[str, Any]
    ) -> None:
        """`posted` are turn ids in the order of their POSTs; ids of events are consecutive by design."""
        live = [e for e in events if e.type != "snapshot"]
        self.turns += len(posted)
        self.events += len(live)
        for before, after in zip(live, live[1:], strict=False):
            if after.id > before.id + 1:
                self._wrong("lost", f"{conversation_id}: event {before.id} is followed by {after.id}")
            elif after.id == before.id:
                self._wrong("duplicated", f"{conversation_id}: event {after.id} came twice")
            elif after.id < before.id or after.revision < before.revision:
                self._wrong("out_of_order", f"{conversation_id}: event {before.id}, then {after.id}")
        seen = [e.data["id"] for e in live if e.type == "turn"]
        for turn_id, count in Counter(seen).items():
            if count > 1:
                self._wrong("duplicated", f"{conversation_id}: {turn_id} was shown {count} times")
        kept = [turn["id"] for turn in snapshot["conversation"]["turns"]]
        for name, found in (("shown", seen), ("kept", kept)):
            for turn_id in posted:
                if turn_id not in found:
                    self._wrong("lost", f"{conversation_id}: {turn_id} was never {name}")
            if [t for t in found if t in posted] != [t for t in posted if t in found]:
                self._wrong("out_of_order", f"{conversation_id}: turns were {name} in another order")
        done = {e.revision for e in live if e.type == "revision.done"}
        if live and max(e.revision for e in live) not in done:
            self._wrong("lost", f"{conversation_id}: the work for the last turn did not end")

    def _wrong(self, kind: str, what: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 5:
            self.examples.append(what)
