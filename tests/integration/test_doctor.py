"""`copilot doctor` over deployments that are well, and that are not."""

import asyncio
import json
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("COPILOT_PORT", str(free.getsockname()[1]))
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


@pytest.fixture
def endpoint():
    """A language model's endpoint: `status` is what it answers, `ahead` how far its clock is."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.asked.append((self.path, json.loads(body)))
            self.send_response(server.status)
            self.end_headers()

        def date_time_string(self, timestamp=None):
            return formatdate(time.time() + server.ahead, usegmt=True)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.ahead, server.asked = 200, 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_language_model_is_asked_for_one_token_of_the_model_that_is_set(place, monkeypatch, endpoint):
    monkeypatch.setenv("COPILOT_LLM_BASE_URL", f"http://127.0.0.1:{endpoint.server_port}/v1")
    monkeypatch.setenv("COPILOT_LLM_MODEL", "small")
    assert examined()["language model"]["verdict"] == "ok"
    ((path, body),) = endpoint.asked
    assert (path, body["model"], body["max_tokens"]) == ("/v1/chat/completions", "small", 1)

    endpoint.status = 404
    found = examined(status=1)["language model"]
    assert "404 to 'small'" in found["said"]
    assert "COPILOT_LLM_MODEL" in found["hint"]


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_clocks_that_disagree_are_told(place, monkeypatch, endpoint, ahead):
    monkeypatch.setenv("COPILOT_LLM_BASE_URL", f"http://127.0.0.1:{endpoint.server_port}/v1")
    endpoint.ahead = ahead
    found = examined(status=1)["language model"]
    assert "s apart" in found["said"]
    assert "NTP" in found["hint"]


def test_a_port_that_is_taken_is_told(place, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("COPILOT_PORT", str(port))
        found = examined()["port"]
    assert found["verdict"] == "warning"
    assert str(port) in found["said"]
    assert examined()["port"]["verdict"] == "ok"


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
