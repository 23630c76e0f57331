"""What became of a suggestion: told by the representative, or seen in what they sent."""

import asyncio
from datetime import timedelta

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from copilot.assist.revision import Memory
from copilot.assist.silence import Silence
from copilot.assist.words import plain
from copilot.domain.access import Principal
from copilot.domain.actions import LedgerRecord
from copilot.domain.assist import AnswerFeedback, FeedbackVerdict, Suggestion
from copilot.domain.conversation import Turn
from copilot.domain.errors import CopilotError, NotFound
from copilot.domain.feedback import FeedbackOutcome
from copilot.domain.ids import made_at
from copilot.ports import Clock, ConversationStore, LedgerStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import span

_USED, _EDITED = 97.0, 60.0
"""Least similarity (0..100, of edit distance) of what was sent to what was suggested."""
_LONG_ENOUGH, _DOUBT_OF_A_PART = 20, 15.0
"""In characters, and in points: unrelated sentences share more with a part of each other."""
_SEEN = "seen in what was sent"
_FRESH = timedelta(minutes=1)
_LOOKS, _LOOKED_EVERY = 20, 0.1
"""How often, and at which seconds, a fresh suggestion is looked for."""


class Feedback:
    """Keeps each word, has the ledger keep its seal and how far it is from the draft, lets silence learn."""

    def __init__(self, store: ConversationStore, ledger: LedgerStore, silence: Silence, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._silence = silence
        self._clock = clock

    async def record(
        self,
        principal: Principal,
        suggestion_id: str,
        verdict: FeedbackVerdict,
        final_text: str | None = None,
        reason: str | None = None,
    ) -> tuple[Suggestion, AnswerFeedback]:
        """The suggestion, and what became of it. `NotFound` for another tenant's."""
        suggestion = await self._shown(principal.tenant_id, suggestion_id)
        return suggestion, await self._record(principal, suggestion, verdict, final_text, reason)

    async def _shown(self, tenant_id: str, suggestion_id: str) -> Suggestion:
        """It is shown a moment before it is stored, perhaps by another server."""
        for _ in range(_LOOKS):
            try:
                return await self._store.get_suggestion(tenant_id, suggestion_id)
            except NotFound:
                made = made_at(suggestion_id)
                if made is None or abs(self._clock.now() - made) > _FRESH:
                    raise
            await asyncio.sleep(_LOOKED_EVERY)
        return await self._store.get_suggestion(tenant_id, suggestion_id)

    async def see(self, principal: Principal, memory: Memory, sent: Turn) -> FeedbackVerdict | None:
        """Compares what was sent with the draft that stood; None when there was none, or it is judged."""
        suggestion = memory.suggestion
        if suggestion is None or suggestion.id in memory.judged:
            return None
        verdict = verdict_on(suggestion.text, sent.text)
        memory.judged = memory.judged | {suggestion.id}
        try:
            await self._record(principal, suggestion, verdict, sent.text, _SEEN)
        except CopilotError:
            memory.judged = memory.judged - {suggestion.id}
            raise
        return verdict

    async def _record(
        self,
        principal: Principal,
        suggestion: Suggestion,
        verdict: FeedbackVerdict,
        final_text: str | None,
        reason: str | None,
    ) -> AnswerFeedback:
        with span(names.FEEDBACK, attributes={names.VERDICT: verdict.value}):
            return await self._keep(principal, suggestion, verdict, final_text, reason)

    async def _keep(
        self,
        principal: Principal,
        suggestion: Suggestion,
        verdict: FeedbackVerdict,
        final_text: str | None,
        reason: str | None,
    ) -> AnswerFeedback:
        now = self._clock.now()
        feedback = AnswerFeedback(
            suggestion_id=suggestion.id,
            tenant_id=principal.tenant_id,
            principal_id=principal.id,
            verdict=verdict,
            final_text=final_text,
            reason=reason,
            created_at=now,
        )
        await self._store.add_feedback(feedback)
        await self._ledger.append(principal.tenant_id, _record_of(suggestion, feedback), durable=False)
        await self._silence.record(
            FeedbackOutcome(
                suggestion_id=suggestion.id,
                tenant_id=principal.tenant_id,
                principal_id=principal.id,
                intent=suggestion.intent,
                verdict=verdict,
                at=now,
            )
        )
        return feedback


def _record_of(suggestion: Suggestion, feedback: AnswerFeedback) -> LedgerRecord:
    """The words themselves stay with the feedback, where they can be erased."""
    text = feedback.final_text
    return LedgerRecord(
        kind="edit",
        subject_id=suggestion.id,
        body={
            "verdict": feedback.verdict.value,
            "by": feedback.principal_id,
            "seen": feedback.reason == _SEEN,
            "suggested_characters": len(suggestion.text),
            "edit_distance": None if text is None else Levenshtein.distance(suggestion.text, text),
        },
        at=feedback.created_at,
        conversation_id=suggestion.conversation_id,
        private={"text": text, "reason": None if feedback.reason == _SEEN else feedback.reason},
    )


def verdict_on(suggested: str, sent: str) -> FeedbackVerdict:
    """Used when it was sent as it was, edited when most of it is in what was sent, else ignored."""
    left, right = plain(suggested), plain(sent)
    same = fuzz.ratio(left, right)
    if same >= _USED:
        return FeedbackVerdict.USED
    if min(len(left), len(right)) >= _LONG_ENOUGH:
        # What was cut out, or written in front or behind, is an edit too.
        same = max(same, fuzz.partial_ratio(left, right) - _DOUBT_OF_A_PART)
    return FeedbackVerdict.EDITED if same >= _EDITED else FeedbackVerdict.IGNORED
