"""Nearest neighbours in PostgreSQL with pgvector: how quick, and how many of the true ones; see `--help`.

    scripts/bench vectors [--passages N] [--in-cluster N] [--clients N] [--searches N] [--vectors FILE.npy]

A PostgreSQL of its own holds two tenants: one with 99 in 100 of the vectors, one with the rest. Vectors are
invented: clusters of five, so that the nearest ten lie in several, with noise of 0.8 of their length. What is
found is compared with the ten that a comparison with every vector finds. 100,000 take five minutes.
`--vectors` takes them from a file instead, such as embeddings of your own passages.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import numpy as np
from _targets import Target, show

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers.postgres import running  # noqa: E402

from copilot.adapters.pgvector_index import PgVectorIndex  # noqa: E402
from copilot.adapters.sql.database_url import parse  # noqa: E402
from copilot.ports import Vectors  # noqa: E402

DIMENSIONS, NOISE = 384, 0.8
AT_ONCE = 5_000
NEAREST = 10
SMALL = 0.01
TARGETS = [
    Target("large tenant: p95 ms", 60, at_most=True),
    Target("large tenant: recall", 0.98),
    Target("small tenant: p95 ms", 60, at_most=True),
    Target("small tenant: recall", 0.98),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=500_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--searches", type=int, default=400)
    parser.add_argument(
        "--in-cluster", type=int, default=5, help="vectors of one cluster (5); fewer are harder to find"
    )
    parser.add_argument(
        "--vectors", type=Path, help="a .npy file of vectors, one a row: used instead of invented ones"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object of the figures")
    arguments = parser.parse_args()
    with running() as server:
        figures = asyncio.run(measure(server.database(), arguments))
    show(figures, TARGETS, as_json=arguments.json)


async def measure(address: str, arguments: argparse.Namespace) -> dict[str, float]:
    index = await PgVectorIndex.open(parse(address, "the benchmark's"), "bench")
    dice = np.random.default_rng(7)
    small = max(1, int(arguments.passages * SMALL))
    figures: dict[str, float] = {}
    for tenant, size in (("large", arguments.passages - small), ("small", small)):
        vectors, asked = sample(dice, size, arguments)
        begun = time.perf_counter()
        for start in range(0, size, AT_ONCE):
            part = vectors[start : start + AT_ONCE]
            await index.upsert(tenant, [f"psg_{start + n}" for n in range(len(part))], part)
            progress(f"{tenant} tenant: {start + len(part):,} of {size:,}")
        figures[f"{tenant} tenant: passages"] = size
        figures[f"{tenant} tenant: fill seconds"] = time.perf_counter() - begun
        seconds, found = await search(index, tenant, asked, arguments.clients)
        for share in (50, 95):
            figures[f"{tenant} tenant: p{share} ms"] = float(np.percentile(seconds, share)) * 1000
        figures[f"{tenant} tenant: recall"] = recall(vectors, asked, found)
    await index.close()
    return figures


async def search(
    index: PgVectorIndex, tenant: str, asked: Vectors, clients: int
) -> tuple[list[float], list[list[str]]]:
    """Seconds of each search, and what it found."""
    waiting = iter(range(len(asked)))
    seconds: list[float] = []
    found: list[list[str]] = [[] for _ in asked]

    async def client() -> None:
        for number in waiting:
            begun = time.perf_counter()
            nearest = await index.nearest(tenant, asked[number], NEAREST)
            seconds.append(time.perf_counter() - begun)
            found[number] = [name for name, _ in nearest]

    await asyncio.gather(*(client() for _ in range(clients)))
    return seconds, found


def recall(vectors: Vectors, asked: Vectors, found: list[list[str]]) -> float:
    """The share of the true nearest that were found."""
    hits = 0
    for query, names in zip(asked, found, strict=True):
        true = np.argpartition(-(vectors @ query), NEAREST)[:NEAREST]
        hits += len({f"psg_{number}" for number in true} & set(names))
    return hits / (NEAREST * len(asked))


def sample(dice: np.random.Generator, size: int, arguments: argparse.Namespace) -> tuple[Vectors, Vectors]:
    """Vectors to keep, and others of the same kind to ask with."""
    if arguments.vectors is None:
        centres = unit(dice.normal(size=(max(1, size // arguments.in_cluster), DIMENSIONS)))
        return invented(dice, centres, size), invented(dice, centres, arguments.searches)
    given = np.load(arguments.vectors)
    wanted = size + arguments.searches
    if len(given) < wanted:
        raise SystemExit(f"{arguments.vectors} has {len(given):,} vectors; {wanted:,} are needed.")
    chosen = unit(given[dice.permutation(len(given))[:wanted]])
    return chosen[:size], chosen[size:]


def invented(dice: np.random.Generator, centres: Vectors, count: int) -> Vectors:
    near = centres[dice.integers(len(centres), size=count)]
    far = unit(dice.normal(size=near.shape).astype(np.float32))
    return unit(near + NOISE * far)


def unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{line}  ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
