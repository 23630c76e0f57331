"""What an ingest run says of itself, and the identity it gives to documents."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from copilot.domain.care import QuarantineDecision
from copilot.domain.ingest import IngestProgress, IngestReport
from copilot.domain.knowledge import KnowledgeDocument, ParsedDocument, Refusal
from copilot.domain.value import Value
from copilot.retrieval.chunking import CHUNKING_VERSION
from copilot.retrieval.injection import INJECTION_VERSION, suspected_injection

__all__ = [
    "IngestProgress",
    "IngestReport",
    "Outcome",
    "PutResult",
    "document_name",
    "identified",
    "put_result",
    "report",
]


class Outcome(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class PutResult(Value):
    """What became of one document."""

    document_id: str
    external_id: str
    version: str
    outcome: Outcome
    quarantined: str | None = None
    passages: int = 0
    embedded: int = 0


def identified(tenant_id: str, parsed: ParsedDocument) -> KnowledgeDocument:
    """With an id that the same version of the same document always gets, so that citations keep holding."""
    identity = f"{tenant_id}\0{parsed.external_id}\0{parsed.version}"
    made_by = f"{CHUNKING_VERSION}\0{INJECTION_VERSION}\0"
    return KnowledgeDocument(
        **dict(parsed),
        id=f"doc_{hashlib.sha256(identity.encode()).hexdigest()[:32]}",
        tenant_id=tenant_id,
        content_hash=hashlib.sha256((made_by + _content(parsed)).encode()).hexdigest(),
        quarantined=suspected_injection(f"{parsed.title}\n{parsed.text}"),
    )


def _content(parsed: ParsedDocument) -> str:
    """Without an empty list of links: most documents are as they were before links were kept."""
    return parsed.model_dump_json(exclude=None if parsed.links else {"links"})


def judged(document: KnowledgeDocument, decision: QuarantineDecision | None) -> KnowledgeDocument:
    """As a person decided, whatever the patterns say; a release only for the text that was looked at."""
    if decision is None or (decision.released and decision.text_sha256 != text_hash(document)):
        return document
    return document.model_copy(update={"quarantined": None if decision.released else decision.reason})


def text_hash(document: ParsedDocument) -> str:
    """SHA-256 over what a person sees of a document."""
    return hashlib.sha256(f"{document.title}\n{document.text}".encode()).hexdigest()


def put_result(
    document: KnowledgeDocument, outcome: Outcome, *, passages: int = 0, embedded: int = 0
) -> PutResult:
    return PutResult(
        document_id=document.id,
        external_id=document.external_id,
        version=document.version,
        outcome=outcome,
        quarantined=document.quarantined,
        passages=passages,
        embedded=embedded,
    )


def document_name(external_id: str, version: str) -> str:
    return f"{external_id} v{version}"


def report(results: Sequence[PutResult], removed: Sequence[str], refused: Sequence[Refusal]) -> IngestReport:
    def named(outcome: Outcome) -> tuple[str, ...]:
        return tuple(
            document_name(result.external_id, result.version)
            for result in results
            if result.outcome is outcome
        )

    return IngestReport(
        added=named(Outcome.ADDED),
        changed=named(Outcome.CHANGED),
        unchanged=named(Outcome.UNCHANGED),
        removed=tuple(removed),
        quarantined=tuple(
            f"{document_name(result.external_id, result.version)}: {result.quarantined}"
            for result in results
            if result.quarantined
        ),
        refused=tuple(refused),
        passages=sum(result.passages for result in results),
        embedded=sum(result.embedded for result in results),
    )
