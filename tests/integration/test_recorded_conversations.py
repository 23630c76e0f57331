"""Every recorded conversation, played through the HTTP API of the whole product, against what it expects."""

import asyncio
from pathlib import Path

import pytest
from tests.servers.demo import demo_server

from copilot.adapters.yaml_files import load_conversations
from copilot.evaluation.conversations import play_all
from copilot.evaluation.known_misses import load_known_misses, surprises

ROOT = Path(__file__).parents[2]
RECORDINGS = load_conversations(ROOT / "evals/conversations")
KNOWN_MISSES = load_known_misses(ROOT / "evals/known_misses.yaml")


@pytest.fixture(scope="session")
def played(tmp_path_factory, request):
    """Performances by recording; only of those that are selected."""
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.originalname == "test_the_panel_shows_what_the_recording_expects"
    }

    async def play():
        async with demo_server(tmp_path_factory.mktemp("data")) as server:
            return await play_all(server, [r for r in RECORDINGS if r.id in wanted])

    return {performance.recording.id: performance for performance in asyncio.run(play())}


@pytest.mark.slow
@pytest.mark.parametrize("name", [recording.id for recording in RECORDINGS])
def test_the_panel_shows_what_the_recording_expects(name, played):
    performance = played[name]

    unexpected = surprises(performance.checks, [miss for miss in KNOWN_MISSES if miss.recording == name])

    assert not unexpected, "\n".join(["", *unexpected])


def test_known_misses_are_of_recordings_that_exist():
    assert {miss.recording for miss in KNOWN_MISSES} <= {recording.id for recording in RECORDINGS}
