"""How the graph over vectors in PostgreSQL is asked and built; the contract suite does it on the real one."""

import pytest
from psycopg.errors import DiskFull, InsufficientPrivilege
from sqlalchemy.exc import DBAPIError

from copilot.adapters.pgvector_graph import Graph

GRAPH = Graph("copilot_index.vectors_1", 384)


class Connection:
    """Remembers what it was told; a build by several processes fails with `error`."""

    def __init__(self, error=None):
        self.told = []
        self._error = error
        self._workers = None

    async def scalar(self, statement, values):
        return "try_advisory" in str(statement)

    async def exec_driver_sql(self, statement):
        self.told.append(statement)
        if "workers = " in statement:
            self._workers = int(statement.rsplit(" ", 1)[1])
        if self._error and self._workers and statement.startswith("CREATE INDEX"):
            raise DBAPIError(statement, {}, self._error)


@pytest.mark.parametrize(
    ("rows", "megabytes"),
    [(10_000, 64), (500_000, 854), (5_000_000, 2_048)],
)
def test_a_build_takes_the_memory_that_it_needs_within_bounds(rows, megabytes):
    assert GRAPH.megabytes(rows) == megabytes


@pytest.mark.parametrize(("limit", "looked_at"), [(10, 400), (500, 510), (2_000, 1_000)])
def test_a_search_looks_at_no_fewer_than_it_wants(limit, looked_at):
    assert f"hnsw.ef_search = {looked_at};" in GRAPH.settings(limit)
    assert f"LIMIT {limit + 10}) AS found" in GRAPH.search(limit)
    assert GRAPH.search(limit).endswith(f"LIMIT {limit}")


async def test_a_graph_takes_its_name_when_it_is_whole():
    connection = Connection()
    await GRAPH.build(connection, 500_000)
    created = next(row for row, statement in enumerate(connection.told) if "CREATE INDEX" in statement)
    assert "CONCURRENTLY vectors_1_building ON copilot_index.vectors_1 " in connection.told[created]
    assert "RENAME TO vectors_1_near" in connection.told[created + 1]


async def test_too_little_shared_memory_is_done_without():
    connection = Connection(DiskFull("could not resize shared memory segment"))
    await GRAPH.build(connection, 500_000)
    builds = [statement for statement in connection.told if statement.startswith("CREATE INDEX")]
    assert len(builds) == 2
    assert "RENAME" in " ".join(connection.told)


async def test_any_other_failure_leaves_no_graph():
    connection = Connection(InsufficientPrivilege("not yours"))
    with pytest.raises(DBAPIError):
        await GRAPH.build(connection, 500_000)
    assert "RENAME" not in " ".join(connection.told)
