"""What every PassageIndex does: in memory, Chroma in this process or on a server, and pgvector."""

import asyncio
import os
import socket
from contextlib import suppress

import numpy as np
import pytest
from tests.servers.chroma import chroma_server

from copilot.adapters import pgvector_index
from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.chroma_server import ChromaServerIndex
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.pgvector_graph import Graph
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
    with chroma_server(tmp_path_factory.mktemp("chroma-server")) as chroma:
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
    await index.settle("acme")
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


async def fill(index, tenant, vectors):
    names = [f"{tenant}{row}" for row in range(len(vectors))]
    for start in range(0, len(names), 500):
        await index.upsert(tenant, names[start : start + 500], vectors[start : start + 500])


def exactly(tenant, vectors, question, limit=10):
    return [f"{tenant}{row}" for row in np.argsort(-(vectors @ question))[:limit]]


async def names_of(index, tenant, question, limit=10):
    return [name for name, _ in await index.nearest(tenant, question, limit)]


async def in_postgresql(index, statement, settings=""):
    async with index._transaction("large", "", settings) as connection:
        return [row[0] for row in await connection.exec_driver_sql(statement)]


@pytest.fixture
async def large(shared, monkeypatch):
    """An index with a graph over 1,500 vectors of the tenant `large`, and the vectors."""
    monkeypatch.setattr(pgvector_index, "GRAPH_FROM", 1_000)
    vectors = unit(1_500)
    await fill(shared[0], "large", vectors)
    await shared[0].settle("large")
    return shared[0], vectors


async def test_a_large_tenant_has_a_graph_and_a_small_one_beside_it_is_exact(large, shared):
    index, vectors = large
    other, small = shared[1], unit(15, seed=1)
    await fill(other, "small", small)
    await other.settle("small")
    found = 0
    for question in unit(50, seed=2):
        exact = exactly("large", vectors, question)
        found += len(set(exact) & set(await names_of(other, "large", question)))
        assert await names_of(index, "small", question) == exactly("small", small, question)
    assert found >= 495


async def test_a_search_of_a_large_tenant_uses_the_graph_and_tells_whole_cosines(large):
    index, vectors = large
    graph = Graph(index._table("large"), 16)
    search = graph.search(10).replace(":vector", f"'{vectors[0].tolist()}'")
    plan = await in_postgresql(index, f"EXPLAIN {search}", graph.settings(10))
    assert f"Index Scan using {graph.name.split('.')[1]}" in "\n".join(plan)
    found = await index.nearest("large", vectors[7], 10)
    expected = np.sort(vectors @ vectors[7])[::-1][:10]
    # Halves would be off by some 1e-4.
    assert [cosine for _, cosine in found] == pytest.approx(expected.tolist(), abs=1e-6)


async def test_a_graph_gives_as_many_as_are_asked_for(large):
    """More than pgvector looks at in one go, as when a search's filters leave little of the nearest."""
    index, vectors = large
    found = await names_of(index, "large", vectors[3], 1_400)
    assert len(found) == len(set(found)) == 1_400
    assert len(set(found) & set(exactly("large", vectors, vectors[3], 1_400))) >= 1_390


async def test_deleted_rows_cost_a_search_nothing(large):
    index, vectors = large
    question = vectors[5]
    nearest = exactly("large", vectors, question, 600)
    await index.delete("large", nearest[:500])
    assert await names_of(index, "large", question, 100) == nearest[500:]


async def test_rows_written_after_the_graph_are_found(large):
    index, _ = large
    late = unit(40, seed=5)
    await index.upsert("large", [f"late{row}" for row in range(40)], late)
    for row in range(40):
        assert (await names_of(index, "large", late[row], 1)) == [f"late{row}"]


async def test_searches_and_writes_go_on_while_the_graph_is_built(shared, monkeypatch):
    monkeypatch.setattr(pgvector_index, "GRAPH_FROM", 1_000)
    index, other = shared
    vectors, late = unit(3_000), unit(20, seed=3)
    await fill(index, "large", vectors)
    building = asyncio.create_task(index.settle("large"))
    went_on = 0
    while not building.done():
        assert await names_of(other, "large", vectors[9]) == exactly("large", vectors, vectors[9])
        if went_on < 20:
            await other.upsert("large", [f"late{went_on}"], -vectors[9:10] + 0.01 * late[went_on])
            went_on += not building.done()
    await building
    assert went_on
    assert set(await names_of(index, "large", -vectors[9], went_on)) <= {f"late{row}" for row in range(20)}


async def test_two_processes_build_one_graph(shared, monkeypatch):
    monkeypatch.setattr(pgvector_index, "GRAPH_FROM", 1_000)
    vectors = unit(2_000)
    await fill(shared[0], "large", vectors)
    await asyncio.gather(*(one.settle("large") for one in shared))
    assert await graphs(shared[0]) == ["near"]


async def test_a_build_that_was_broken_off_is_begun_again(shared, monkeypatch):
    monkeypatch.setattr(pgvector_index, "GRAPH_FROM", 1_000)
    index, vectors = shared[0], unit(2_500)
    await fill(index, "large", vectors)
    building = asyncio.create_task(index.settle("large"))
    async with asyncio.timeout(20):
        while "building" not in await graphs(shared[1]):
            pass
    building.cancel()
    with suppress(asyncio.CancelledError):
        await building
    assert await graphs(shared[1]) == ["building"]
    assert await names_of(index, "large", vectors[2]) == exactly("large", vectors, vectors[2])
    await index.settle("large")
    assert await graphs(index) == ["near"]
    assert (
        len(set(await names_of(index, "large", vectors[2])) & set(exactly("large", vectors, vectors[2]))) >= 9
    )


async def graphs(index):
    """How the graphs of the tenant `large` are called, without the table's name before it."""
    table = index._table("large").split(".")[1]
    found = await in_postgresql(index, f"SELECT indexname FROM pg_indexes WHERE tablename = '{table}'")  # noqa: S608
    return sorted(name.rsplit("_", 1)[1] for name in found if "pkey" not in name)


async def test_a_table_that_shrinks_by_a_drop_forgets_its_graph(large):
    index, vectors = large
    await index.drop("large")
    await index.upsert("large", ["a"], vectors[:1])
    await index.settle("large")
    assert await graphs(index) == []
    assert await names_of(index, "large", vectors[0]) == ["a"]


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
