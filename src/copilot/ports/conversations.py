"""Conversations and their live events."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Protocol

from copilot.domain.assist import AnswerFeedback, Suggestion
from copilot.domain.assist_events import AssistEvent, ConversationSnapshot, EventData
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.signals import Alert
from copilot.domain.snapshot import EventMarks, Progress
from copilot.domain.wrap_up import Summary, WrapUp


class ConversationStore(Protocol):
    """Conversations, turns and what was shown at each revision."""

    async def create(self, conversation: Conversation) -> None: ...

    async def get(self, tenant_id: str, conversation_id: str) -> Conversation:
        """With all its turns. `NotFound` for another tenant's."""

    async def list_open(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Conversation]:
        """Newest first, without their turns; `after` is the id of the last one already seen."""

    async def list_wrapped_up(
        self, tenant_id: str, *, after: str | None = None, limit: int = 200
    ) -> list[str]:
        """Ids, newest first; `after` is the last one already seen."""

    async def append_turn(
        self, tenant_id: str, conversation_id: str, *, turn_id: str, speaker: Speaker, text: str, at: datetime
    ) -> Conversation | None:
        """Adds the turn and one to the revision, in one transaction. `ConversationClosed` after wrap-up.

        None, changing nothing, when the conversation has a turn of that id: it was sent again.
        """

    async def set_customer(
        self, tenant_id: str, conversation_id: str, customer_id: str, at: datetime
    ) -> Conversation:
        """Binds the verified customer and adds one to the revision."""

    async def save_revision(
        self, snapshot: ConversationSnapshot, events: Sequence[AssistEvent], *, tenant_id: str
    ) -> bool:
        """What was shown for this revision; False, saving nothing, when a newer revision was saved before."""

    async def close(self, tenant_id: str, wrap_up: WrapUp) -> Conversation:
        """`ConversationClosed` when it is closed already."""

    async def snapshot(self, tenant_id: str, conversation_id: str) -> ConversationSnapshot:
        """What was last saved, with the conversation as it is now."""

    async def events_after(
        self, tenant_id: str, conversation_id: str, event_id: int, *, limit: int = 500
    ) -> list[AssistEvent]:
        """Saved events with a greater id, oldest first, at most `limit`."""

    async def event_marks(self, tenant_id: str, conversation_id: str) -> EventMarks:
        """How far the ids of the conversation's events are reserved, and how far they are saved."""

    async def reserve_event_ids(self, conversation_id: str, count: int) -> int:
        """The first of `count` ids that nobody else will ever use in this conversation."""

    async def get_suggestion(self, tenant_id: str, suggestion_id: str) -> Suggestion: ...

    async def add_feedback(self, feedback: AnswerFeedback) -> None:
        """The last word of a principal on a suggestion counts."""

    async def last_summary(self, tenant_id: str, conversation_id: str) -> Summary | None: ...

    async def recent_conversations(
        self, tenant_id: str, customer_id: str, since: datetime, *, limit: int = 20
    ) -> list[Conversation]:
        """The customer's conversations opened at `since` or later, newest first, without their turns."""

    async def add_alert(self, alert: Alert) -> bool:
        """False, keeping nothing, when the conversation has an alert for that reason already."""

    async def list_alerts(self, tenant_id: str, *, after: str | None = None, limit: int = 50) -> list[Alert]:
        """Newest first; `after` is the id of the last one already seen."""

    async def alerts_since(self, tenant_id: str, alert_id: str, *, limit: int = 500) -> list[Alert]:
        """Those that came after that one, oldest first."""


class EventBus(Protocol):
    """Live events of a conversation. A subscriber that falls too far behind is cut off and reconnects."""

    async def conversation(self, tenant_id: str, conversation_id: str) -> Conversation:
        """The conversation as snapshots speak of it. `NotFound` for another tenant's."""

    async def advance(self, conversation: Conversation) -> None:
        """The conversation's state after a turn, a change of customer or its end.

        From now on snapshots speak of it, and events of an older revision are dropped.
        """

    async def publish(
        self, tenant_id: str, conversation_id: str, revision: int, data: EventData
    ) -> AssistEvent | None:
        """Gives the event its id and sends it. None, sending nothing, when `revision` is stale."""

    async def progress(self, tenant_id: str, conversation_id: str, turn_id: str) -> Progress:
        """How far the conversation's last turn, if it is this one, came on whatever server took it."""

    async def save(self, tenant_id: str, conversation_id: str) -> None:
        """Keeps in the store what has been shown so far; once per revision, and after an action's update."""

    def subscribe(
        self, tenant_id: str, conversation_id: str, after: int | None
    ) -> AsyncGenerator[AssistEvent]:
        """A snapshot first (or, with `after`, what was missed since), then events as they happen.

        It ends when the subscriber is too slow. Close it (`aclosing`) when done.
        """

    def watch_alerts(self, tenant_id: str, after: str | None) -> AsyncGenerator[Alert]:
        """The tenant's alerts from now on; with `after`, the id of one, first those that came since it.

        It ends when the subscriber is too slow. Close it (`aclosing`) when done.
        """
