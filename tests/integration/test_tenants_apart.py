"""What PostgreSQL itself holds: a transaction sees its tenant's rows, whatever a statement forgets to ask."""

import numpy as np
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.contract.test_knowledge_store import document, passage, put, vectors
from tests.contract.test_ledger_store import record

from copilot.adapters.pgvector_index import PgVectorIndex
from copilot.adapters.sql import schema
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.opening import knowledge_store, open_database
from copilot.adapters.sql.tenant_scope import EVERY_TENANT, of_one_tenant, working_for
from copilot.domain.errors import NotFound


@pytest.fixture
def address(postgres):
    return postgres.database()


@pytest.fixture
async def database(address):
    opened = await open_database(parse(address, "the test's"))
    yield opened
    await opened.close()


async def seen(database, statement, **values):
    async with database.write() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), values)]


async def test_every_table_with_customers_data_is_protected(database):
    protected = {
        row[0]
        for row in await seen(
            database, "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        )
    }
    # Vectors by content, which no tenant owns.
    assert set(schema.metadata.tables) - protected == {"embeddings"}


async def test_a_transaction_sees_its_tenants_rows_alone(database):
    ledger = SqlLedgerStore(database)
    for tenant in ("acme", "other"):
        await ledger.append(tenant, record())
    everything = "SELECT tenant_id FROM ledger ORDER BY 1"
    assert await seen(database, everything) == []
    with working_for("acme"):
        assert await seen(database, everything) == [("acme",)]
        with pytest.raises(DBAPIError, match="row-level security"):
            await seen(
                database,
                "INSERT INTO artifacts VALUES ('other', 'n', 'k', '') RETURNING tenant_id",
            )
    with working_for("acme' OR 'a' = 'a"):
        assert await seen(database, everything) == []
    with working_for(EVERY_TENANT):
        assert await seen(database, everything) == [("acme",), ("other",)]


async def test_what_has_no_tenant_of_its_own_goes_with_its_conversation(database):
    with working_for("acme"):
        await seen(
            database,
            "INSERT INTO conversations "
            "(id, tenant_id, channel, status, revision, subject, created_at, updated_at) "
            "VALUES ('conv_1', 'acme', 'chat', 'open', 1, '', '', '') RETURNING id",
        )
        await seen(database, "INSERT INTO turns VALUES ('t', 'conv_1', 1, 'customer', 'Hi', '') RETURNING id")
        assert await seen(database, "SELECT text FROM turns") == [("Hi",)]
    with working_for("other"):
        assert await seen(database, "SELECT text FROM turns") == []
        with pytest.raises(DBAPIError, match="row-level security"):
            await seen(
                database, "INSERT INTO turns VALUES ('u', 'conv_1', 2, 'customer', 'x', '') RETURNING id"
            )


async def test_a_store_that_forgets_to_ask_for_the_tenant_still_gets_no_others_rows(database):
    @of_one_tenant()
    class Careless:
        async def documents(self, tenant_id):
            return await seen(database, "SELECT external_id FROM documents")

    store = knowledge_store(database)
    await put(store, document("mine"), "A refund.")
    await put(store, document("theirs", tenant="other"), "A refund.")
    assert await Careless().documents("acme") == [("mine",)]
    assert await Careless().documents("nobody") == []


async def test_the_words_of_another_tenant_are_refused(database):
    await put(knowledge_store(database), document("theirs", tenant="other"), "A refund.")
    with working_for("acme"):
        for statement in (
            "SELECT * FROM words_known('other', '{refund}')",
            "SELECT words_remove('other', '{1}')",
            "SELECT words_partition('other')",
        ):
            with pytest.raises(DBAPIError, match="words of another tenant"):
                await seen(database, statement)
        with pytest.raises(DBAPIError, match="permission denied"):
            await seen(database, "SELECT * FROM passage_words")


async def test_vectors_are_their_tenants_alone_even_for_who_made_the_table(database, address):
    index = await PgVectorIndex.open(parse(address, "the test's"), "m")
    await index.upsert("other", ["o"], np.eye(4, dtype=np.float32)[:1])
    statement = f"SELECT id FROM {index._table('other')}"  # noqa: S608
    with working_for("acme"):
        assert await seen(database, statement) == []
    with working_for("other"):
        assert await seen(database, statement) == [("o",)]
    await index.close()


async def test_the_ledger_can_only_grow(database, address, postgres):
    await SqlLedgerStore(database).append("acme", record())
    with working_for("acme"):
        for statement in ("UPDATE ledger SET kind = 'x'", "DELETE FROM ledger"):
            with pytest.raises(DBAPIError, match="permission denied"):
                await seen(database, statement)
    with psycopg.connect(postgres.owners(address), autocommit=True) as owner:
        for statement in ("UPDATE ledger SET kind = 'x'", "DELETE FROM ledger", "TRUNCATE ledger"):
            with pytest.raises(psycopg.IntegrityError, match="append-only"):
                owner.execute(statement)


async def test_a_vector_that_two_tenants_share_stays_while_one_of_them_has_its_text(database):
    store = knowledge_store(database)
    await put(store, document("a"), "The same words.")
    await put(store, document("b", tenant="other"), "The same words.")
    await store.delete_document("other", "b")
    assert await store.cached_vectors(["content The same words."], "model-a")
    await store.delete_document("acme", "a")
    store = knowledge_store(database)
    assert await store.cached_vectors(["content The same words."], "model-a") == {}
    with pytest.raises(NotFound):
        await store.delete_document("acme", "a")


async def test_a_nul_that_somebody_wrote_breaks_nothing(database):
    store = knowledge_store(database)
    doc = document().model_copy(update={"text": "a\0b", "title": "\0"})
    cut = passage(doc, "tent").model_copy(update={"text": "tent\0 pole"})
    await store.put_document(doc, [cut], vectors(1), "model-a")
    looked = await store.look_up("acme", [cut.id], [], "model-a")
    kept, _ = (await store.fetch("acme", looked.passages))[cut.id]
    assert kept.text == "tent\ufffd pole"
    assert [name for name, _ in await store.match("acme", "tent", 9)] == [cut.id]
    assert await store.match("acme", "te\0nt", 9) == []
