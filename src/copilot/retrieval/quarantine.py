"""A person's word on what is kept out of search; each is an entry in the ledger."""

from copilot.domain.actions import LedgerRecord
from copilot.domain.care import QuarantineDecision
from copilot.domain.errors import Conflict
from copilot.domain.knowledge import KnowledgeDocument
from copilot.ports import Clock, KnowledgeStore, LedgerStore
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.reports import text_hash


class Quarantine:
    """Takes documents into search or out of it."""

    def __init__(self, store: KnowledgeStore, ingestor: Ingestor, ledger: LedgerStore, clock: Clock) -> None:
        self._store = store
        self._ingestor = ingestor
        self._ledger = ledger
        self._clock = clock

    async def release(
        self, tenant_id: str, external_id: str, version: str | None, *, by: str, reason: str = ""
    ) -> KnowledgeDocument:
        """Into search, with the text it has now. `Conflict` when it is not kept out."""
        document = await self._store.get_document(tenant_id, external_id, version)
        if document.quarantined is None:
            raise Conflict(f"{external_id} v{document.version} is in search already.")
        return await self._decide(document, by, reason, released=True)

    async def quarantine(
        self, tenant_id: str, external_id: str, version: str | None, *, by: str, reason: str
    ) -> KnowledgeDocument:
        """Out of search until it is released, whatever its text becomes. `Conflict` when it is out."""
        document = await self._store.get_document(tenant_id, external_id, version)
        if document.quarantined is not None:
            raise Conflict(
                f"{external_id} v{document.version} is kept out of search already: {document.quarantined}."
            )
        return await self._decide(document, by, reason, released=False)

    async def _decide(
        self, document: KnowledgeDocument, by: str, reason: str, *, released: bool
    ) -> KnowledgeDocument:
        decision = QuarantineDecision(
            released=released, by=by, reason=reason, at=self._clock.now(), text_sha256=text_hash(document)
        )
        body = {
            "external_id": document.external_id,
            "version": document.version,
            "by": by,
            "text_sha256": decision.text_sha256,
        }
        kind = "knowledge.released" if released else "knowledge.quarantined"
        # People write them, and may name a customer: the decision has the reason, and can be erased.
        private = {"reason": reason, "before": document.quarantined}
        record = LedgerRecord(kind=kind, subject_id=document.id, body=body, at=decision.at, private=private)
        # First: a decision that took effect and stands nowhere is worse than one that stands and failed.
        await self._ledger.append(document.tenant_id, record)
        return await self._ingestor.decide(
            document.tenant_id, document.external_id, document.version, decision
        )
