"""Documents, passages, vectors, artifacts and gaps in SQL: the truth that the index is derived from."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import bindparam, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from copilot.adapters.sql import full_text
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.document_facets import wanted_passages
from copilot.adapters.sql.kept_passages import KeptPassages
from copilot.adapters.sql.knowledge_rows import (
    PASSAGE_COLUMNS,
    VECTOR,
    document_row,
    passage_of,
    passage_row,
)
from copilot.adapters.sql.knowledge_tables import (
    artifacts,
    documents,
    embeddings,
    file_stamps,
    gaps,
    passages,
    quarantine_decisions,
)
from copilot.adapters.sql.locks import hold
from copilot.adapters.sql.passage_reader import PassageReader
from copilot.adapters.sql.passage_rows import PassageRows, SqlitePassageRows
from copilot.adapters.sql.postings import KeywordSearch
from copilot.adapters.sql.read_ahead import ReadAhead
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.adapters.sql.upserts import upsert
from copilot.domain.care import QuarantineDecision
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import (
    FileStamp,
    KnowledgeDocument,
    KnowledgeGap,
    Passage,
    PassageFacts,
    SearchQuery,
)
from copilot.ports import LookedUp, Vector, Vectors

if TYPE_CHECKING:
    from copilot.adapters.sql.keywords import Keywords, Words

_BATCH = 500
"""Values in one SQL `IN (…)`."""


# Vectors belong to contents, which tenants may share: who forgets one must see that nobody else has it.
@of_one_tenant(
    but=(
        "tenants",
        "put_documents",
        "delete_document",
        "passages_of",
        "vectors_of",
        "cached_vectors",
        "put_vectors",
    )
)
class SqlKnowledgeStore:
    """The KnowledgeStore port on our SQL database."""

    def __init__(
        self,
        database: Database,
        words: "Words" = full_text,
        keywords: "Keywords | None" = None,
        rows: PassageRows | None = None,
    ) -> None:
        """With the parts that SQLite has, unless others are given."""
        self._database = database
        self._words = words
        kept: KeptPassages | None = None
        ahead: ReadAhead | None = None
        if keywords is None:  # else other servers write, too, and nothing here would hear of it
            search = keywords = KeywordSearch(database)
            kept = KeptPassages(search.generation)
            ahead = ReadAhead(database.readers, kept)
        self._keywords = keywords
        self._passages = PassageReader(rows or SqlitePassageRows(database.readers), kept, ahead)

    async def close(self) -> None:
        """Ends what it reads in the background; the database stays open."""
        await self._passages.close()
        await self._keywords.close()

    # ------------------------------------------------------------ documents

    @property
    def database(self) -> Database:
        """For stores of other things that are to share it."""
        return self._database

    async def content_hashes(self, tenant_id: str) -> dict[tuple[str, str], str]:
        return await self._by_version(tenant_id, documents.c.content_hash)

    async def sources(self, tenant_id: str) -> dict[tuple[str, str], str]:
        return await self._by_version(tenant_id, documents.c.source)

    async def tenants(self) -> list[str]:
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(documents.c.tenant_id).distinct().order_by(documents.c.tenant_id)
            )
            return list(found)

    async def quarantines(self, tenant_id: str) -> dict[tuple[str, str], str]:
        found = await self._by_version(tenant_id, documents.c.quarantined)
        return {key: reason for key, reason in found.items() if reason is not None}

    async def quarantine_decisions(self, tenant_id: str) -> dict[tuple[str, str], QuarantineDecision]:
        statement = select(quarantine_decisions).where(quarantine_decisions.c.tenant_id == tenant_id)
        async with self._database.peek() as connection:
            return {
                (row.external_id, row.version): QuarantineDecision.model_validate_json(row.decision)
                for row in await connection.execute(statement)
            }

    async def put_quarantine_decision(
        self, tenant_id: str, external_id: str, version: str, decision: QuarantineDecision
    ) -> None:
        key = {"tenant_id": tenant_id, "external_id": external_id, "version": version}
        body = {"decision": decision.model_dump_json()}
        statement = upsert(quarantine_decisions).values(**key, **body)
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=body)
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def put_document(
        self, document: KnowledgeDocument, passages_: Sequence[Passage], vectors: Vectors, model_id: str
    ) -> list[str]:
        return await self.put_documents([(document, passages_, vectors)], model_id)

    async def put_documents(
        self, entries: Sequence[tuple[KnowledgeDocument, Sequence[Passage], Vectors]], model_id: str
    ) -> list[str]:
        gone: list[str] = []
        async with self._database.write() as connection:
            for tenant_id, group in groupby(entries, key=lambda entry: entry[0].tenant_id):
                await connection.run_sync(hold, _lock(tenant_id))
                old = await self._replace(connection, tenant_id, list(group), model_id)
                await self._forget_vectors(connection, [content_hash for _, content_hash in old])
                gone += [identity for identity, _ in old]
        for tenant_id in {document.tenant_id for document, _, _ in entries}:
            self._forget(tenant_id)
        kept = {passage.id for document, cut, _ in entries if document.quarantined is None for passage in cut}
        return [identity for identity in gone if identity not in kept]

    async def _replace(
        self,
        connection: AsyncConnection,
        tenant_id: str,
        entries: Sequence[tuple[KnowledgeDocument, Sequence[Passage], Vectors]],
        model_id: str,
    ) -> list[tuple[str, str]]:
        """A statement for all of one kind, not for each; returns (id, content hash) of the old passages."""
        await self._words.create(connection, tenant_id)
        versions = [(document.external_id, document.version) for document, _, _ in entries]
        old = []
        for start in range(0, len(versions), _BATCH):
            wanted = tuple_(documents.c.external_id, documents.c.version).in_(
                versions[start : start + _BATCH]
            )
            old += await self._remove(connection, tenant_id, wanted)
        await connection.execute(insert(documents), [document_row(document) for document, _, _ in entries])
        rows = [
            passage_row(passage, tenant_id, document.quarantined is None)
            for document, cut, _ in entries
            for passage in cut
        ]
        if rows:
            await connection.execute(insert(passages), rows)
        searchable = [entry for entry in entries if entry[0].quarantined is None]
        hashes = [passage.content_hash for _, cut, _ in searchable for passage in cut]
        vectors = [vector for _, _, part in searchable for vector in part]
        await _put_vectors(connection, hashes, vectors, model_id)
        await self._words.add(connection, tenant_id, [document.id for document, _, _ in searchable])
        return old

    async def _remove(
        self,
        connection: AsyncConnection,
        tenant_id: str,
        wanted: Any,  # noqa: ANN401 - a condition
    ) -> list[tuple[str, str]]:
        """Deletes documents with their passages; returns (id, content hash) of those passages."""
        statement = (
            select(passages.c.row, passages.c.id, passages.c.content_hash, passages.c.searchable)
            .join(documents, documents.c.id == passages.c.document_id)
            .where(documents.c.tenant_id == tenant_id, wanted)
        )
        rows = list(await connection.execute(statement))
        await self._words.remove(connection, tenant_id, [row.row for row in rows if row.searchable])
        await connection.execute(delete(documents).where(documents.c.tenant_id == tenant_id, wanted))
        return [(row.id, row.content_hash) for row in rows]

    async def delete_document(
        self, tenant_id: str, external_id: str, version: str | None = None
    ) -> list[str]:
        wanted = documents.c.external_id == external_id
        if version is not None:
            wanted &= documents.c.version == version
        async with self._database.write() as connection:
            await connection.run_sync(hold, _lock(tenant_id))
            found = await connection.scalar(
                select(func.count()).where(documents.c.tenant_id == tenant_id, wanted)
            )
            if not found:
                raise _no_document(external_id, version)
            old = await self._remove(connection, tenant_id, wanted)
            await self._forget_vectors(connection, [content_hash for _, content_hash in old])
        self._forget(tenant_id)
        return [identity for identity, _ in old]

    async def get_document(
        self, tenant_id: str, external_id: str, version: str | None = None
    ) -> KnowledgeDocument:
        statement = select(documents.c.body).where(
            documents.c.tenant_id == tenant_id, documents.c.external_id == external_id
        )
        if version is not None:
            statement = statement.where(documents.c.version == version)
        async with self._database.read() as connection:
            bodies = list(await connection.scalars(statement))
        if not bodies:
            raise _no_document(external_id, version)
        return max((KnowledgeDocument.model_validate_json(body) for body in bodies), key=_newness)

    async def list_documents(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[KnowledgeDocument]:
        statement = select(documents.c.body).where(
            documents.c.tenant_id == tenant_id, documents.c.id > (after or "")
        )
        async with self._database.read() as connection:
            bodies = await connection.scalars(statement.order_by(documents.c.id).limit(limit))
            return [KnowledgeDocument.model_validate_json(body) for body in bodies]

    async def file_stamps(self, tenant_id: str) -> dict[str, FileStamp]:
        statement = select(file_stamps.c.source, file_stamps.c.stamp, file_stamps.c.given)
        async with self._database.read() as connection:
            rows = await connection.execute(statement.where(file_stamps.c.tenant_id == tenant_id))
            return {source: FileStamp(stamp=stamp, given=given) for source, stamp, given in rows}

    async def put_file_stamps(self, tenant_id: str, stamps: Mapping[str, FileStamp | None]) -> None:
        kept = [
            {"tenant_id": tenant_id, "source": source, "stamp": stamp.stamp, "given": stamp.given}
            for source, stamp in stamps.items()
            if stamp is not None
        ]
        forgotten = [{"name": source} for source, stamp in stamps.items() if stamp is None]
        async with self._database.write() as connection:
            if kept:
                statement = upsert(file_stamps)
                await connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["tenant_id", "source"],
                        set_={name: statement.excluded[name] for name in ("stamp", "given")},
                    ),
                    kept,
                )
            if forgotten:
                gone = (file_stamps.c.tenant_id == tenant_id) & (file_stamps.c.source == bindparam("name"))
                await connection.execute(delete(file_stamps).where(gone), forgotten)

    # ------------------------------------------------------------ passages

    async def passages_of(self, document_id: str) -> list[Passage]:
        statement = (
            select(*PASSAGE_COLUMNS)
            .where(passages.c.document_id == document_id)
            .order_by(passages.c.position)
        )
        async with self._database.read() as connection:
            return [passage_of(row) for row in await connection.execute(statement)]

    async def all_passages(self, tenant_id: str) -> AsyncIterator[list[Passage]]:
        last = 0
        while True:
            statement = (
                select(passages.c.row, *PASSAGE_COLUMNS)
                .where(passages.c.tenant_id == tenant_id, passages.c.row > last)
                .order_by(passages.c.row)
                .limit(_BATCH)
            )
            async with self._database.peek() as connection:
                rows = list(await connection.execute(statement))
            if not rows:
                return
            last = rows[-1].row
            yield [passage_of(row) for row in rows]

    async def fetch(
        self,
        tenant_id: str,  # noqa: ARG002 - `of_one_tenant` reads it
        facts: Sequence[PassageFacts],
    ) -> dict[str, tuple[Passage, KnowledgeDocument]]:
        return await self._passages.fetch(facts)

    async def look_up(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> LookedUp:
        return await self._passages.look_up(tenant_id, passage_ids, embedded, model_id)

    async def match(
        self, tenant_id: str, text: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        return await self._keywords.match(tenant_id, text, limit, among=among)

    async def passages_within(self, query: SearchQuery, day: date, limit: int) -> list[str]:
        async with self._database.peek() as connection:
            return list(await connection.scalars(wanted_passages(query, day).limit(limit)))

    async def passage_ids(self, tenant_id: str) -> set[str]:
        async with self._database.read() as connection:
            return set(await connection.scalars(select(passages.c.id).where(*_searchable(tenant_id))))

    async def passage_count(self, tenant_id: str) -> int:
        async with self._database.read() as connection:
            return (
                await connection.scalar(
                    select(func.count()).select_from(passages).where(*_searchable(tenant_id))
                )
                or 0
            )

    # ------------------------------------------------------------ vectors

    async def cached_vectors(self, content_hashes: Sequence[str], model_id: str) -> dict[str, Vector]:
        return await self._passages.cached_vectors(content_hashes, model_id)

    async def vectors_of(self, passage_ids: Sequence[str], model_id: str) -> tuple[list[str], Vectors]:
        return await self._passages.vectors_of(passage_ids, model_id)

    async def put_vectors(self, content_hashes: Sequence[str], vectors: Vectors, model_id: str) -> None:
        async with self._database.write() as connection:
            await _put_vectors(connection, content_hashes, vectors, model_id)

    async def passages_without_vector(self, tenant_id: str, model_id: str) -> list[Passage]:
        statement = select(*PASSAGE_COLUMNS).where(
            *_searchable(tenant_id),
            ~select(embeddings.c.content_hash)
            .where(embeddings.c.content_hash == passages.c.content_hash, embeddings.c.model_id == model_id)
            .exists(),
        )
        async with self._database.read() as connection:
            return [passage_of(row) for row in await connection.execute(statement.order_by(passages.c.row))]

    async def all_vectors(self, tenant_id: str, model_id: str) -> AsyncIterator[tuple[list[str], Vectors]]:
        last = 0
        while True:
            statement = (
                select(passages.c.row, passages.c.id, embeddings.c.vector)
                .join(embeddings, embeddings.c.content_hash == passages.c.content_hash)
                .where(*_searchable(tenant_id), embeddings.c.model_id == model_id, passages.c.row > last)
                .order_by(passages.c.row)
                .limit(_BATCH)
            )
            async with self._database.read() as connection:
                rows = list(await connection.execute(statement))
            if not rows:
                return
            last = rows[-1].row
            vectors: Vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype=VECTOR)
            yield [row.id for row in rows], vectors.reshape(len(rows), -1)

    # ------------------------------------------------------------ artifacts and gaps

    async def put_artifact(self, tenant_id: str, name: str, key: str, content: bytes) -> None:
        values = {"key": key, "content": content}
        statement = upsert(artifacts).values(tenant_id=tenant_id, name=name, **values)
        statement = statement.on_conflict_do_update(index_elements=["tenant_id", "name"], set_=values)
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def get_artifact(self, tenant_id: str, name: str) -> tuple[str, bytes] | None:
        statement = select(artifacts.c.key, artifacts.c.content).where(
            artifacts.c.tenant_id == tenant_id, artifacts.c.name == name
        )
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else (row.key, row.content)

    async def record_gap(self, gap: KnowledgeGap) -> None:
        async with self._database.write() as connection:
            await connection.execute(insert(gaps).values(**gap.model_dump()))

    async def list_gaps(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[KnowledgeGap]:
        statement = select(gaps).where(gaps.c.tenant_id == tenant_id, gaps.c.id > (after or ""))
        async with self._database.read() as connection:
            rows = await connection.execute(statement.order_by(gaps.c.id).limit(limit))
            return [KnowledgeGap(**row._mapping) for row in rows]  # noqa: SLF001 - its public name

    async def _by_version(self, tenant_id: str, column: Any) -> dict[tuple[str, str], str]:  # noqa: ANN401
        statement = select(documents.c.external_id, documents.c.version, column)
        async with self._database.read() as connection:
            rows = await connection.execute(statement.where(documents.c.tenant_id == tenant_id))
            return {(external_id, version): value for external_id, version, value in rows}

    def _forget(self, tenant_id: str) -> None:
        """What was read before this moment's write."""
        self._keywords.forget(tenant_id)
        self._passages.forget(tenant_id)

    async def _forget_vectors(self, connection: AsyncConnection, content_hashes: Sequence[str]) -> None:
        """Those that no passage has any more: what was deleted leaves nothing behind."""
        self._passages.forget_vectors()
        for start in range(0, len(content_hashes), _BATCH):
            batch = content_hashes[start : start + _BATCH]
            used = select(passages.c.content_hash).where(passages.c.content_hash.in_(batch))
            await connection.execute(
                delete(embeddings).where(
                    embeddings.c.content_hash.in_(batch), embeddings.c.content_hash.not_in(used)
                )
            )


