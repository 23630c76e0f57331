"""Documents as people look through them, in SQL: read from their JSON, never with the text."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from copilot.adapters.sql.columns import BeforeSlash, JsonField
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.document_facets import facets
from copilot.adapters.sql.knowledge_tables import documents, passages
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.shelf import ShelfEntry, ShelfFilter, ShelfState

_READ = ("title", "owner", "review_on", "superseded_by")
_FACETS = ("audience", "locale", "product", "valid_from", "valid_to")


@of_one_tenant()
class SqlDocumentShelf:
    """The DocumentShelf port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, tenant_id: str, wanted: ShelfFilter, day: date, *, after: str | None = None, limit: int = 50
    ) -> list[ShelfEntry]:
        query = _entries(tenant_id).where(*_conditions(wanted, day))
        if after is not None:
            external_id, _, version = after.partition("\n")
            later = documents.c.version > version
            query = query.where(
                or_(documents.c.external_id > external_id, (documents.c.external_id == external_id) & later)
            )
        query = query.order_by(documents.c.external_id, documents.c.version).limit(limit)
        async with self._database.peek() as connection:
            return [_entry(row) for row in await connection.execute(query)]

    async def count(self, tenant_id: str, wanted: ShelfFilter, day: date) -> int:
        query = (
            select(func.count())
            .select_from(documents.join(facets, facets.c.document_id == documents.c.id))
            .where(documents.c.tenant_id == tenant_id, *_conditions(wanted, day))
        )
        async with self._database.peek() as connection:
            return int(await connection.scalar(query) or 0)

    async def versions(self, tenant_id: str, external_id: str) -> list[ShelfEntry]:
        query = _entries(tenant_id).where(documents.c.external_id == external_id)
        async with self._database.peek() as connection:
            found = [_entry(row) for row in await connection.execute(query)]
        return sorted(found, key=lambda entry: (entry.valid_from or date.min, entry.version), reverse=True)

    async def choices(self, tenant_id: str) -> dict[str, list[str]]:
        products = select(facets.c.product).where(
            facets.c.tenant_id == tenant_id, facets.c.product.is_not(None)
        )
        origins = select(_origin()).where(documents.c.tenant_id == tenant_id, documents.c.source != "")
        async with self._database.peek() as connection:
            return {
                "product": sorted(await connection.scalars(products.distinct())),
                "source": sorted(await connection.scalars(origins.distinct())),
            }


def _entries(tenant_id: str) -> Select[Any]:
    passage_count = (
        select(func.count()).where(passages.c.document_id == documents.c.id).correlate(documents)
    ).scalar_subquery()
    return (
        select(
            *(documents.c[name] for name in ("id", "external_id", "version", "source", "quarantined")),
            *(facets.c[name] for name in _FACETS),
            *(_of_body(name).label(name) for name in _READ),
            passage_count.label("passages"),
        )
        .join(facets, facets.c.document_id == documents.c.id)
        .where(documents.c.tenant_id == tenant_id)
    )


def _conditions(wanted: ShelfFilter, day: date) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.text.strip():
        pattern = wanted.text.strip()
        fields = (documents.c.external_id, documents.c.source, _of_body("title"))
        conditions.append(or_(*(field.icontains(pattern, autoescape=True) for field in fields)))
    if wanted.audience is not None:
        conditions.append(facets.c.audience == wanted.audience)
    if wanted.product is not None:
        conditions.append(facets.c.product == wanted.product)
    if wanted.source is not None:
        conditions.append(_origin() == wanted.source)
    if wanted.state is not None:
        conditions.append(_state(wanted.state, day))
    return conditions


def _state(state: ShelfState, day: date) -> ColumnElement[bool]:
    """As `ShelfEntry.state` decides for one."""
    kept_out = documents.c.quarantined.is_not(None)
    today = day.isoformat()
    in_force = (
        (facets.c.valid_from.is_(None) | (facets.c.valid_from <= today))
        & (facets.c.valid_to.is_(None) | (facets.c.valid_to >= today))
        & (facets.c.superseded == 0)
    )
    if state is ShelfState.KEPT_OUT:
        return kept_out
    return ~kept_out & (in_force if state is ShelfState.SEARCHABLE else ~in_force)


def _origin() -> ColumnElement[str]:
    """The source up to its first slash."""
    return BeforeSlash(documents.c.source)


def _of_body(name: str) -> ColumnElement[Any]:
    return JsonField(documents.c.body, name)


def _entry(row: Row[Any]) -> ShelfEntry:
    return ShelfEntry.model_validate(row._asdict())
