"""Reply drafts: the composer's at once, the LLM's in its place when it is better supported; or silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import date
from typing import Any

from copilot.assist.grounding import enforce, support_share
from copilot.assist.links import hosts_of, without_foreign_links
from copilot.assist.macros import SavedReplies
from copilot.assist.metering import on_account_of
from copilot.assist.profile import BrandVoice
from copilot.assist.revision import Revision, ShownBefore
from copilot.assist.silence import Silence
from copilot.domain.actions import LedgerRecord
from copilot.domain.assist import (
    BlockReason,
    Degraded,
    Sentence,
    SilenceReason,
    Suggestion,
    SuggestionBlocked,
    SuggestionDelta,
    SuggestionSilent,
    Support,
)
from copilot.domain.assist import Drafter as DrafterKind
from copilot.domain.conversation import Channel, Speaker
from copilot.domain.drafting import DraftRequest, LetterForm, joined
from copilot.domain.errors import CopilotError, InvalidDraft
from copilot.domain.knowledge import Audience
from copilot.domain.snapshot import content_key
from copilot.ports import Clock, Drafter, Ids, LedgerStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import current_span, traced

_ENOUGH_CLAIMS = 2
_TEMPLATE_CONFIDENCE = 0.9
_SURE, _MACROS = 0.5, 3
_LETTERS_THAT_TELL = 20
"""A shorter turn may be taken for any language."""


class Replies:
    """Runs the drafters, holds them to the grounding rules, and decides whose draft stands."""

    def __init__(
        self,
        composer: Drafter,
        llm: Drafter | None,
        silence: Silence,
        saved: SavedReplies,
        ledger: LedgerStore,
        clock: Clock,
        ids: Ids,
        *,
        llm_seconds: float = 30.0,
    ) -> None:
        """`llm_seconds` is how long an LLM's draft may take before the composer's stands for good."""
        self._composer = composer
        self._llm = llm
        self._silence = silence
        self._saved = saved
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._llm_seconds = llm_seconds

    @asynccontextmanager
    async def drafting(self, revision: Revision, as_of: date, today: date) -> AsyncIterator[None]:
        """The composer's draft is shown on entry; the LLM's, begun before it, is waited for on exit."""
        request = await self._with_macros(revision, _request(revision, as_of, today))
        revision.memory.suggestion = None
        foreign = _foreign_language(revision)
        if request is None:
            yield
            return
        late: asyncio.Task[Suggestion | None] | None = None
        worth_asking = request.understanding.asks_something and (request.answerable or request.sources)
        if self._llm is not None and worth_asking:
            late = asyncio.create_task(self._ask_llm(revision, request, self._llm))
        try:
            composed = None
            if foreign is None:
                composed = await revision.attempt("drafting", self._compose(revision, request))
            else:
                await revision.attempt("drafting", self._say_foreign(revision, request, foreign))
            if composed is not None and late is not None:
                # What is done with it need not wait for the model; another server may be told of it.
                shown = revision.conversation
                await revision.attempt("store", revision.bus.save(shown.tenant_id, shown.id))
            yield
            if late is not None and not revision.silent:
                await revision.attempt("drafting", self._settle(revision, composed, late))
        finally:
            if late is not None and not late.done():
                late.cancel()
                await asyncio.gather(late, return_exceptions=True)

    async def _say_foreign(self, revision: Revision, request: DraftRequest, language: str) -> None:
        """The composer writes only what somebody has written for it, in the languages they wrote it in."""
        draft = self._suggestion(revision, self._composer.kind, self._ids.new("sug"), (), request)
        spoken = ", ".join(revision.profile.voice.languages)
        message = f"The customer writes in {language!r}; there are templates in {spoken} only."
        await self._block(revision, draft, BlockReason.LANGUAGE, message)

    async def _with_macros(self, revision: Revision, request: DraftRequest | None) -> DraftRequest | None:
        """With the saved replies for what the representative has in mind, or where no playbook is sure."""
        if request is None or not revision.profile.macros:
            return request
        intent = request.understanding.intent
        sure = request.playbook is not None and intent is not None and intent.confidence >= _SURE
        wanted = request.hint or ("" if sure else request.understanding.query)
        if not wanted:
            return request
        found = await self._saved.search(tuple(revision.profile.macros.values()), wanted, _MACROS)
        return request.model_copy(update={"macros": tuple(found)})

    @traced(names.DRAFT)
    async def _compose(self, revision: Revision, request: DraftRequest) -> Suggestion | None:
        current_span().set({names.DRAFTER: self._composer.kind.value})
        async with aclosing(self._composer.draft(request)) as drafted:
            pieces = [piece async for piece in drafted]
        sentences = enforce([p.sentence for p in pieces if p.sentence is not None], request.knowledge)
        draft = self._suggestion(revision, self._composer.kind, self._ids.new("sug"), sentences, request)
        if sentences:
            worth = await self._worth_showing(revision, draft)
            if worth is not None:
                for piece in pieces:
                    await revision.publish(
                        SuggestionDelta(suggestion_id=worth.id, drafter=worth.drafter, text=piece.text)
                    )
                await self._show(revision, worth)
            return worth
        if request.understanding.asks_something and not request.answerable:
            await self._block(
                revision,
                draft,
                BlockReason.NO_SUPPORT,
                "Neither the knowledge base nor the order answers this.",
            )
        return None

    async def _worth_showing(self, revision: Revision, draft: Suggestion) -> Suggestion | None:
        """The draft with why it is shown; None, with an event that says why, when silence is better."""
        before = revision.memory.suggested.get(content_key(draft.text))
        if before is not None and spoken_since(revision, before) and not revision.hint:
            why = "the same draft was shown before, and the conversation has gone on since"
            await self._keep_back(revision, draft, SilenceReason.SUGGESTED_BEFORE, why)
            return None
        if before is not None and before.suggestion_id:
            draft = draft.model_copy(update={"id": before.suggestion_id})  # it stands, nothing is new
        if revision.hint:
            return draft.model_copy(update={"why": "shown because you asked for it"})
        verdict = await self._silence.decide(
            revision.conversation.tenant_id,
            draft.intent,
            revision.principal.id,
            draft.confidence,
            revision.playbook.title if revision.playbook else "",
        )
        if not verdict.show:
            await self._keep_back(revision, draft, SilenceReason.SELDOM_USED, verdict.why)
            return None
        return draft.model_copy(update={"why": verdict.why})

    async def _keep_back(
        self, revision: Revision, draft: Suggestion, reason: SilenceReason, why: str
    ) -> None:
        revision.silent = True
        await revision.publish(
            SuggestionSilent(drafter=draft.drafter, reason=reason, why=why, confidence=draft.confidence)
        )

    @traced(names.DRAFT)
    async def _ask_llm(
        self, revision: Revision, request: DraftRequest, drafter: Drafter
    ) -> Suggestion | None:
        """The LLM's draft, or None with an event that says why there is none."""
        current_span().set({names.DRAFTER: drafter.kind.value})
        suggestion_id = self._ids.new("sug")
        nothing = self._suggestion(revision, drafter.kind, suggestion_id, (), request)
        try:
            with on_account_of(revision.conversation.tenant_id, revision.conversation.id):
                async with asyncio.timeout(self._llm_seconds):
                    return await self._run(revision, request, drafter, suggestion_id)
        except TimeoutError:
            message = f"The model took longer than {self._llm_seconds:.0f} s."
            await self._block(revision, nothing, BlockReason.LLM_UNAVAILABLE, message)
        except InvalidDraft as error:
            await self._block(revision, nothing, BlockReason.LLM_INVALID, error.message)
        except CopilotError as error:
            await self._block(revision, nothing, BlockReason.LLM_UNAVAILABLE, error.message)
            await revision.publish(Degraded(component="llm", message=error.told))
        return None

    async def _settle(
        self, revision: Revision, composed: Suggestion | None, asked: asyncio.Task[Suggestion | None]
    ) -> None:
        late = await asked
        if late is None:
            return
        if not late.sentences:
            await self._block(revision, late, BlockReason.NO_SUPPORT, "The model found no answer.")
        elif not _better(late, composed):
            unsupported = sum(s.support is Support.UNSUPPORTED for s in late.sentences)
            message = (
                f"{unsupported} of {len(late.sentences)} sentences have no support."
                if unsupported
                else "It says no more than the draft that is shown."
            )
            await self._block(revision, late, BlockReason.LESS_SUPPORTED, message)
        else:
            replaced = composed.id if composed else None
            await self._show(revision, late.model_copy(update={"replaces": replaced}))

    async def _run(
        self, revision: Revision, request: DraftRequest, drafter: Drafter, suggestion_id: str | None = None
    ) -> Suggestion:
        """Streams a draft to the panel and returns it, every sentence marked."""
        suggestion_id = suggestion_id or self._ids.new("sug")
        sentences: list[Sentence] = []
        words = _WholeWords(hosts_of([*map(str, request.facts.values()), *_quotable(request)]))

        async def show(text: str) -> None:
            if text:
                await revision.publish(
                    SuggestionDelta(suggestion_id=suggestion_id, drafter=drafter.kind, text=text)
                )

        async with aclosing(drafter.draft(request)) as pieces:
            async for piece in pieces:
                if piece.sentence is None:
                    await show(words.add(piece.text))
                    continue
                sentences.append(piece.sentence)
                # What a template or a source says is shown as it is; the rest waits for whole words.
                mine = piece.sentence.support is not Support.UNSUPPORTED
                await show(words.rest() + (piece.text if mine else words.clean(piece.text)))
        await show(words.rest())
        grounded = enforce(sentences, request.knowledge)
        return self._suggestion(revision, drafter.kind, suggestion_id, grounded, request)

    def _suggestion(
        self,
        revision: Revision,
        kind: DrafterKind,
        suggestion_id: str,
        sentences: tuple[Sentence, ...],
        request: DraftRequest,
    ) -> Suggestion:
        return Suggestion(
            id=suggestion_id,
            conversation_id=revision.conversation.id,
            revision=revision.conversation.revision,
            drafter=kind,
            text=joined([s.text for s in sentences]),
            sentences=sentences,
            confidence=_confidence(sentences, request, revision),
            intent=request.understanding.intent.name if request.understanding.intent else None,
            created_at=self._clock.now(),
        )

    async def _show(self, revision: Revision, suggestion: Suggestion) -> None:
        if await revision.publish(suggestion) is None:
            return  # a newer revision has begun: nobody sees it, nothing to record
        memory, key = revision.memory, content_key(suggestion.text)
        memory.suggestion = suggestion
        stands = key in memory.suggested and memory.suggested[key].suggestion_id == suggestion.id
        memory.suggested[key] = ShownBefore(suggestion.id, len(revision.conversation.turns))
        if stands:
            return  # recorded when it was first shown
        await revision.attempt(
            "ledger",
            self._ledger.append(
                revision.conversation.tenant_id, suggestion_record(suggestion), durable=False
            ),
        )

    async def _block(self, revision: Revision, draft: Suggestion, reason: BlockReason, message: str) -> None:
        await revision.publish(
            SuggestionBlocked(suggestion_id=draft.id, drafter=draft.drafter, reason=reason, message=message)
        )


