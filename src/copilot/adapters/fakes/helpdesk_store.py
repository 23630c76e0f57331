"""The HelpdeskStore port in memory."""

from collections.abc import Sequence
from datetime import datetime

from copilot.domain.helpdesk import Delivery, DeliveryStatus, Note, NoteStatus, QueueState


class MemoryHelpdeskStore:
    def __init__(self) -> None:
        self._links: dict[tuple[str, str], str] = {}
        self._deliveries: dict[tuple[str, str, str], Delivery] = {}
        self._notes: dict[str, Note] = {}

    async def conversation_of(self, tenant_id: str, external_id: str) -> str | None:
        return self._links.get((tenant_id, external_id))

    async def link(
        self, tenant_id: str, external_id: str, conversation_id: str, at: datetime, *, instead_of: str | None
    ) -> str:
        del at
        if self._links.get((tenant_id, external_id)) == instead_of:
            self._links[tenant_id, external_id] = conversation_id
        return self._links[tenant_id, external_id]

    async def take_in(self, delivery: Delivery) -> bool:
        if _key(delivery) in self._deliveries:
            return False
        self._deliveries[_key(delivery)] = delivery
        return True

    async def last_position(self, tenant_id: str, external_id: str) -> float | None:
        became = {DeliveryStatus.TURNED, DeliveryStatus.DONE}
        positions = [
            d.message.position
            for d in self._deliveries.values()
            if d.tenant_id == tenant_id
            and d.message.contact.external_id == external_id
            and d.status in became
        ]
        return max(positions, default=None)

    async def save_delivery(self, delivery: Delivery) -> None:
        self._deliveries[_key(delivery)] = delivery

    async def open_deliveries(self) -> Sequence[Delivery]:
        waiting = {DeliveryStatus.RECEIVED, DeliveryStatus.TURNED}
        found = [d for d in self._deliveries.values() if d.status in waiting]
        return sorted(found, key=lambda d: (d.message.contact.external_id, d.message.position))

    async def settle(self, delivery: Delivery, note: Note | None) -> None:
        self._deliveries[_key(delivery)] = delivery
        if note is not None and not any(
            (n.tenant_id, n.turn_id) == (note.tenant_id, note.turn_id) for n in self._notes.values()
        ):
            self._notes[note.id] = note

    async def save_note(self, note: Note) -> None:
        self._notes[note.id] = note

    async def due_notes(self, now: datetime) -> Sequence[Note]:
        found = [n for n in self._notes.values() if n.status.is_open and n.due_at <= now]
        return sorted(found, key=lambda n: (n.created_at, n.id))

    async def state(self, tenant_id: str, integration: str) -> QueueState:
        mine = (tenant_id, integration)
        messages = [d for d in self._deliveries.values() if (d.tenant_id, d.integration) == mine]
        notes = [n for n in self._notes.values() if (n.tenant_id, n.integration) == mine]
        open_messages = {DeliveryStatus.RECEIVED, DeliveryStatus.TURNED}
        stuck = [m for m in messages if m.status in open_messages or m.status is DeliveryStatus.FAILED]
        held = [n for n in notes if n.status.is_open or n.status is NoteStatus.FAILED]
        problems = [d.problem for d in stuck if d.problem] + [n.problem for n in held if n.problem]
        return QueueState(
            messages_waiting=sum(m.status in open_messages for m in messages),
            messages_failed=sum(m.status is DeliveryStatus.FAILED for m in messages),
            notes_waiting=sum(n.status.is_open for n in notes),
            notes_failed=sum(n.status is NoteStatus.FAILED for n in notes),
            problem=problems[-1] if problems else "",
        )

    async def notes(self, tenant_id: str, external_id: str) -> Sequence[Note]:
        return [n for n in self._notes.values() if (n.tenant_id, n.external_id) == (tenant_id, external_id)]


def _key(delivery: Delivery) -> tuple[str, str, str]:
    return (delivery.tenant_id, delivery.integration, delivery.message.event_id)
