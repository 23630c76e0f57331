"""Nearest neighbours in PostgreSQL with pgvector: how quick, and how many of the true ones; see `--help`.

    scripts/bench vectors [--passages N] [--kind real|clusters|gaussian] [--data FOLDER] [--json]

A PostgreSQL of its own holds two tenants: one with 99 in 100 of the vectors, one with the rest, filled and
settled as `copilot reindex` does it. What is found is compared with the ten that a comparison with every
vector finds. `real`: passages of the public sets, made many in the way in which they differ, asked with the
sets' questions and with passages that were held back. `clusters` and `gaussian` are made up, and harder than
text. `--vectors FILE.npy` (rows) takes embeddings of your own passages instead, `--questions FILE.npy` of
your own questions. 500,000 take half an hour and 6 GB.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import _vector_sets as sets
import numpy as np
from _progress import Progress, Task
from _targets import Target, show
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers.postgres import Postgres, running  # noqa: E402

from copilot.adapters.pgvector_index import SCHEMA, PgVectorIndex  # noqa: E402
from copilot.adapters.sql.database_url import parse  # noqa: E402
from copilot.ports import Vectors  # noqa: E402

AT_ONCE = 5_000
NEAREST, CANDIDATES = 10, 64
"""What is compared, and what the product asks for."""
COMPARED = 32
SMALL = 0.01
PAUSE = 5.0
"""Seconds between two searches while the graph is built: they are to measure, not to load."""
SHARED_BUFFERS = "2GB"
"""PostgreSQL's own advice for a server with 8 GB."""
TENANTS = ("small", "large")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=500_000)
    parser.add_argument("--kind", choices=("real", "clusters", "gaussian"), default="real")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--searches", type=int, default=400)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared/data", help="folder of BEIR folders"
    )
    parser.add_argument(
        "--vectors", type=Path, help="a .npy file of passages' vectors; too few are made many"
    )
    parser.add_argument("--questions", type=Path, help="a .npy file of questions' vectors")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    with running(shared_buffers=SHARED_BUFFERS) as server:
        figures = asyncio.run(measure(server, arguments))
    show(figures, targets(figures), as_json=arguments.json)


def targets(figures: dict[str, float]) -> list[Target]:
    return [
        Target(name, 60, at_most=True) if " p95 ms" in name else Target(name, 0.98)
        for name in figures
        if (" p95 ms" in name and "while" not in name) or " recall of " in name
    ]


async def measure(server: Postgres, arguments: argparse.Namespace) -> dict[str, float]:
    address = server.database()
    index = await PgVectorIndex.open(parse(address, "the benchmark's"), "bench")
    small = max(1, int(arguments.passages * SMALL))
    figures: dict[str, float] = {}
    with Progress(1 + 3 * len(TENANTS)) as progress:
        with progress.task("Vectors"):
            prepared = await prepare(arguments)
        for tenant, size in zip(TENANTS, (small, arguments.passages - small), strict=True):
            found = await measure_tenant(index, tenant, prepared(size), arguments.clients, progress)
            found |= await megabytes(server.owners(address))
            figures |= {f"{tenant} tenant: {name}": value for name, value in found.items()}
            progress.note(f"{tenant} tenant: {json.dumps(found)}")
    await index.close()
    return figures


async def prepare(arguments: argparse.Namespace) -> Callable[[int], sets.VectorSet]:
    """What makes a tenant's vectors, of so many."""
    dice, asked = np.random.default_rng(7), arguments.searches
    if arguments.kind == "clusters":
        return lambda size: sets.clusters(dice, size, asked)
    if arguments.kind == "gaussian":
        return lambda size: sets.gaussian(dice, size, asked)
    if arguments.vectors is None:
        passages, questions = await sets.embedded(arguments.data)
    else:
        passages = sets.unit(np.load(arguments.vectors))
        questions = passages[:0]
    if arguments.questions is not None:
        questions = sets.unit(np.load(arguments.questions))
    return lambda size: sets.real(dice, passages, questions, size, asked)


