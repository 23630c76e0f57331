"""Which documents a query may find."""

from collections.abc import Iterable
from datetime import date

from copilot.domain.knowledge import KnowledgeDocument, SearchQuery


def wanted(document: KnowledgeDocument, query: SearchQuery, day: date) -> bool:
    """What the filters leave. A superseded version is shown only when asked for a day it was in force."""
    return (
        document.audience in query.audiences
        and document.in_force(day)
        and not (document.superseded_by and query.as_of is None)
        and query.locale in {None, document.locale}
        and (query.product is None or document.product in {None, query.product})
        and query.tags <= set(document.tags)
    )


def newest_versions(documents: Iterable[KnowledgeDocument]) -> set[str]:
    """Ids: of one document's versions that claim the same day, the one that came into force last."""
    newest: dict[str, KnowledgeDocument] = {}
    for document in documents:
        name = document.external_id
        newest[name] = max(newest.get(name, document), document, key=_age)
    return {document.id for document in newest.values()}


def _age(document: KnowledgeDocument) -> tuple[date, int, str]:
    number = int(document.version) if document.version.isdecimal() else -1
    return document.valid_from or date.min, number, document.version
