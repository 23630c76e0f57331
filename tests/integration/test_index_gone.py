"""`/readyz` when the Chroma server is killed or frozen: false within five seconds, and back by itself."""

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.servers.chroma import chroma_server

from copilot.adapters.chroma_server import ChromaServerIndex
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.sql.database import Database
from copilot.api.app import create_api
from copilot.bootstrap.vitals import dependencies, open_vitals
from copilot.config import Settings
from copilot.order_systems import OpenOrderSystems

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "api"))
from world import World

PROMISED_SECONDS = 5.0
pytestmark = pytest.mark.slow


@asynccontextmanager
async def served(chroma, folder):
    """A client of the API whose dependencies are asked as a server asks them, over one vector."""
    database = await Database.open(folder / "copilot.db")
    index = await ChromaServerIndex.open(chroma.url, "model")
    embedder = HashingEmbedder(16)
    await index.upsert("larkfield", ["psg_1"], np.ones((1, 16), dtype=np.float32))
    shop = OpenOrderSystems(None, it_answers)
    try:
        probes = dependencies(Settings(), database, index, embedder, shop)
        async with open_vitals(probes, embedder, {}, background=True, queues={}, lost={}) as vitals:
            world = World()
            world.vitals = vitals
            transport = httpx.ASGITransport(create_api(world))
            async with httpx.AsyncClient(transport=transport, base_url="http://copilot") as client:
                yield client
    finally:
        await asyncio.wait_for(index.close(), 60)
        await database.close()


async def it_answers():
    """As a shop that is well."""


async def readiness(client, *, ready, seconds):
    """What `/readyz` says once it says so, and after how many seconds."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        said = await client.get("/readyz")
        if said.is_success == ready:
            return said.json(), time.monotonic() - began
        await asyncio.sleep(0.05)
    raise AssertionError(f"after {seconds} s: {said.text}")


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_without_its_index_the_server_is_not_ready_and_with_it_again(how, tmp_path):
    (tmp_path / "chroma").mkdir()
    with chroma_server(tmp_path / "chroma") as chroma:
        async with served(chroma, tmp_path) as client:
            before = (await client.get("/readyz")).json()
            assert before["ready"]
            assert before["checks"]["index"]["required"]

            chroma.kill() if how == "killed" else chroma.freeze()
            said, _ = await readiness(client, ready=False, seconds=PROMISED_SECONDS)
            assert not said["checks"]["index"]["ok"]
            assert said["checks"]["index"]["problem"]
            assert said["checks"]["database"]["ok"]
            assert (await client.get("/healthz")).is_success

            chroma.start() if how == "killed" else chroma.thaw()
            back, _ = await readiness(client, ready=True, seconds=30)
            assert back["checks"]["index"]["ok"]
