"""Runs every check over one tenant's knowledge."""

import asyncio
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import timedelta

from copilot.domain.care import Finding, LintCheck, LintProgress, LintReport, Severity
from copilot.ports import CitationLog, Clock, Embedder, KnowledgeStore, PassageIndex, TokenCounter
from copilot.retrieval.lint.contradictions import Disputes, find_contradictions
from copilot.retrieval.lint.corpus import Corpus, load_corpus
from copilot.retrieval.lint.duplicates import alike, find_duplicates
from copilot.retrieval.lint.injected import find_quarantined
from copilot.retrieval.lint.links import CheckLink, find_dead_addresses, find_dead_links
from copilot.retrieval.lint.neighbours import Pair, related_pairs
from copilot.retrieval.lint.shape import find_misshapen
from copilot.retrieval.lint.stale import find_stale
from copilot.retrieval.lint.uncited import find_uncited

OnProgress = Callable[[LintProgress], None]
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
        on_progress: OnProgress | None = None,
    ) -> LintReport:
        """Links to the web are followed only with `check_link`."""
        on_progress = on_progress or _unheard
        now = self._clock.now()
        on_progress(LintProgress(step="reading"))
        corpus = await load_corpus(self._store, tenant_id, now.date())
        findings: list[Finding] = []
        skipped: dict[LintCheck, str] = {}
        if LintCheck.INJECTION in checks:
            findings += find_quarantined(corpus, await self._store.quarantine_decisions(tenant_id))
        if checks & {LintCheck.CONTRADICTION, LintCheck.DUPLICATE}:
            findings += await self._compared(corpus, checks, on_progress)
        on_progress(LintProgress(step="reading each page"))
        # A thread, because each looks at every word, and conversations go on meanwhile.
        findings += await asyncio.to_thread(_alone, corpus, checks, self._pieces)
        if LintCheck.DEAD_LINK in checks and check_link is not None:
            on_progress(LintProgress(step="following links"))
            findings += await find_dead_addresses(corpus, check_link)
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

    async def _compared(
        self, corpus: Corpus, checks: AbstractSet[LintCheck], on_progress: OnProgress
    ) -> list[Finding]:
        """Of pairs, which are many, only those are kept that something is wrong with."""
        copies: list[tuple[float, Pair]] = []
        disputes = Disputes(corpus)

        def sort_out(pairs: list[Pair]) -> None:
            if LintCheck.DUPLICATE in checks:
                copies.extend(alike(pairs))
            if LintCheck.CONTRADICTION in checks:
                disputes.add(pairs)

        def tell(done: int, total: int) -> None:
            on_progress(LintProgress(step="comparing passages", done=done, total=total))

        model_id = self._embedder.model_id
        async for pairs in related_pairs(corpus, self._store, self._index, model_id, tell):
            await asyncio.to_thread(sort_out, pairs)
        on_progress(LintProgress(step="comparing sentences"))
        contradictions = [f async for f in find_contradictions(corpus, disputes, self._embedder)]
        return [*find_duplicates(corpus, copies), *contradictions]

    async def _uncited(self, corpus: Corpus, older_than: timedelta) -> list[Finding] | None:
        """None while there is no record long enough to judge by."""
        since = await self._citations.first_conversation_at(corpus.tenant_id)
        if since is None or self._clock.now() - since < older_than:
            return None
        cited = await self._citations.cited_documents(corpus.tenant_id)
        return list(find_uncited(corpus, cited, since=since.date(), older_than=older_than))


def _unheard(progress: LintProgress) -> None:
    """Nobody asked."""


def _alone(corpus: Corpus, checks: AbstractSet[LintCheck], pieces: TokenCounter) -> list[Finding]:
    """What shows in a page by itself."""
    findings: list[Finding] = []
    if LintCheck.DEAD_LINK in checks:
        findings += find_dead_links(corpus)
    if LintCheck.STALE in checks:
        findings += find_stale(corpus)
    if LintCheck.PASSAGE in checks:
        findings += find_misshapen(corpus, pieces)
    return findings


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(
        findings,
        key=lambda f: (_ORDER.index(f.check), _GRAVITY.index(f.severity), f.places[0].external_id, f.message),
    )
