"""Which documents a query may find."""

from collections.abc import Iterable
from datetime import date

from copilot.domain.knowledge import DocumentFacts, KnowledgeDocument, SearchQuery

AnyDocument = DocumentFacts | KnowledgeDocument


def wanted(document: AnyDocument, query: SearchQuery, day: date) -> bool:
    """What the filters leave. A superseded version is shown only when asked for a day it was in force."""
    return (
        document.audience in query.audiences
        and document.in_force(day)
        and not (document.superseded_by and query.as_of is None)
        and query.locale in {None, document.locale}
        and (query.product is None or document.product in {None, query.product})
        and query.tags <= set(document.tags)
    )


def newest_versions(documents: Iterable[AnyDocument]) -> set[str]:
    """Ids: of one document's versions that claim the same day, the one that came into force last."""
    newest: dict[str, AnyDocument] = {}
    for document in documents:
        other = newest.get(document.external_id)
        if other is None or (other is not document and _age(other) < _age(document)):
            newest[document.external_id] = document
    return {document.id for document in newest.values()}


def _age(document: AnyDocument) -> tuple[date, int, str]:
    number = int(document.version) if document.version.isdecimal() else -1
    return document.valid_from or date.min, number, document.version
