"""Who relied on a document: replies that cited it, open conversations that show it, rules that name it."""

from collections.abc import AsyncIterator, Iterator
from datetime import date

from copilot.assist.macros import MACROS, load_macros
from copilot.assist.training import PLAYBOOKS, load_playbooks
from copilot.domain.assist import KnowledgeCards, Suggestion
from copilot.domain.care import CitedSentence, CitingReply, Impact, NamedIn, RelyingConversation
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import Citation, KnowledgeDocument
from copilot.ports import CitationLog, Clock, KnowledgeStore, OpenConversation, SentReply
from copilot.retrieval.filters import newest_versions
from copilot.tools.policy_store import stored_policies


class KnowledgeImpact:
    """Looks up, and changes nothing."""

    def __init__(self, store: KnowledgeStore, citations: CitationLog, clock: Clock) -> None:
        self._store = store
        self._citations = citations
        self._clock = clock

    async def of(
        self, tenant_id: str, external_id: str, version: str | None = None, *, limit: int = 100
    ) -> Impact:
        """`version` None: of every version. A document that is gone may still be cited.

        `NotFound` when it neither is there nor was ever cited.
        """
        today = self._clock.now().date()
        versions = await self._versions(tenant_id, external_id)
        present = _present(versions, today)
        replies = await self._citations.sent_replies(tenant_id, external_id, version, limit=limit + 1)
        conversations = await self._citations.open_conversations(tenant_id, external_id, version, limit=limit)
        if not (versions or replies or conversations):
            raise NotFound(
                f"there is no document `{external_id}`, and nothing has cited it.",
                hint="GET /v1/knowledge/documents lists what there is.",
            )
        wanted = _Wanted(external_id, version, " ".join(present.text.split()) if present else "")
        sent = {reply.suggestion.conversation_id: reply for reply in reversed(replies)}
        relying = (wanted.relying(it, sent.get(it.conversation.id)) for it in conversations)
        return Impact(
            external_id=external_id,
            version=version,
            day=today,
            present_version=present.version if present else None,
            replies=tuple(wanted.reply(reply) for reply in replies[:limit]),
            open_conversations=tuple(it for it in relying if it is not None),
            named_in=tuple(
                [n async for n in self._named(tenant_id, external_id, version, [v.title for v in versions])]
            ),
            more=len(replies) > limit,
        )

    async def _versions(self, tenant_id: str, external_id: str) -> list[KnowledgeDocument]:
        hashes = await self._store.content_hashes(tenant_id)
        return [
            await self._store.get_document(tenant_id, name, version)
            for name, version in sorted(hashes)
            if name == external_id
        ]

    async def _named(
        self, tenant_id: str, external_id: str, version: str | None, titles: list[str]
    ) -> AsyncIterator[NamedIn]:
        """Rules by the clause they stand for; playbooks and saved replies by id or title in their text."""
        for policy_set in await stored_policies(self._store, tenant_id):
            for rule in policy_set.rules:
                if rule.clause.document == external_id and version in {None, rule.clause.version}:
                    clause = f"v{rule.clause.version} §{rule.clause.clause}"
                    yield NamedIn(kind="rule", id=rule.id, title=policy_set.title, clause=clause)
        names = [external_id.casefold(), *(title.casefold() for title in titles)]
        if stored := await self._store.get_artifact(tenant_id, PLAYBOOKS):
            for playbook in load_playbooks(stored[1]):
                body = playbook.model_dump_json(include={"description", "steps", "replies"}).casefold()
                if any(name in body for name in names):
                    yield NamedIn(kind="playbook", id=playbook.intent, title=playbook.title)
        if stored := await self._store.get_artifact(tenant_id, MACROS):
            for macro in load_macros(stored[1]):
                if any(name in macro.text.casefold() for name in names):
                    yield NamedIn(kind="saved reply", id=macro.id, title=macro.title)


class _Wanted:
    """Picks out what cites the document; `now` is the text in force today, white space collapsed."""

    def __init__(self, external_id: str, version: str | None, now: str) -> None:
        self._external_id = external_id
        self._version = version
        self._now = now

    def reply(self, sent: SentReply) -> CitingReply:
        """Of an edited one the sentences are those of the draft: what was sent says them in other words."""
        return CitingReply(
            suggestion_id=sent.suggestion.id,
            conversation_id=sent.suggestion.conversation_id,
            at=sent.at,
            verdict=sent.verdict,
            sentences=tuple(self._drafted(sent.suggestion)),
        )

    def relying(self, shown: OpenConversation, sent: SentReply | None) -> RelyingConversation | None:
        """None when it once showed the document and does no more."""
        found = {
            "knowledge": list(self._carded(shown.knowledge)),
            "suggestion": list(self._drafted(shown.suggestion)) if shown.suggestion else [],
            "reply": list(self._drafted(sent.suggestion)) if sent else [],
        }
        if not any(found.values()):
            return None
        conversation = shown.conversation
        return RelyingConversation(
            conversation_id=conversation.id,
            subject=conversation.subject,
            updated_at=conversation.updated_at,
            shown_in=tuple(name for name, sentences in found.items() if sentences),
            sentences=tuple(dict.fromkeys(s for sentences in found.values() for s in sentences)),
        )

    def _drafted(self, suggestion: Suggestion) -> Iterator[CitedSentence]:
        for sentence in suggestion.sentences:
            for citation in sentence.citations:
                if self._names(citation):
                    yield self._sentence(sentence.text, citation)

    def _carded(self, cards: KnowledgeCards | None) -> Iterator[CitedSentence]:
        for card in cards.cards if cards else ():
            if self._names(card.citation):
                yield self._sentence(card.citation.quote, card.citation)

    def _names(self, citation: Citation) -> bool:
        return citation.external_id == self._external_id and self._version in {None, citation.version}

    def _sentence(self, text: str, citation: Citation) -> CitedSentence:
        return CitedSentence(
            text=text,
            quote=citation.quote,
            version=citation.version,
            clause=citation.clause,
            heading_path=citation.heading_path,
            still_stands=" ".join(citation.quote.split()) in self._now,
        )


def _present(versions: list[KnowledgeDocument], today: date) -> KnowledgeDocument | None:
    """The version that search would answer from today."""
    held = [v for v in versions if v.in_force(today) and not v.superseded_by and v.quarantined is None]
    newest = newest_versions(held)
    return next((version for version in held if version.id in newest), None)
