"""Requests made up from the API's own description, good and bad, against the whole product."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.servers.demo import demo_data
from tests.servers.product import Server, settings

ROOT = Path(__file__).parents[2]
# What an answer may be: never 500, and only what the description says of status, type and body. That
# everything the description allows is taken is not asked: a cursor must be one of ours, an id must be there.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
STREAMS = "/events$"
"""They do not end; test_server_streams reads them."""
OPERATIONS = 63
"""How many there are besides; fewer mean that some were not reached."""


async def test_every_route_answers_as_the_description_says(tmp_path):
    await asyncio.to_thread(demo_data, tmp_path)
    server = Server(settings(data_dir=tmp_path, knowledge_dir=ROOT / "knowledge"))
    await server.start()
    key = await server.key()
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run", f"{server.address}/openapi.json"),
        *("-H", f"Authorization: Bearer {key}"),
        *("--checks", ",".join(CHECKS), "--exclude-path-regex", STREAMS),
        *("--phases", "coverage,fuzzing", "--max-examples", "10", "--seed", "7"),
        *("--workers", "2", "--request-timeout", "20", "--no-color", "--continue-on-failure"),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.integration.fuzz_hooks",
    }
    try:
        done = subprocess.run(  # noqa: ASYNC221, S603 - nothing else goes on here; our own words
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
        )
    finally:
        await server.stop()
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested, done.stdout[-4000:]
    assert int(tested[1]) >= OPERATIONS, done.stdout[-4000:]
    assert "Failures:" not in done.stdout, done.stdout[-8000:]
    assert "Errors:" not in done.stdout, done.stdout[-8000:]
