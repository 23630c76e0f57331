"""A ConversationStore in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from copilot.domain.assist import AnswerFeedback, Suggestion
from copilot.domain.assist_events import AssistEvent, ConversationSnapshot, SuggestionCompletedEvent
from copilot.domain.conversation import Conversation, ConversationStatus, Speaker, Turn
from copilot.domain.errors import ConversationClosed, NotFound
from copilot.domain.signals import Alert
from copilot.domain.snapshot import EventMarks, advanced
from copilot.domain.wrap_up import Summary, WrapUp


@dataclass
class _Kept:
    conversation: Conversation
    marks: EventMarks = field(default_factory=EventMarks)
    snapshot: ConversationSnapshot | None = None
    events: dict[int, AssistEvent] = field(default_factory=dict)
    wrap_up: WrapUp | None = None


class MemoryConversationStore:
    """Keeps everything until it is forgotten; for tests."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._suggestions: dict[tuple[str, str], Suggestion] = {}
        self._alerts: dict[str, Alert] = {}
        self.feedback: dict[tuple[str, str], AnswerFeedback] = {}

    async def create(self, conversation: Conversation) -> None:
        self._kept[conversation.id] = _Kept(conversation)

    async def get(self, tenant_id: str, conversation_id: str) -> Conversation:
        return self._of(tenant_id, conversation_id).conversation

    async def list_open(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Conversation]:
        found = sorted((kept.conversation for kept in self._kept.values()), key=lambda c: c.id, reverse=True)
        return [
            conversation.model_copy(update={"turns": ()})
            for conversation in found
            if conversation.tenant_id == tenant_id
            and conversation.status is ConversationStatus.OPEN
            and (after is None or conversation.id < after)
        ][:limit]

    async def list_wrapped_up(
        self, tenant_id: str, *, after: str | None = None, limit: int = 200
    ) -> list[str]:
        return [
            kept_id
            for kept_id, kept in sorted(self._kept.items(), reverse=True)
            if kept.conversation.tenant_id == tenant_id
            and kept.conversation.status is ConversationStatus.WRAPPED_UP
            and (after is None or kept_id < after)
        ][:limit]

    async def append_turn(
        self, tenant_id: str, conversation_id: str, *, turn_id: str, speaker: Speaker, text: str, at: datetime
    ) -> Conversation | None:
        if any(t.id == turn_id for t in self._of(tenant_id, conversation_id).conversation.turns):
            return None
        before = self._open(tenant_id, conversation_id).conversation
        turn = Turn(
            id=turn_id,
            conversation_id=conversation_id,
            sequence=len(before.turns) + 1,
            speaker=speaker,
            text=text,
            created_at=at,
        )
        return self._change(before, revision=before.revision + 1, updated_at=at, turns=(*before.turns, turn))

    async def set_customer(
        self, tenant_id: str, conversation_id: str, customer_id: str, at: datetime
    ) -> Conversation:
        before = self._open(tenant_id, conversation_id).conversation
        return self._change(before, revision=before.revision + 1, updated_at=at, customer_id=customer_id)

    async def save_revision(
        self, snapshot: ConversationSnapshot, events: Sequence[AssistEvent], *, tenant_id: str
    ) -> bool:
        kept = self._of(tenant_id, snapshot.conversation.id)
        revision = snapshot.conversation.revision
        if revision < kept.marks.saved_revision:
            return False
        kept.snapshot = snapshot.model_copy(update={"drafts": ()})
        kept.events |= {event.id: event for event in events}
        saved = max([kept.marks.saved, *(event.id for event in events)])
        kept.marks = kept.marks.model_copy(update={"saved": saved, "saved_revision": revision})
        for event in events:
            if isinstance(event, SuggestionCompletedEvent):
                self._suggestions[tenant_id, event.data.id] = event.data
        return True

    async def close(self, tenant_id: str, wrap_up: WrapUp) -> Conversation:
        kept = self._open(tenant_id, wrap_up.conversation_id)
        kept.wrap_up = wrap_up
        return self._change(
            kept.conversation, status=ConversationStatus.WRAPPED_UP, updated_at=wrap_up.created_at
        )

    async def snapshot(self, tenant_id: str, conversation_id: str) -> ConversationSnapshot:
        kept = self._of(tenant_id, conversation_id)
        saved = kept.snapshot or ConversationSnapshot(conversation=kept.conversation)
        return advanced(saved, kept.conversation).model_copy(
            update={"wrap_up": kept.wrap_up or saved.wrap_up}
        )

    async def events_after(
        self, tenant_id: str, conversation_id: str, event_id: int, *, limit: int = 500
    ) -> list[AssistEvent]:
        kept = self._kept.get(conversation_id)
        if kept is None or kept.conversation.tenant_id != tenant_id:
            return []
        return [event for _, event in sorted(kept.events.items()) if event.id > event_id][:limit]

    async def event_marks(self, tenant_id: str, conversation_id: str) -> EventMarks:
        return self._of(tenant_id, conversation_id).marks

    async def reserve_event_ids(self, conversation_id: str, count: int) -> int:
        if conversation_id not in self._kept:
            raise _unknown(conversation_id)
        kept = self._kept[conversation_id]
        first = kept.marks.reserved + 1
        kept.marks = kept.marks.model_copy(update={"reserved": kept.marks.reserved + count})
        return first

    async def get_suggestion(self, tenant_id: str, suggestion_id: str) -> Suggestion:
        if (tenant_id, suggestion_id) not in self._suggestions:
            raise NotFound(f"there is no suggestion {suggestion_id!r}")
        return self._suggestions[tenant_id, suggestion_id]

    def suggestions(self, tenant_id: str) -> list[Suggestion]:
        """All that were ever shown, for MemoryCitationLog."""
        return [suggestion for (tenant, _), suggestion in self._suggestions.items() if tenant == tenant_id]

    def shown(
        self, tenant_id: str
    ) -> list[tuple[Conversation, ConversationSnapshot | None, list[AssistEvent]]]:
        """All conversations with what was saved of each, for MemoryCitationLog."""
        return [
            (kept.conversation, kept.snapshot, list(kept.events.values()))
            for kept in self._kept.values()
            if kept.conversation.tenant_id == tenant_id
        ]

    async def add_feedback(self, feedback: AnswerFeedback) -> None:
        await self.get_suggestion(feedback.tenant_id, feedback.suggestion_id)
        self.feedback[feedback.suggestion_id, feedback.principal_id] = feedback

    async def recent_conversations(
        self, tenant_id: str, customer_id: str, since: datetime, *, limit: int = 20
    ) -> list[Conversation]:
        found = sorted((kept.conversation for kept in self._kept.values()), key=lambda c: c.id, reverse=True)
        return [
            conversation.model_copy(update={"turns": ()})
            for conversation in found
            if conversation.tenant_id == tenant_id
            and conversation.customer_id == customer_id
            and conversation.created_at >= since
        ][:limit]

    async def add_alert(self, alert: Alert) -> bool:
        known = self._alerts.values()
        if any(a.conversation_id == alert.conversation_id and a.reason is alert.reason for a in known):
            return False
        self._alerts[alert.id] = alert
        return True

    async def list_alerts(self, tenant_id: str, *, after: str | None = None, limit: int = 50) -> list[Alert]:
        newest_first = sorted(self._alerts.values(), key=lambda a: a.id, reverse=True)
        return [a for a in newest_first if a.tenant_id == tenant_id and (after is None or a.id < after)][
            :limit
        ]

    async def alerts_since(self, tenant_id: str, alert_id: str, *, limit: int = 500) -> list[Alert]:
        oldest_first = sorted(self._alerts.values(), key=lambda a: a.id)
        return [a for a in oldest_first if a.tenant_id == tenant_id and a.id > alert_id][:limit]

    async def last_summary(self, tenant_id: str, conversation_id: str) -> Summary | None:
        kept = self._kept.get(conversation_id)
        if kept is None or kept.conversation.tenant_id != tenant_id or kept.snapshot is None:
            return None
        return kept.snapshot.summary

    def _of(self, tenant_id: str, conversation_id: str) -> _Kept:
        kept = self._kept.get(conversation_id)
        if kept is None or kept.conversation.tenant_id != tenant_id:
            raise _unknown(conversation_id)
        return kept

    def _open(self, tenant_id: str, conversation_id: str) -> _Kept:
        kept = self._of(tenant_id, conversation_id)
        if kept.conversation.status is not ConversationStatus.OPEN:
            raise ConversationClosed(f"conversation {conversation_id} is wrapped up")
        return kept

    def _change(self, before: Conversation, **changes: Any) -> Conversation:  # noqa: ANN401
        after = before.model_copy(update=changes)
        self._kept[before.id].conversation = after
        return after


def _unknown(conversation_id: str) -> NotFound:
    return NotFound(f"there is no conversation {conversation_id!r}")