def _lock(tenant_id: str) -> str:
    """Who writes a tenant's knowledge is alone with it."""
    return f"knowledge {tenant_id}"


async def _put_vectors(
    connection: AsyncConnection,
    content_hashes: Sequence[str],
    vectors: Vectors | Sequence[Vector],
    model_id: str,
) -> None:
    rows = [
        {"content_hash": content_hash, "model_id": model_id, "vector": vector.astype(VECTOR).tobytes()}
        for content_hash, vector in zip(content_hashes, vectors, strict=True)
    ]
    if rows:
        await connection.execute(upsert(embeddings).on_conflict_do_nothing(), rows)


def _searchable(tenant_id: str) -> tuple[Any, Any]:
    return passages.c.tenant_id == tenant_id, passages.c.searchable == 1


def _newness(document: KnowledgeDocument) -> tuple[str, int, str]:
    """Later validity is newer; without dates, the greater version ("10" after "9")."""
    begins = document.valid_from.isoformat() if document.valid_from else ""
    return begins, int(document.version) if document.version.isdecimal() else -1, document.version


def _no_document(external_id: str, version: str | None) -> NotFound:
    named = f"document `{external_id}`" + (f" version `{version}`" if version is not None else "")
    return NotFound(f"there is no {named}.", hint="GET /v1/knowledge/documents lists what there is.")
