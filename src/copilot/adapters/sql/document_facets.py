"""What searches filter documents by, beside the documents: a filter reads no text, however many there are."""

from datetime import date

from sqlalchemy import (
    DDL,
    Column,
    ForeignKey,
    Index,
    Integer,
    Select,
    Table,
    Text,
    event,
    literal,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from copilot.adapters.sql.columns import JsonTexts, is_among
from copilot.adapters.sql.database import metadata
from copilot.adapters.sql.knowledge_tables import passages
from copilot.domain.knowledge import SearchQuery

facets = Table(
    "document_facets",
    metadata,
    Column("document_id", Text, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("product", Text),
    Column("tags", Text, nullable=False),  # a JSON list
    Column("valid_from", Text),  # ISO 8601, as all days here
    Column("valid_to", Text),
    Column("superseded", Integer, nullable=False),
    Index("document_facets_by_tenant", "tenant_id"),
)

_OF_BODY = (
    "json_extract({0}.body, '$.audience'), json_extract({0}.body, '$.locale'), "
    "json_extract({0}.body, '$.product'), json_extract({0}.body, '$.tags'), "
    "json_extract({0}.body, '$.valid_from'), json_extract({0}.body, '$.valid_to'), "
    "coalesce(json_extract({0}.body, '$.superseded_by'), '') != ''"
)
# The database keeps them itself, so no writer can forget to; documents of before are read once.
for _statement in (
    (
        "CREATE TRIGGER document_facets_of_document AFTER INSERT ON documents BEGIN "
        f"INSERT INTO document_facets SELECT new.id, new.tenant_id, {_OF_BODY.format('new')}; END"
    ),
    f"INSERT INTO document_facets SELECT d.id, d.tenant_id, {_OF_BODY.format('d')} FROM documents AS d",  # noqa: S608
):
    event.listen(facets, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]


def wanted_passages(query: SearchQuery, day: date) -> Select[tuple[str]]:
    """Ids of searchable passages whose document the query's filters leave."""
    return (
        select(passages.c.id)
        .join(facets, facets.c.document_id == passages.c.document_id)
        .where(facets.c.tenant_id == query.tenant_id, passages.c.searchable == 1, *_conditions(query, day))
    )


def _conditions(query: SearchQuery, day: date) -> list[ColumnElement[bool]]:
    """As `retrieval.filters.wanted` decides for one document."""
    conditions: list[ColumnElement[bool]] = [
        facets.c.audience.in_(sorted(query.audiences)),
        facets.c.valid_from.is_(None) | (facets.c.valid_from <= day.isoformat()),
        facets.c.valid_to.is_(None) | (facets.c.valid_to >= day.isoformat()),
    ]
    if query.as_of is None:
        conditions.append(facets.c.superseded == 0)
    if query.locale is not None:
        conditions.append(facets.c.locale == query.locale)
    if query.product is not None:
        conditions.append(facets.c.product.is_(None) | (facets.c.product == query.product))
    conditions += [is_among(literal(tag), JsonTexts(facets.c.tags)) for tag in sorted(query.tags)]
    return conditions
