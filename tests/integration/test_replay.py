"""`copilot eval replay` over the whole product: a worse candidate is caught, and no draft sees an answer."""

import asyncio
import json
import shutil
from pathlib import Path

import httpx
import pytest
from tests.servers.demo import demo_server
from tests.servers.openai_server import openai_server, say
from typer.testing import CliRunner

from copilot.adapters.yaml_files import load_conversations
from copilot.cli.app import build_app
from copilot.domain.recording import RecordedConversation
from copilot.evaluation.conversations import play_all
from copilot.evaluation.replay.candidate import PRESENT, Candidate
from copilot.evaluation.replay.meter import metered
from copilot.evaluation.replay.run import compared, shown_by

ROOT = Path(__file__).parents[2]
RECORDINGS = {r.id: r for r in load_conversations(ROOT / "evals/conversations")}
DENIED = (
    "already-refunded",
    "cancelled-wants-money",
    "damage-reported-late",
    "demo-refund-damaged-lantern",
    "final-sale-return",
    "goodwill-too-much",
    "late-too-early",
    "opened-blanket",
    "price-match-too-late",
    "return-outside-window",
)


def with_last_answer(text: str, name: str) -> RecordedConversation:
    """The same conversation, but for what the representative says at the end."""
    recording = RECORDINGS["demo-refund-damaged-lantern"]
    turns = list(recording.turns)
    place = max(n for n, turn in enumerate(turns) if turn.representative)
    turns[place] = turns[place].model_copy(update={"representative": text})
    return recording.model_copy(update={"id": name, "turns": tuple(turns[: place + 1])})


@pytest.fixture(scope="session")
def worse(tmp_path_factory):
    """Playbooks that promise whatever policy says, and a time that nobody knows."""
    folder = tmp_path_factory.mktemp("worse") / "playbooks"
    shutil.copytree(ROOT / "knowledge/playbooks", folder)
    for path in folder.glob("*.yaml"):
        path.write_text(
            path.read_text().replace("text: |-\n", "text: |-\n      I will refund you within 37 hours.\n")
        )
    return folder


@pytest.fixture(scope="session")
def present():
    chosen = [RECORDINGS[name] for name in DENIED]
    return asyncio.run(shown_by(PRESENT, chosen))


@pytest.mark.slow
def test_a_candidate_that_promises_too_much_is_caught(present, worse):
    candidate = Candidate(name="worse", playbooks=worse)

    after = asyncio.run(shown_by(candidate, [RECORDINGS[name] for name in DENIED]))
    outcome = compared(present, after, candidate, PRESENT)

    failed = {v.name for v in outcome.verdicts if not v.passed}
    assert {"better", "strange_numbers", "broken_promises"} <= failed
    assert outcome.figures_before["broken_promises"] == outcome.figures_before["strange_numbers"] == 0
    promised = next(case for case in outcome.cases if case.id == "goodwill-too-much").evidence["what changed"]
    assert any("broken promise: refund_order is denied: I will refund you" in line for line in promised)
    assert any("numbers from nowhere: 37" in line for line in promised)


@pytest.mark.slow
def test_the_present_system_is_not_worse_than_itself(present):
    assert compared(present, present, Candidate(name="same"), PRESENT).passed


@pytest.mark.slow
def test_no_draft_knows_what_the_representative_is_going_to_say():
    one = with_last_answer("I have sent you a zebra instead.", "one")
    other = with_last_answer("Done! $49.00 is on its way to your Visa.", "other")

    (first,) = asyncio.run(shown_by(PRESENT, [one]))
    (second,) = asyncio.run(shown_by(PRESENT, [other]))

    assert [m.draft for m in first.moments] == [m.draft for m in second.moments]
    assert all("zebra" not in m.draft for m in first.moments)


@pytest.mark.slow
def test_the_command_gates_on_an_export_of_the_store(tmp_path, monkeypatch, worse):
    """Conversations are held, exported and replayed; the file of the candidate says what differs."""
    monkeypatch.setenv("COPILOT_KNOWLEDGE_DIR", str(ROOT / "knowledge"))
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "data"))
    asyncio.run(hold([RECORDINGS[name] for name in DENIED], tmp_path / "data"))
    candidate = tmp_path / "worse.yaml"
    candidate.write_text(f"name: worse\nplaybooks: {worse}\n")

    def run(*arguments):
        result = CliRunner().invoke(build_app(), ["eval", *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout.splitlines()

    assert run("export", tmp_path / "x.jsonl")[0] == 0
    status, lines = run("replay", "--conversations", tmp_path / "x.jsonl", "--candidate", candidate, "--json")

    said = json.loads(lines[-1])
    assert (status, said["cases"], said["errors"]) == (1, len(DENIED), 0)
    assert {"regression strange_numbers", "regression broken_promises"} <= set(said["failed"])


async def hold(recordings, data):
    async with demo_server(data) as server:
        await play_all(server, recordings)


class Words:
    def count(self, text):
        return len(text.split())


async def test_tokens_are_counted_on_the_way_to_the_model():
    body = {"model": "m", "messages": [{"role": "user", "content": "one two three"}], "stream": True}
    async with (
        openai_server(say("four five", usage=None), say("six", usage=17)) as upstream,
        metered(upstream.url, Words()) as meter,
        httpx.AsyncClient() as http,
    ):
        first = await http.post(f"{meter.url}/chat/completions", content=json.dumps(body))
        assert "four five" in first.text
        assert (meter.calls, meter.prompt, meter.completion, meter.estimated) == (1, 3, 2, True)
        await http.post(f"{meter.url}/chat/completions", content=json.dumps(body))

    assert (meter.calls, meter.prompt, meter.completion) == (2, 10, 12)
