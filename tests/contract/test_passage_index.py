"""What every PassageIndex does: in memory, Chroma in this process or on a server, and pgvector."""

import asyncio
import os
import socket

import numpy as np
import pytest
from tests.servers.chroma import running_chroma

from copilot.adapters import pgvector_index
from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.chroma_server import ChromaServerIndex
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.pgvector_index import PgVectorIndex
from copilot.adapters.sql.database_url import parse
from copilot.domain.errors import ConfigurationError, DependencyUnavailable


def unit(rows, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def address(postgres):
    return parse(postgres.database(), "the test's")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a real Chroma server of our own."""
    with running_chroma(tmp_path_factory.mktemp("chroma-server")) as chroma:
        yield chroma.url


@pytest.fixture(params=["memory", "chroma", "server", "pgvector"])
async def index(request, tmp_path):
    if request.param == "memory":
        made = InMemoryPassageIndex()
    elif request.param == "chroma":
        made = await ChromaIndex.open(tmp_path, "m")
    elif request.param == "pgvector":
        made = await PgVectorIndex.open(address(request.getfixturevalue("postgres")), "m")
    else:
        url = request.getfixturevalue("server")
        made = await ChromaServerIndex.open(url, f"m of {tmp_path}")
    yield made
    if request.param == "server":
        for tenant in ("acme", "other"):
            await made.drop(tenant)
    await made.close()


async def test_finds_the_nearest_first_with_their_cosine(index):
    vectors = unit(50)
    await index.upsert("acme", [f"p{n}" for n in range(50)], vectors)
    found = await index.nearest("acme", vectors[7], 5)
    expected = np.sort(vectors @ vectors[7])[::-1][:5]
    assert found[0][0] == "p7"
    assert [score for _, score in found] == pytest.approx(expected.tolist(), abs=1e-5)


async def test_an_empty_tenant_finds_nothing(index):
    assert await index.nearest("acme", unit(1)[0], 3) == []
    assert await index.count("acme") == 0
    assert await index.ids("acme") == set()
    await index.drop("acme")
    await index.delete("acme", ["p1"])


async def test_upsert_replaces(index):
    first, second = unit(2)
    await index.upsert("acme", ["a"], np.array([first]))
    await index.upsert("acme", ["a"], np.array([second]))
    assert await index.count("acme") == 1
    assert (await index.nearest("acme", second, 1))[0][1] == pytest.approx(1.0, abs=1e-5)


async def test_asking_for_more_than_there_is_gives_all(index):
    await index.upsert("acme", ["a", "b"], unit(2))
    assert len(await index.nearest("acme", unit(1)[0], 40)) == 2


async def test_delete_and_drop(index):
    await index.upsert("acme", ["a", "b", "c"], unit(3))
    await index.delete("acme", ["b", "unknown"])
    assert await index.ids("acme") == {"a", "c"}
    await index.drop("acme")
    assert await index.count("acme") == 0
    await index.upsert("acme", ["d"], unit(1))
    assert await index.ids("acme") == {"d"}


async def test_tenants_never_see_each_other(index):
    await index.upsert("acme", ["a"], unit(1))
    await index.upsert("other", ["o"], unit(1))
    await index.drop("other")
    assert [name for name, _ in await index.nearest("acme", unit(1)[0], 10)] == ["a"]
    assert await index.ids("other") == set()


async def test_many_at_once(index):
    vectors = unit(200)
    await index.upsert("acme", [f"p{n}" for n in range(200)], vectors)
    found = await asyncio.gather(*(index.nearest("acme", vector, 1) for vector in vectors[:40]))
    assert [rows[0][0] for rows in found] == [f"p{n}" for n in range(40)]


async def test_several_processes_share_a_server(server):
    one = await ChromaServerIndex.open(server, "m")
    two = await ChromaServerIndex.open(server, "m")
    await one.upsert("shared", ["a"], unit(1))
    assert await two.ids("shared") == {"a"}
    await one.drop("shared")
    assert await two.nearest("shared", unit(1)[0], 3) == []
    await one.close()
    await two.close()


async def test_a_server_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DependencyUnavailable, match="Chroma server"):
        await ChromaServerIndex.open(url, "m")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://here", "http://", "http://here:port", ""])
async def test_an_address_that_is_none(url):
    with pytest.raises(ConfigurationError, match="address of a Chroma server"):
        await ChromaServerIndex.open(url, "m")


@pytest.fixture
async def shared(postgres):
    """Two processes' indexes over one database."""
    url = address(postgres)
    both = [await PgVectorIndex.open(url, "m") for _ in range(2)]
    yield both
    for one in both:
        await one.close()


async def test_several_processes_share_a_postgresql(shared):
    one, two = shared
    assert await two.ids("shared") == set()
    await asyncio.gather(one.upsert("shared", ["a"], unit(1)), two.upsert("shared", ["b"], unit(2)[1:]))
    assert await two.ids("shared") == {"a", "b"}
    await one.drop("shared")
    assert await two.nearest("shared", unit(1)[0], 3) == []
    await two.upsert("shared", ["c"], unit(1))
    assert await one.ids("shared") == {"c"}


async def test_postgresql_keeps_models_apart(postgres):
    url = address(postgres)
    index, other = await PgVectorIndex.open(url, "m"), await PgVectorIndex.open(url, "another model")
    await index.upsert("acme", ["a"], unit(1))
    assert await other.ids("acme") == set()
    await index.close()
    await other.close()


async def test_a_large_tenant_has_a_graph_and_a_small_one_beside_it_is_still_found(shared, monkeypatch):
    monkeypatch.setattr(pgvector_index, "GRAPH_FROM", 1_000)
    index, other = shared
    large, small = unit(1_500), unit(15, seed=1)
    for start in range(0, 1_500, 500):
        part = slice(start, start + 500)
        await index.upsert("large", [f"l{n}" for n in range(1_500)][part], large[part])
    await other.upsert("small", [f"s{n}" for n in range(15)], small)
    found = 0
    for question in unit(50, seed=2):
        exact = {f"l{row}" for row in np.argsort(-(large @ question))[:10]}
        found += len(exact & {name for name, _ in await other.nearest("large", question, 10)})
        best = [f"s{row}" for row in np.argsort(-(small @ question))[:10]]
        assert [name for name, _ in await index.nearest("small", question, 10)] == best
    assert found >= 490
    async with index._transaction("large", "") as connection:
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        table = index._table("large")
        statement = f"EXPLAIN SELECT id FROM {table} ORDER BY vector <=> '{large[0].tolist()}' LIMIT 10"  # noqa: S608
        plan = [row[0] for row in await connection.exec_driver_sql(statement)]
    assert "_graph" in "".join(plan)


async def test_a_database_without_the_extension_says_what_to_do(postgres):
    url = postgres.empty_database("no_vectors").replace("owner@", "app@")
    with pytest.raises(ConfigurationError, match="CREATE EXTENSION vector"):
        await PgVectorIndex.open(parse(url, "the test's"), "m")


async def test_chroma_keeps_what_was_written(tmp_path):
    index = await ChromaIndex.open(tmp_path, "m")
    await index.upsert("acme", ["a", "b"], unit(2))
    await index.close()
    again = await ChromaIndex.open(tmp_path, "m")
    assert await again.ids("acme") == {"a", "b"}
    await again.close()


async def test_chroma_keeps_models_apart(tmp_path):
    index = await ChromaIndex.open(tmp_path, "m")
    await index.upsert("acme", ["a"], unit(1))
    await index.close()
    other = await ChromaIndex.open(tmp_path, "another model")
    assert await other.ids("acme") == set()
    await other.close()


async def test_chroma_folder_belongs_to_one_process(tmp_path):
    index = await ChromaIndex.open(tmp_path, "m")
    with pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}"):
        await ChromaIndex.open(tmp_path, "m")
    await index.upsert("acme", ["a"], unit(1))
    await index.close()
    await (await ChromaIndex.open(tmp_path, "m")).close()


@pytest.mark.parametrize("damage", [b"", b"not a database" * 100])
async def test_a_damaged_chroma_folder_is_begun_anew(tmp_path, damage):
    index = await ChromaIndex.open(tmp_path, "m")
    await index.upsert("acme", ["a"], unit(1))
    await index.close()
    (tmp_path / "chroma.sqlite3").write_bytes(damage)
    again = await ChromaIndex.open(tmp_path, "m")
    assert await again.count("acme") == 0
    await again.upsert("acme", ["b"], unit(1))
    assert await again.ids("acme") == {"b"}
    await again.close()
