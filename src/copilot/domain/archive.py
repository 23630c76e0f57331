"""Conversations that are over, with what the panel showed and what became of it."""

from collections.abc import Sequence

from copilot.domain.assist import AnswerFeedback, Suggestion
from copilot.domain.assist_events import AssistEvent, SuggestionCompletedEvent
from copilot.domain.conversation import Conversation
from copilot.domain.value import Value
from copilot.domain.wrap_up import WrapUp


class FinishedConversation(Value):
    """One conversation from its first turn to its wrap-up; `events` are the kept ones, oldest first."""

    conversation: Conversation
    events: tuple[AssistEvent, ...] = ()
    feedback: tuple[AnswerFeedback, ...] = ()
    wrap_up: WrapUp | None = None

    @property
    def suggestions(self) -> Sequence[Suggestion]:
        """Every draft that was shown."""
        return [event.data for event in self.events if isinstance(event, SuggestionCompletedEvent)]