def spoken_since(revision: Revision, before: ShownBefore) -> bool:
    """Whether the representative has spoken after that draft was shown: it had its chance."""
    later = revision.conversation.turns[before.sequence :]
    return any(turn.speaker is Speaker.REPRESENTATIVE for turn in later)


class _WholeWords:
    """Holds a stream back to whole words, and takes links out that no source has."""

    def __init__(self, allowed_hosts: frozenset[str]) -> None:
        self._allowed_hosts = allowed_hosts
        self._held = ""

    def add(self, text: str) -> str:
        """What may be shown by now."""
        self._held += text
        end = max(self._held.rfind(" "), self._held.rfind("\n")) + 1
        ready, self._held = self._held[:end], self._held[end:]
        return self.clean(ready)

    def rest(self) -> str:
        rest, self._held = self._held, ""
        return self.clean(rest)

    def clean(self, text: str) -> str:
        return without_foreign_links(text, self._allowed_hosts)


def _quotable(request: DraftRequest) -> list[str]:
    return [s.passage.text for s in request.knowledge if s.document.audience is Audience.PUBLIC]


def _request(revision: Revision, as_of: date, today: date) -> DraftRequest | None:
    understanding, situation = revision.memory.understanding, revision.memory.situation
    if understanding is None:
        return None
    voice, found = revision.profile.voice, revision.found
    return DraftRequest(
        conversation=revision.conversation,
        understanding=understanding,
        playbook=revision.playbook,
        facts=situation.facts if situation else {},
        sources=situation.sources if situation else {},
        knowledge=found.passages if found else (),
        answerable=bool(found and found.answerable),
        as_of=as_of,
        today=today,
        company=voice.company,
        hint=revision.hint,
        letter=_letter(voice) if revision.conversation.channel is Channel.EMAIL else None,
        lead=voice.lead,
        promise=voice.promise,
    )


