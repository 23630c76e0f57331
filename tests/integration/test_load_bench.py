"""A few seconds of `scripts/bench load` on a real server, so that the bench itself stays true."""

import argparse
import importlib
from pathlib import Path

import pytest
from tests.servers.product import Server, settings

ROOT = Path(__file__).parents[2]
RATE, SECONDS = 8.0, 3.0


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("bench_load")


@pytest.fixture
async def server(tmp_path, request):
    most_waiting = getattr(request, "param", 32)
    serves = Server(
        settings(data_dir=tmp_path, knowledge_dir=ROOT / "knowledge", most_waiting_turns=most_waiting)
    )
    await serves.start()
    yield serves
    await serves.stop()


async def loaded(bench, server, rate, streams):
    arguments = argparse.Namespace(
        streams=streams, minutes=SECONDS / 60, warm_up=1.0, customers_only=False, texts=Path("none")
    )
    return await bench.run(arguments, rate, server.address, await server.key("representative"), server.pid)


@pytest.mark.slow
async def test_every_turn_is_posted_in_time_taken_and_answered(bench, server):
    figures = await loaded(bench, server, RATE, streams=4)

    assert figures["turns"] == RATE * (SECONDS + 1)
    assert figures["customer turns"] == figures["turns"] / 2
    assert figures["errors"] == figures["refused"] == 0
    assert figures["customer turns without knowledge"] == 0
    assert figures["events out of order"] == 0
    assert figures["streams open"] == 4
    assert 0 < figures["knowledge p50 ms"] < 2_000
    assert figures["memory at the end MB"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("server", [1], indirect=True)
async def test_what_is_too_much_is_refused_and_what_is_taken_is_answered(bench, server):
    """One turn may wait: with thirty desks at once most are told to come again, and none is left without."""
    figures = await loaded(bench, server, 120.0, streams=30)
    assert figures["refused"] > 0
    assert figures["errors"] == figures["refused"]
    assert figures["customer turns without knowledge"] == 0

    calm = await loaded(bench, server, 2.0, streams=1)
    assert calm["errors"] == 0
    assert calm["customer turns without knowledge"] == 0
