"""`copilot doctor` over deployments that are well, and that are not."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.servers.product import Server, settings
from typer.testing import CliRunner

from copilot.cli.app import build_app
from copilot.domain.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COPILOT_KNOWLEDGE_DIR", str(ROOT / "knowledge"))
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "start.md").write_text("# Start\n\nReturns within 30 days.\n")
    CliRunner().invoke(build_app(), ["ingest", str(tmp_path / "kb")], catch_exceptions=False)
    return tmp_path


def examined(status=0):
    result = CliRunner().invoke(build_app(), ["doctor", "--json"])
    if isinstance(result.exception, Exception):
        raise result.exception
    assert result.exit_code == status, result.output
    return {finding["subject"]: finding for finding in json.loads(result.stdout)}


def test_a_new_deployment_is_well(place):
    found = examined()
    assert {finding["verdict"] for finding in found.values()} == {"ok"}
    assert found["index"]["said"] == "1 vectors for 1 passages."
    shown = CliRunner().invoke(build_app(), ["doctor"]).stdout
    assert "server secret" in shown


def test_what_is_wrong_is_named_with_what_to_do(place, monkeypatch):
    monkeypatch.setenv("COPILOT_LLM_BSE_URL", "misspelt")
    monkeypatch.setenv("COPILOT_LLM_BASE_URL", NOBODY)
    monkeypatch.setenv("COPILOT_HOST", "0.0.0.0")  # noqa: S104 - to be warned of
    examined(status=1)  # the secret is made with the first that needs it
    (place / "data" / "secret").chmod(0o644)
    found = examined(status=1)
    assert found["settings"]["verdict"] == "warning"
    assert "COPILOT_LLM_BSE_URL" in found["settings"]["said"]
    assert found["address"]["verdict"] == "warning"
    assert found["server secret"]["verdict"] == "failed"
    assert found["language model"]["verdict"] == "failed"
    assert found["rules"]["verdict"] == "ok"
    assert all(finding["hint"] for finding in found.values() if finding["verdict"] != "ok")


def test_a_setting_of_the_wrong_kind_is_named(place, monkeypatch):
    monkeypatch.setenv("COPILOT_PORT", "eighty")
    with pytest.raises(ConfigurationError, match="integer") as caught:
        examined()
    assert caught.value.where == "COPILOT_PORT"


def test_redis_is_asked_and_its_password_told_to_nobody(place, monkeypatch, redis):
    monkeypatch.setenv("COPILOT_REDIS_URL", redis.url)
    assert examined()["Redis"]["said"] == "it answers."

    monkeypatch.setenv("COPILOT_REDIS_URL", "redis://:hunter2@127.0.0.1:9/0")
    found = examined(status=1)["Redis"]
    assert "Redis did not answer" in found["said"]
    assert "hunter2" not in str(found)


async def test_beside_a_running_server_its_index_is_left_alone(place):
    server = Server(settings(data_dir=place / "data", knowledge_dir=ROOT / "knowledge"))
    await server.start()
    try:
        found = await asyncio.to_thread(examined)
    finally:
        await server.stop()
    assert found["index"]["verdict"] == "ok"
    assert "in use by process" in found["index"]["said"]