def _foreign_language(revision: Revision) -> str | None:
    """The customer's language when the tenant has no templates in it; a doubtful one counts as theirs."""
    understanding, last = revision.memory.understanding, revision.conversation.last_customer_turn
    if understanding is None or last is None or not understanding.asks_something:
        return None
    if sum(character.isalpha() for character in last.text) < _LETTERS_THAT_TELL:
        return None
    language = understanding.language
    return language if language not in {None, *revision.profile.voice.languages} else None


def _letter(voice: BrandVoice) -> LetterForm:
    return LetterForm(greetings=voice.email_greetings, closing=f"{voice.email_closing},\n{voice.company}")


def _better(late: Suggestion, composed: Suggestion | None) -> bool:
    """Fully supported, and claiming at least as much (up to two claims) as the draft that is shown."""
    if support_share(late.sentences) < 1.0:
        return False
    shown = _claims(composed.sentences) if composed else 0
    return _claims(late.sentences) >= min(shown, _ENOUGH_CLAIMS)


def _claims(sentences: tuple[Sentence, ...]) -> int:
    return sum(s.support in {Support.SUPPORTED, Support.FACT} for s in sentences)


def _confidence(sentences: tuple[Sentence, ...], request: DraftRequest, revision: Revision) -> float:
    """How sure we are that this is the reply: the weakest of intent, retrieval and support it rests on."""
    intent = request.understanding.intent.confidence if request.understanding.intent else 1.0
    parts = [intent if request.playbook else 1.0]
    if any(s.support is Support.SUPPORTED for s in sentences) and revision.found is not None:
        parts.append(revision.found.confidence)
    parts.append(support_share(sentences) if _claims(sentences) else _TEMPLATE_CONFIDENCE)
    return round(min(parts), 4)


def suggestion_record(suggestion: Suggestion) -> LedgerRecord:
    """What each sentence rested on, not the words, which may name people."""
    body: dict[str, Any] = {
        "conversation": suggestion.conversation_id,
        "revision": suggestion.revision,
        "drafter": suggestion.drafter.value,
        "replaces": suggestion.replaces,
        "sentences": [
            {
                "support": s.support.value,
                "sources": list(s.sources),
                "citations": [
                    {"document": c.external_id, "version": c.version, "start": c.start, "end": c.end}
                    for c in s.citations
                ],
            }
            for s in suggestion.sentences
        ],
    }
    return LedgerRecord(kind="suggestion", subject_id=suggestion.id, body=body, at=suggestion.created_at)
