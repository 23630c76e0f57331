"""`copilot eval harvest` on a deployment's own store: what was said and done becomes cases that run."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from tests.servers.demo import demo_server
from typer.testing import CliRunner

from copilot.cli.app import build_app
from copilot.domain.recording import Verification
from copilot.evaluation.live_client import LiveClient
from copilot.evaluation.simulation.panel import Panel

ROOT = Path(__file__).parents[2]
MAYA = Verification(email="maya.lindqvist@example.com", order_id="LF-1004829")
PERSONAL = ("maya.lindqvist@example.com", "Maya", "Lindqvist", "415-555-0199", "4242 4242 4242 4242")


async def hold_a_conversation(data: Path) -> None:
    """One draft is used, one edited, one rejected, one not judged; then it is wrapped up."""
    async with (
        demo_server(data) as server,
        LiveClient.connect(server.address, server.representative) as robin,
        LiveClient.connect(server.address, server.supervisor) as sam,
        Panel.open(robin, sam, {"channel": "chat", "subject": "A lantern"}) as panel,
    ):

        async def judge(verdict: str, **more: str) -> None:
            suggestion = panel.shown.last["suggestion.completed"]
            await robin.post(f"/v1/suggestions/{suggestion['id']}/feedback", {"verdict": verdict, **more})

        await panel.say("customer", "Do I have to pay for return shipping? Call me at 415-555-0199.")
        used = panel.shown.draft
        await judge("used")
        await panel.say("representative", used)

        await panel.say("customer", "And how many days after delivery can I return a tent?")
        edited = "Maya, it is 30 days from delivery. I wrote to maya.lindqvist@example.com as well."
        await judge("edited", final_text=edited)
        await panel.say("representative", edited)

        await panel.say("customer", "My lantern LF-1004829 came broken, I am maya.lindqvist@example.com")
        await panel.verify(MAYA)
        await judge("rejected", reason="Maya Lindqvist wants the money, not a replacement")
        await panel.say("representative", "You get your money back, Maya.")

        await panel.say(
            "customer", "Is my card 4242 4242 4242 4242 the one it goes to, and when is it there?"
        )
        await panel.say("representative", "Yes, within five days.")
        await panel.wrap_up()


@pytest.mark.slow
def test_what_people_did_becomes_cases_that_run_as_a_suite(tmp_path, monkeypatch):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COPILOT_KNOWLEDGE_DIR", str(ROOT / "knowledge"))
    asyncio.run(hold_a_conversation(tmp_path / "data"))
    file = tmp_path / "evals/candidates.jsonl"

    def run(*arguments: object) -> tuple[int, list[str]]:
        result = CliRunner().invoke(build_app(), ["eval", *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout.splitlines()

    # Harvested once, with nothing in it that tells who the customer is.
    assert run("harvest", "--out", file)[0] == 0
    found = file.read_text()
    assert not [personal for personal in PERSONAL if personal.casefold() in found.casefold()]
    cases = [json.loads(line) for line in found.splitlines()]
    assert {case["kind"] for case in cases} == {"retrieval", "answer", "negative"}
    # What was rejected, and what the representative passed over with words of their own.
    rejected, ignored = [case for case in cases if case["kind"] == "negative"]
    assert "wants the money" in rejected["reason"]
    assert ignored["reason"] == "seen in what was sent"
    assert "[EMAIL" in rejected["question"], "the address was masked, not cut out"
    assert "[CARD" in ignored["question"]
    assert "0 new" in run("harvest", "--out", file)[1][-1]

    # A person accepts all but one.
    unwanted, *wanted = [case["id"] for case in cases]
    chosen = [argument for name in wanted for argument in ("--accept", name)]
    status, lines = run("harvest", "review", file, *chosen, "--reject", unwanted)
    assert status == 0
    assert f"{len(wanted)} accepted" in lines[-1]
    questions = tmp_path / "evals/candidates.questions.yaml"
    assert len(yaml.safe_load(questions.read_text())) == len(wanted)

    # What was accepted is a suite like any other.
    suites = tmp_path / "evals/suites"
    suites.mkdir()
    for kind in ("answer", "retrieval"):
        suite = {
            "name": f"from-life-{kind}",
            "title": "Cases from life",
            "kind": kind,
            "data": f"../{questions.name}",
        }
        (suites / f"from-life-{kind}.yaml").write_text(yaml.safe_dump(suite))
    status, lines = run("run", "all", "--evals", tmp_path / "evals", "--json", "--out", tmp_path / "out")
    said = {suite["kind"]: suite for suite in json.loads(lines[-1])["suites"]}
    assert status == 0
    assert said["answer"]["cases"] == len(wanted)
    assert said["answer"]["errors"] == said["retrieval"]["errors"] == 0
    assert said["retrieval"]["figures"]["recall@10"] == 1.0, "the reply that was sent cited what search finds"
    assert said["answer"]["figures"]["unwanted_again"] is not None
