"""Runs every check over one tenant's knowledge."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import timedelta

from copilot.domain.care import Finding, LintCheck, LintReport, Severity
from copilot.ports import CitationLog, Clock, Embedder, KnowledgeStore, PassageIndex, TokenCounter
from copilot.retrieval.lint.contradictions import find_contradictions
from copilot.retrieval.lint.corpus import Corpus, load_corpus
from copilot.retrieval.lint.duplicates import find_duplicates
from copilot.retrieval.lint.injected import find_quarantined
from copilot.retrieval.lint.links import CheckLink, find_dead_addresses, find_dead_links
from copilot.retrieval.lint.neighbours import related_pairs
from copilot.retrieval.lint.shape import find_misshapen
from copilot.retrieval.lint.stale import find_stale
from copilot.retrieval.lint.uncited import find_uncited

UNCITED_AFTER = timedelta(days=30)
_ORDER = list(LintCheck)
_GRAVITY = list(Severity)


class KnowledgeLint:
    """Reads, and changes nothing. `pieces` counts what the embedding model reads."""

    def __init__(
        self,
        *,
        store: KnowledgeStore,
        index: PassageIndex,
        embedder: Embedder,
        pieces: TokenCounter,
        citations: CitationLog,
        clock: Clock,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._pieces = pieces
        self._citations = citations
        self._clock = clock

    async def run(
        self,
        tenant_id: str,
        *,
        checks: AbstractSet[LintCheck] = frozenset(LintCheck),
        check_link: CheckLink | None = None,
        uncited_after: timedelta = UNCITED_AFTER,
    ) -> LintReport:
        """Links to the web are followed only with `check_link`."""
        now = self._clock.now()
        corpus = await load_corpus(self._store, tenant_id, now.date())
        findings: list[Finding] = []
        skipped: dict[LintCheck, str] = {}
        if LintCheck.INJECTION in checks:
            findings += find_quarantined(corpus, await self._store.quarantine_decisions(tenant_id))
        if checks & {LintCheck.CONTRADICTION, LintCheck.DUPLICATE}:
            findings += await self._compared(corpus, checks)
        if LintCheck.DEAD_LINK in checks:
            findings += find_dead_links(corpus)
            if check_link is not None:
                findings += await find_dead_addresses(corpus, check_link)
        if LintCheck.STALE in checks:
            findings += find_stale(corpus)
        if LintCheck.PASSAGE in checks:
            findings += find_misshapen(corpus, self._pieces)
        if LintCheck.NEVER_CITED in checks:
            found = await self._uncited(corpus, uncited_after)
            if found is None:
                skipped[LintCheck.NEVER_CITED] = (
                    f"conversations are on record for less than {uncited_after.days} days"
                )
            findings += found or ()
        return LintReport(
            checked_at=now,
            documents=len(corpus.documents),
            passages=len(corpus.passages),
            findings=tuple(_ordered(findings)),
            skipped=skipped,
        )

    async def _compared(self, corpus: Corpus, checks: AbstractSet[LintCheck]) -> list[Finding]:
        pairs = await related_pairs(corpus, self._store, self._index, self._embedder.model_id)
        found: list[Finding] = []
        if LintCheck.DUPLICATE in checks:
            found += find_duplicates(corpus, pairs)
        if LintCheck.CONTRADICTION in checks:
            found += [finding async for finding in find_contradictions(corpus, pairs, self._embedder)]
        return found

    async def _uncited(self, corpus: Corpus, older_than: timedelta) -> list[Finding] | None:
        """None while there is no record long enough to judge by."""
        since = await self._citations.first_conversation_at(corpus.tenant_id)
        if since is None or self._clock.now() - since < older_than:
            return None
        cited = await self._citations.cited_documents(corpus.tenant_id)
        return list(find_uncited(corpus, cited, since=since.date(), older_than=older_than))


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(
        findings,
        key=lambda f: (_ORDER.index(f.check), _GRAVITY.index(f.severity), f.places[0].external_id, f.message),
    )
