"""Whether a conversation's events were all there, once each, in order."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
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
        self._check_ids(conversation_id, live)
        shown = [e.data["id"] for e in live if e.type == "turn"]
        kept = [turn["id"] for turn in snapshot["conversation"]["turns"]]
        for where, found in (("shown", shown), ("kept", kept)):
            self._check_turns(conversation_id, posted, found, where)
        done = {e.revision for e in live if e.type == "revision.done"}
        if live and max(e.revision for e in live) not in done:
            self._wrong("lost", f"{conversation_id}: the work for the last turn did not end")

    def _check_ids(self, conversation_id: str, live: list[ReceivedEvent]) -> None:
        for before, after in pairwise(live):
            if after.id > before.id + 1:
                self._wrong("lost", f"{conversation_id}: event {before.id} is followed by {after.id}")
            elif after.id == before.id:
                self._wrong("duplicated", f"{conversation_id}: event {after.id} came twice")
            elif after.id < before.id or after.revision < before.revision:
                self._wrong("out_of_order", f"{conversation_id}: event {before.id}, then {after.id}")

    def _check_turns(self, conversation_id: str, posted: list[str], found: list[str], where: str) -> None:
        counts = Counter(found)
        for turn_id in posted:
            if counts[turn_id] == 0:
                self._wrong("lost", f"{conversation_id}: {turn_id} was never {where}")
            elif counts[turn_id] > 1:
                self._wrong("duplicated", f"{conversation_id}: {turn_id} was {where} {counts[turn_id]} times")
        if [t for t in found if t in posted] != [t for t in posted if t in counts]:
            self._wrong("out_of_order", f"{conversation_id}: turns were {where} in another order")

    def _wrong(self, kind: str, what: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 5:
            self.examples.append(what)