async def measure_tenant(
    index: PgVectorIndex, tenant: str, given: sets.VectorSet, clients: int, progress: Progress
) -> dict[str, float]:
    size = len(given.vectors)
    figures: dict[str, float] = {"passages": size}
    begun = time.perf_counter()
    with progress.task(f"{tenant} tenant: {size:,} rows") as task:
        for start in range(0, size, AT_ONCE):
            part = given.vectors[start : start + AT_ONCE]
            await index.upsert(tenant, [f"psg_{start + row}" for row in range(len(part))], part)
            task.update(start + len(part), size, "written")
    figures["fill seconds"] = time.perf_counter() - begun
    with progress.task(f"{tenant} tenant: graph") as task:
        figures |= await settle(index, tenant, next(iter(given.asked.values())), task)
    with progress.task(f"{tenant} tenant: searches") as task:
        for number, (kind, asked) in enumerate(given.asked.items()):
            if len(asked):
                figures |= await ask(index, tenant, given.vectors, kind, asked, clients)
            task.update(number + 1, len(given.asked), kind)
    return figures


async def settle(index: PgVectorIndex, tenant: str, asked: Vectors, task: Task) -> dict[str, float]:
    """Seconds of the build, and how searches fare meanwhile, one every few seconds."""
    begun = time.perf_counter()
    building = asyncio.create_task(index.settle(tenant))
    seconds: list[float] = []
    while not building.done():
        seconds += (await search(index, tenant, asked[len(seconds) % len(asked)][None], 1, NEAREST))[0]
        task.update(0, 1, f"{time.perf_counter() - begun:.0f} s, a search takes {seconds[-1] * 1000:.0f} ms")
        await asyncio.wait([building], timeout=PAUSE)
    await building
    took = time.perf_counter() - begun
    return {
        "settle seconds": took,
        "while it settles: searches": len(seconds),
        "while it settles: p95 ms": float(np.percentile(seconds, 95)) * 1000,
    }


async def ask(
    index: PgVectorIndex, tenant: str, vectors: Vectors, kind: str, asked: Vectors, clients: int
) -> dict[str, float]:
    figures: dict[str, float] = {}
    true = nearest_of_all(vectors, asked)
    await search(index, tenant, asked, clients, NEAREST)  # as a server that has run for a while
    for count, limit in ((1, NEAREST), (clients, NEAREST), (clients, CANDIDATES)):
        seconds, found = await search(index, tenant, asked, count, limit)
        for share in (50, 95):
            name = f"{limit} {kind}, {count} client{'s' if count > 1 else ''}: p{share} ms"
            figures[name] = float(np.percentile(seconds, share)) * 1000
        if limit == NEAREST:
            figures[f"recall of {kind}"] = recall(true, found)
    return figures


async def search(
    index: PgVectorIndex, tenant: str, asked: Vectors, clients: int, limit: int
) -> tuple[list[float], list[list[str]]]:
    """Seconds of each search, and what it found."""
    waiting = iter(range(len(asked)))
    seconds: list[float] = []
    found: list[list[str]] = [[] for _ in asked]

    async def client() -> None:
        for number in waiting:
            begun = time.perf_counter()
            nearest = await index.nearest(tenant, asked[number], limit)
            seconds.append(time.perf_counter() - begun)
            found[number] = [name for name, _ in nearest]

    await asyncio.gather(*(client() for _ in range(clients)))
    return seconds, found


def nearest_of_all(vectors: Vectors, asked: Vectors) -> list[set[str]]:
    """The true nearest of each, by comparison with every vector; some at a time, as it is quicker."""
    true: list[set[str]] = []
    for start in range(0, len(asked), COMPARED):
        cosines = asked[start : start + COMPARED] @ vectors.T
        rows = np.argpartition(-cosines, NEAREST, axis=1)[:, :NEAREST]
        true += [{f"psg_{row}" for row in found} for found in rows.tolist()]
    return true


def recall(true: list[set[str]], found: list[list[str]]) -> float:
    """The share of the true nearest that were found."""
    hits = sum(len(wanted & set(names)) for wanted, names in zip(true, found, strict=True))
    return hits / (NEAREST * len(true))


async def megabytes(address: str) -> dict[str, float]:
    """Of the largest table, which is the tenant's that was filled last, and of its graph."""
    engine = create_async_engine(parse(address, "the benchmark's"))
    statement = text(
        "SELECT pg_table_size(c.oid) / 1e6, (SELECT coalesce(sum(pg_relation_size(indexrelid)), 0) / 1e6 "
        "FROM pg_index WHERE indrelid = c.oid AND NOT indisprimary) FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = :schema AND relkind = 'r' "
        "ORDER BY pg_table_size(c.oid) DESC LIMIT 1"
    )
    async with engine.connect() as connection:
        table, graph = (await connection.execute(statement, {"schema": SCHEMA})).one()
    await engine.dispose()
    return {"table MB": float(table), "graph MB": float(graph)}


if __name__ == "__main__":
    main()
