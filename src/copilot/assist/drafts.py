"""What a representative does with a draft but send it: other words for it, or the former one back."""

import asyncio

from copilot.assist.metering import on_account_of
from copilot.assist.replies import suggestion_record
from copilot.assist.revision import Revision
from copilot.assist.rewording import Rewording
from copilot.assist.wording import friendlier, own_sentences, shorter
from copilot.domain.assist import Sentence, Suggestion
from copilot.domain.conditions import FactValue
from copilot.domain.errors import Conflict, DependencyUnavailable, InvalidInput, ModelNeeded, NotFound
from copilot.domain.transforms import Transform, Transformed
from copilot.domain.understanding import SentimentLabel
from copilot.ports import ConversationStore, LedgerStore

_NEEDS_MODEL = {Transform.TRANSLATE, Transform.REWRITE}


class Drafts:
    """Works on one conversation's drafts; nothing here is sent or shown to a customer."""

    def __init__(
        self,
        store: ConversationStore,
        ledger: LedgerStore,
        rewording: Rewording | None,
        *,
        seconds: float = 30.0,
    ) -> None:
        """`seconds` is how long the model may take."""
        self._store = store
        self._ledger = ledger
        self._rewording = rewording
        self._seconds = seconds

    async def transform(
        self,
        revision: Revision,
        how: Transform,
        *,
        text: str | None = None,
        suggestion_id: str | None = None,
        language: str | None = None,
        facts: dict[str, FactValue],
    ) -> Transformed:
        """The text, or the suggestion's, in other words.

        `ModelNeeded` where only a model can do it and there is none; `MeaningChanged` when the model's words
        do not keep every fact.
        """
        if how is Transform.TRANSLATE and language is None:
            raise InvalidInput(
                "A translation needs a language.", where="language", hint='Such as "de" (ISO 639-1).'
            )
        if suggestion_id is not None:
            sentences = (await self._of(revision, suggestion_id)).sentences
        else:
            sentences = own_sentences(text or "")
        if self._rewording is not None:
            return await self._by_model(revision, self._rewording, sentences, how, language, facts)
        if how in _NEEDS_MODEL:
            raise ModelNeeded(
                f"{how.value!r} needs a language model, and none is set up.",
                hint='Set COPILOT_LLM_BASE_URL; "shorter" and "friendlier" work without.',
                where="how",
            )
        if how is Transform.SHORTER:
            return shorter(sentences)
        mood = revision.memory.sentiments[-1].label if revision.memory.sentiments else None
        return friendlier(sentences, revision.profile.voice, facts, upset=mood is SentimentLabel.NEGATIVE)

    async def restore(self, revision: Revision, suggestion_id: str) -> Suggestion:
        """The draft that another one replaced, shown again. `Conflict` once somebody has spoken."""
        former = await self._of(revision, suggestion_id)
        if former.revision != revision.conversation.revision:
            raise Conflict(
                "The conversation has gone on since that draft.",
                hint="Take its text, if it still fits.",
                where=suggestion_id,
            )
        shown = revision.memory.suggestion
        if shown is not None and shown.id == former.id:
            return shown
        again = former.model_copy(
            update={"replaces": shown.id if shown else None, "why": "shown because you asked for it back"}
        )
        await revision.publish(again)
        revision.memory.suggestion = again
        tenant = revision.conversation.tenant_id
        await self._ledger.append(tenant, suggestion_record(again), durable=False)
        await revision.bus.save(tenant, revision.conversation.id)
        return again

    async def _of(self, revision: Revision, suggestion_id: str) -> Suggestion:
        suggestion = await self._store.get_suggestion(revision.conversation.tenant_id, suggestion_id)
        if suggestion.conversation_id != revision.conversation.id:
            raise NotFound(f"there is no suggestion {suggestion_id!r} in this conversation")
        return suggestion

    async def _by_model(
        self,
        revision: Revision,
        rewording: Rewording,
        sentences: tuple[Sentence, ...],
        how: Transform,
        language: str | None,
        facts: dict[str, FactValue],
    ) -> Transformed:
        last_name = facts.get("customer.last_name")
        names = {str(last_name): "NAME"} if last_name else {}
        conversation = revision.conversation
        try:
            with on_account_of(conversation.tenant_id, conversation.id):
                async with asyncio.timeout(self._seconds):
                    return await rewording.reword(
                        sentences, how, company=revision.profile.voice.company, names=names, language=language
                    )
        except TimeoutError as error:
            raise DependencyUnavailable(
                f"The model took longer than {self._seconds:.0f} s.", hint="The text stands as it was."
            ) from error
