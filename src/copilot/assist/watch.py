"""Tells supervisors of conversations that go wrong, once for each reason."""

from collections.abc import Sequence
from datetime import timedelta

from copilot.assist.revision import Revision
from copilot.assist.signals import with_repeated
from copilot.domain.conversation import Conversation
from copilot.domain.signals import Alert, Signal, SignalKind
from copilot.ports import Clock, ConversationStore, Ids

_LOOK_BACK = timedelta(days=14)
_LEVEL_OF = {SignalKind.URGENCY: 0.9}
"""From which level on a signal is worth an alert; most from the same."""
_LEVEL = 0.6
_OFTEN = 2


class Watch:
    """Looks at each understood turn; repeated contact comes from the customer's earlier conversations."""

    def __init__(self, store: ConversationStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def tell(self, revision: Revision) -> None:
        """Publishes an alert for each new reason among the signals of the last understanding."""
        memory, conversation = revision.memory, revision.conversation
        if memory.understanding is None:
            return
        last = conversation.last_customer_turn
        await self._find_contacts(revision)
        repeated = repeated_contact(memory.earlier_contacts, (last.id,) if last else ())
        for signal in with_repeated(memory.understanding.signals, repeated):
            if signal.level < _LEVEL_OF.get(signal.kind, _LEVEL) or signal.kind in memory.alerted:
                continue
            alert = Alert(
                id=self._ids.new("alert"),
                tenant_id=conversation.tenant_id,
                conversation_id=conversation.id,
                revision=conversation.revision,
                reason=signal.kind,
                message=signal.why,
                turn_ids=signal.turn_ids,
                representative_id=conversation.representative_id,
                created_at=self._clock.now(),
            )
            # Kept first: whoever reads the list after a stream has begun misses none.
            if await self._store.add_alert(alert):
                await revision.publish(alert)
            memory.alerted.add(signal.kind)

    async def _find_contacts(self, revision: Revision) -> None:
        """Of the last two weeks; looked up once for each customer of a conversation."""
        conversation, memory = revision.conversation, revision.memory
        customer = conversation.customer_id
        if customer is None or memory.contacts_of == customer:
            return
        since = conversation.created_at - _LOOK_BACK
        found = await self._store.recent_conversations(conversation.tenant_id, customer, since)
        begun = conversation.created_at
        memory.earlier_contacts = tuple(c for c in found if c.id != conversation.id and c.created_at <= begun)
        memory.contacts_of = customer


def repeated_contact(earlier: Sequence[Conversation], turn_ids: tuple[str, ...]) -> Signal | None:
    """The signal of a customer who has been here before, lately."""
    if not earlier:
        return None
    times = "once" if len(earlier) == 1 else f"{len(earlier)} times"
    last = max(c.created_at for c in earlier).date().isoformat()
    return Signal(
        kind=SignalKind.REPEATED_CONTACT,
        level=0.8 if len(earlier) >= _OFTEN else 0.4,
        why=f"The customer has contacted us {times} in the two weeks before, last on {last}.",
        turn_ids=turn_ids,
    )
