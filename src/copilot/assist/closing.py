"""What a conversation leaves behind: for the colleague who takes it over, and for the file."""

import logging

from copilot.assist.choosing import Chooser
from copilot.assist.pipeline import state_of
from copilot.assist.revision import Revision
from copilot.assist.summary import update_summary
from copilot.assist.summary_refining import SummaryRefiner
from copilot.assist.wrap_up import build_hand_over, build_wrap_up
from copilot.domain.errors import CopilotError
from copilot.domain.understanding import SentimentLabel
from copilot.domain.wrap_up import HandOver, Summary, WrapUp
from copilot.ports import Clock

_log = logging.getLogger(__name__)


class Closing:
    """Ours by rules; with a model its wording and its disposition, as far as they hold."""

    def __init__(
        self, clock: Clock, *, chooser: Chooser | None = None, refiner: SummaryRefiner | None = None
    ) -> None:
        self._clock = clock
        self._chooser = chooser
        self._refiner = refiner

    async def wrap_up(self, revision: Revision) -> WrapUp:
        """What closes the conversation, as its last revision leaves it."""
        memory = revision.memory
        wrapped = build_wrap_up(
            revision.conversation,
            await self._summary(revision),
            state_of(revision),
            matters=memory.matters,
            playbooks=revision.profile.playbooks,
            sentiment=memory.sentiments[-1].label if memory.sentiments else SentimentLabel.NEUTRAL,
            knowledge_gap=memory.gaps[-1] if memory.gaps else None,
            now=self._clock.now(),
            templates=revision.profile.templates,
        )
        return await self._filed(revision, wrapped)

    async def hand_over(self, revision: Revision, to: str, reason: str) -> HandOver:
        return build_hand_over(
            revision.conversation,
            await self._summary(revision),
            state_of(revision),
            to=to,
            reason=reason,
            now=self._clock.now(),
            templates=revision.profile.templates,
        )

    async def _summary(self, revision: Revision) -> Summary:
        """With the turns that no finished work has taken into account yet."""
        memory, conversation = revision.memory, revision.conversation
        new = conversation.turns[memory.summarised_turns :]
        memory.summary = update_summary(memory.summary, new, conversation, state_of(revision))
        memory.summarised_turns = len(conversation.turns)
        if self._refiner is None:
            return memory.summary
        return await self._refiner.refine(memory.summary, conversation, memory.actions)

    async def _filed(self, revision: Revision, wrapped: WrapUp) -> WrapUp:
        """With the model's disposition where no turn was recognised; a refused answer changes nothing."""
        if self._chooser is None or wrapped.disposition.confidence > 0:
            return wrapped
        try:
            found = await self._chooser.disposition(
                revision.conversation, wrapped.summary, revision.profile.playbooks
            )
        except CopilotError as error:
            _log.warning("no disposition by the model in %s: %s", wrapped.conversation_id, error.code)
            return wrapped
        return wrapped.model_copy(update={"disposition": found})
