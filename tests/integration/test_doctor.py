"""`copilot doctor` over deployments that are well, and that are not."""

import asyncio
import hashlib
import json
import socket
import sqlite3
import threading
import time
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.servers.product import Server, settings
from typer.testing import CliRunner

from copilot.adapters.clock import SystemClock
from copilot.adapters.minilm import check_model_files, export_model
from copilot.adapters.model_files import CACHE_VARIABLE
from copilot.adapters.sql.versions import HEAD
from copilot.bootstrap.doctor import _asked
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


def examined_model():
    """What is said of the model's files, without the index, which would make them anew."""
    return asyncio.run(_asked("model files", lambda: asyncio.to_thread(check_model_files))).__dict__


def test_a_new_deployment_is_well(place):
    found = examined()
    assert {finding["verdict"] for finding in found.values()} == {"ok"}
    assert found["index"]["said"] == "1 vectors for 1 passages."
    assert found["database"]["said"].startswith(f"schema {HEAD}, as this version has it")
    assert found["model files"]["said"].startswith("the weights are the tested ones")
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


def test_keys_that_travel_in_the_clear_are_told(place, monkeypatch):
    monkeypatch.setenv("COPILOT_HOST", "0.0.0.0")  # noqa: S104 - to be warned of
    assert "API keys" not in examined()
    for name in ("Ana", "Robin"):
        made = ["keys", "create", "--name", name, "--role", "representative", "--quiet"]
        key = CliRunner().invoke(build_app(), made, catch_exceptions=False).stdout.strip()
    found = examined()["API keys"]
    assert found["verdict"] == "warning"
    assert found["said"].startswith("2 of larkfield are taken at 0.0.0.0:")
    assert "proxy with TLS" in found["hint"]

    CliRunner().invoke(build_app(), ["keys", "revoke", key.split("_")[1]], catch_exceptions=False)
    assert examined()["API keys"]["said"].startswith("1 of larkfield")
    monkeypatch.setenv("COPILOT_HOST", "127.0.0.1")
    assert "API keys" not in examined()


def test_a_model_that_is_not_what_was_made_from_the_weights_is_told(place, tmp_path, monkeypatch):
    here, target = tmp_path / "cache", export_model()
    (here / "minilm").mkdir(parents=True)
    monkeypatch.setenv(CACHE_VARIABLE, str(here))
    assert "the first start makes the model" in examined_model()["said"]

    copied, note = here / "minilm" / target.name, target.with_suffix(".json")
    damaged = bytearray(target.read_bytes())
    made = json.loads(note.read_text()) | {"sha256": hashlib.sha256(damaged).hexdigest()}
    copied.write_bytes(damaged)
    copied.with_suffix(".json").write_text(json.dumps(made))
    assert examined_model()["verdict"] == "ok"

    damaged[len(damaged) // 2] ^= 1  # of the same length, which is all that a start looks at
    copied.write_bytes(damaged)
    found = examined_model()
    assert found["verdict"] == "failed"
    assert "changed or damaged" in found["said"]
    assert found["hint"] == "Delete the file; it is made again."


def test_an_older_store_is_told_of_and_left_as_it_is(place):
    with sqlite3.connect(place / "data" / "copilot.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0003'")
    before = (place / "data" / "copilot.db").read_bytes()
    found = examined()["database"]
    assert found["verdict"] == "warning"
    assert found["said"] == f"schema 0003; this version has {HEAD}."
    assert "back it up" in found["hint"]
    assert (place / "data" / "copilot.db").read_bytes() == before


def test_a_store_of_a_newer_version_is_told(place):
    with sqlite3.connect(place / "data" / "copilot.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    found = examined(status=1)["database"]
    assert "'9999'" in found["said"]
    assert "newer version" in found["hint"]


@pytest.mark.parametrize(("ahead", "verdict"), [(0, "ok"), (3600, "failed"), (-3600, "failed")])
def test_postgresqls_clock_and_schema_are_looked_at(place, monkeypatch, postgres, ahead, verdict):
    class Wrong(SystemClock):
        def now(self):
            return super().now() + timedelta(seconds=ahead)

    monkeypatch.setattr("copilot.bootstrap.doctor.SystemClock", Wrong)
    monkeypatch.setenv("COPILOT_DATABASE_URL", postgres.database())
    found = examined(status=int(verdict == "failed"))["database"]
    assert found["verdict"] == verdict
    if verdict == "ok":
        assert found["said"].startswith(f"schema {HEAD}, as this version has it")
    else:
        assert "the database's are 3,600 s apart" in found["said"]


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
