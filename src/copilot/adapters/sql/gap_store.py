"""Clusters of unanswered questions in SQL."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.knowledge_tables import gaps
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert
from copilot.domain.care import GapCluster, GapStatus
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import KnowledgeGap
from copilot.ports import GapCentre, GapMember, Vector

_FLOAT = np.dtype("<f4")
_SHOWN = 20
"""Conversations and wordings of one cluster."""

_clusters = Table(
    "gap_clusters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_asked_at", UtcDateTime, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("total", LargeBinary, nullable=False),  # float32, little-endian
    Column("cluster", Text, nullable=False),  # JSON
    Index("gap_clusters_by_count", "tenant_id", "count", "id"),
)
_members = Table(
    "gap_members",
    metadata,
    Column("gap_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Index("gap_members_by_cluster", "cluster_id", "gap_id"),
)
_DERIVED = {"questions", "conversation_ids"}


@of_one_tenant()
class SqlGapStore:
    """The GapStore port on our SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unsorted(self, tenant_id: str, *, limit: int = 500) -> list[KnowledgeGap]:
        sorted_ = select(_members.c.gap_id).where(_members.c.gap_id == gaps.c.id).exists()
        statement = select(gaps).where(gaps.c.tenant_id == tenant_id, ~sorted_)
        async with self._database.peek() as connection:
            rows = await connection.execute(statement.order_by(gaps.c.id).limit(limit))
            return [KnowledgeGap(**row._mapping) for row in rows]  # noqa: SLF001 - its public name

    async def centres(self, tenant_id: str) -> list[GapCentre]:
        statement = select(
            _clusters.c.id, _clusters.c.model_id, _clusters.c.total, _clusters.c.count.label("size")
        )
        async with self._database.peek() as connection:
            rows = await connection.execute(statement.where(_clusters.c.tenant_id == tenant_id))
            return [GapCentre(row.id, row.model_id, _vector(row.total), row.size) for row in rows]

    async def members(self, tenant_id: str, cluster_id: str, model_id: str, *, limit: int) -> list[GapMember]:
        statement = (
            select(gaps, _members.c.vector)
            .join(_members, _members.c.gap_id == gaps.c.id)
            .where(
                _members.c.cluster_id == cluster_id,
                _members.c.tenant_id == tenant_id,
                _members.c.model_id == model_id,
            )
            .order_by(gaps.c.id.desc())
            .limit(limit)
        )
        async with self._database.peek() as connection:
            found = []
            for row in await connection.execute(statement):
                fields = row._asdict()
                vector = _vector(fields.pop("vector"))
                found.append(GapMember(KnowledgeGap(**fields), vector))
            return found

    async def put(self, cluster: GapCluster, centre: GapCentre, added: Sequence[GapMember] = ()) -> None:
        values = {
            **_values(cluster),
            "model_id": centre.model_id,
            "total": centre.total.astype(_FLOAT).tobytes(),
        }
        statement = upsert(_clusters).values(id=cluster.id, tenant_id=cluster.tenant_id, **values)
        rows = [
            {
                "gap_id": member.gap.id,
                "tenant_id": cluster.tenant_id,
                "cluster_id": cluster.id,
                "model_id": centre.model_id,
                "vector": member.vector.astype(_FLOAT).tobytes(),
            }
            for member in added
        ]
        async with self._database.write() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
            if rows:
                await connection.execute(upsert(_members).on_conflict_do_nothing(), rows)

    async def merge(self, tenant_id: str, gone: str, into: str) -> None:
        of_gone = (_members.c.cluster_id == gone) & (_members.c.tenant_id == tenant_id)
        async with self._database.write() as connection:
            await connection.execute(update(_members).where(of_gone).values(cluster_id=into))
            await connection.execute(
                delete(_clusters).where(_clusters.c.id == gone, _clusters.c.tenant_id == tenant_id)
            )

    async def get(self, tenant_id: str, cluster_id: str) -> GapCluster:
        statement = select(_clusters.c.cluster).where(
            _clusters.c.tenant_id == tenant_id, _clusters.c.id == cluster_id
        )
        async with self._database.read() as connection:
            body = await connection.scalar(statement)
            if body is None:
                raise NotFound(
                    f"there is no gap {cluster_id!r}.", hint="GET /v1/knowledge/gaps lists what there is."
                )
            return await _whole(connection, body)

    async def list_clusters(
        self, tenant_id: str, *, status: GapStatus | None = None, after: str | None = None, limit: int = 50
    ) -> list[GapCluster]:
        order = tuple_(_clusters.c.count, _clusters.c.id)
        statement = select(_clusters.c.cluster).where(_clusters.c.tenant_id == tenant_id)
        if status is not None:
            statement = statement.where(_clusters.c.status == status)
        if after is not None:
            seen = select(_clusters.c.count, _clusters.c.id).where(_clusters.c.id == after)
            statement = statement.where(order < seen.scalar_subquery())
        statement = statement.order_by(_clusters.c.count.desc(), _clusters.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return [await _whole(connection, body) for body in list(await connection.scalars(statement))]

    async def save(self, cluster: GapCluster) -> None:
        body = {"status": cluster.status, "cluster": _body(cluster)}
        statement = update(_clusters).where(
            _clusters.c.id == cluster.id, _clusters.c.tenant_id == cluster.tenant_id
        )
        async with self._database.write() as connection:
            if (await connection.execute(statement.values(body))).rowcount == 0:
                raise NotFound(f"there is no gap {cluster.id!r}.")


def forget_wordings(connection: Connection, tenant_id: str, wordings: Collection[str]) -> int:
    """After gaps were erased: clusters without members go, and none is named by one of `wordings` any more.

    Returns how many went. The sum of a cluster's vectors, and how often it was asked, stay as they are.
    """
    mine, of_cluster = _clusters.c.tenant_id == tenant_id, _members.c.cluster_id == _clusters.c.id
    has_members = select(_members.c.gap_id).where(of_cluster).exists()
    gone = connection.execute(delete(_clusters).where(mine, ~has_members)).rowcount
    newest = (
        select(gaps.c.question)
        .join(_members, _members.c.gap_id == gaps.c.id)
        .order_by(gaps.c.id.desc())
        .limit(1)
    )
    for row in connection.execute(select(_clusters.c.id, _clusters.c.cluster).where(mine)).all():
        body = json.loads(row.cluster)
        if body.get("question") not in wordings:
            continue
        body["question"] = connection.scalar(newest.where(_members.c.cluster_id == row.id)) or ""
        renamed = update(_clusters).where(mine, _clusters.c.id == row.id)
        connection.execute(renamed.values(cluster=json.dumps(body, ensure_ascii=False)))
    return gone


def _values(cluster: GapCluster) -> dict[str, Any]:
    return {
        "status": cluster.status,
        "count": cluster.count,
        "last_asked_at": cluster.last_asked_at,
        "cluster": _body(cluster),
    }


def _body(cluster: GapCluster) -> str:
    return cluster.model_dump_json(exclude=_DERIVED)


async def _whole(connection: AsyncConnection, body: str) -> GapCluster:
    """With the wordings and conversations of its newest members."""
    cluster = GapCluster.model_validate_json(body)

    async def newest(column: Any) -> tuple[str, ...]:  # noqa: ANN401 - a column of gaps
        last = func.max(gaps.c.id)
        statement = (
            select(column)
            .join(_members, _members.c.gap_id == gaps.c.id)
            .where(_members.c.cluster_id == cluster.id, column.is_not(None))
            .group_by(column)
            .order_by(last.desc())
            .limit(_SHOWN)
        )
        return tuple(await connection.scalars(statement))

    found = {
        "questions": await newest(gaps.c.question),
        "conversation_ids": await newest(gaps.c.conversation_id),
    }
    return cluster.model_copy(update=found)


def _vector(stored: bytes) -> Vector:
    return np.frombuffer(stored, dtype=_FLOAT)
