"""Erasures and exports that were asked for, in SQL."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Index, Table, Text, insert, select, update

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.errors import Conflict, NotFound
from copilot.domain.privacy import PrivacyKind, PrivacyRequest, PrivacyStatus

_requests = Table(
    "privacy_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("customer_id", Text, nullable=False),  # "" once nobody is named any more
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
    Index("privacy_requests_by_tenant", "tenant_id", "id"),
    Index("privacy_requests_by_customer", "customer_id"),
)


@of_one_tenant(but=("pending",))
class SqlPrivacyRequests:
    """The PrivacyRequests port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, request: PrivacyRequest) -> None:
        row = {
            "id": request.id,
            "tenant_id": request.tenant_id,
            "kind": request.kind.value,
            "proposed_at": request.proposed_at,
            **_changing(request),
        }
        async with self._database.write(durable=True) as connection:
            await connection.execute(insert(_requests).values(row))

    async def get(self, tenant_id: str, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        query = select(_requests.c.body).where(
            _requests.c.tenant_id == tenant_id,
            _requests.c.kind == kind.value,
            _requests.c.id == request_id,
        )
        body = await self._database.look(lambda connection: connection.scalar(query))
        if body is None:
            raise NotFound(f"there is no request {request_id!r} among the {kind.value}.")
        return PrivacyRequest.model_validate_json(body)

    async def list(
        self, tenant_id: str, kind: PrivacyKind | None = None, *, after: str | None = None, limit: int = 50
    ) -> Sequence[PrivacyRequest]:
        query = select(_requests.c.body).where(_requests.c.tenant_id == tenant_id)
        if kind is not None:
            query = query.where(_requests.c.kind == kind.value)
        if after is not None:
            query = query.where(_requests.c.id < after)
        query = query.order_by(_requests.c.id.desc()).limit(limit)
        bodies = await self._database.look(lambda connection: connection.scalars(query).all())
        return [PrivacyRequest.model_validate_json(body) for body in bodies]

    async def replace(self, request: PrivacyRequest, *, expected: PrivacyStatus) -> None:
        change = (
            update(_requests)
            .where(
                _requests.c.tenant_id == request.tenant_id,
                _requests.c.id == request.id,
                _requests.c.status == expected.value,
            )
            .values(_changing(request))
        )

        def work(connection: Connection) -> int:
            if connection.dialect.name == "sqlite":  # the customer it named is not to stay in free bytes
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            return connection.execute(change).rowcount

        if await self._database.transact(work) == 0:
            raise Conflict(f"The request is not {expected.value} any more.", hint="Look at it again.")

    async def pending(self) -> Sequence[PrivacyRequest]:
        query = select(_requests.c.body).where(_requests.c.customer_id != "").order_by(_requests.c.id)
        bodies = await self._database.look(lambda connection: connection.scalars(query).all())
        return [PrivacyRequest.model_validate_json(body) for body in bodies]


def _changing(request: PrivacyRequest) -> dict[str, str]:
    return {
        "status": request.status.value,
        "customer_id": request.customer_id,
        "body": request.model_dump_json(),
    }
