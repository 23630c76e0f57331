"""Which documents a query may find."""

from collections.abc import Iterable
from datetime import date

from copilot.domain.knowledge import DocumentFacts, KnowledgeDocument, SearchQuery

AnyDocument = DocumentFacts | KnowledgeDocument


def wanted(documents: Iterable[DocumentFacts], query: SearchQuery, day: date) -> list[DocumentFacts]:
    """What the filters leave. A superseded version is shown only when asked for a day it was in force."""
    audiences, locale, product, tags = query.audiences, query.locale, query.product, query.tags
    is_today = query.as_of is None
    return [
        document
        for document in documents
        if document.audience in audiences
        and document.in_force(day)
        and not (is_today and document.superseded_by)
        and (locale is None or document.locale == locale)
        and (product is None or document.product is None or document.product == product)
        and tags <= document.tags
    ]


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
