"""The README's code runs as it stands, against a real server; only the key and the port are put in."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers.demo import demo_server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
async def test_the_python_example_prints_a_live_turns_events(tmp_path):
    (example,) = fenced("python")
    async with demo_server(tmp_path) as server:
        code = example.replace('"cop_…"', f'"{server.representative}"')
        code = code.replace("http://127.0.0.1:8000", server.address)
        assert server.representative in code
        assert server.address in code
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    for event in ("snapshot", "understanding", "knowledge", "suggestion.completed", "revision.done"):
        assert f"event: {event}" in done.stdout


def test_every_command_that_is_named_exists():
    commands = {
        line.split()[1]
        for block in fenced("console")
        for line in block.splitlines()
        if line[:8] == "copilot "
    }
    commands |= set(re.findall(r"`copilot ([a-z]+)", README))
    shown = subprocess.run(
        [sys.executable, "-m", "copilot.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert commands >= {"ingest", "serve", "keys", "search"}
    for command in commands:
        assert re.search(rf"\b{command}\b", shown), f"copilot {command} is in the README but not a command"


def test_every_script_and_file_that_is_named_exists():
    named = set(re.findall(r"`((?:scripts|docs|evals|knowledge|src|extension)/[\w./-]+)", README))
    named |= set(re.findall(r"\]\(([\w./-]+)\)", README))

    missing = {path for path in named if not (ROOT / path.rstrip("/.")).exists()}
    assert not missing


def test_the_first_screen_shows_the_two_commands():
    first = "\n".join(README.splitlines()[:40])

    assert "scripts/demo" in first
    assert "scripts/test" in first
    assert "docs/images/panel.png" in first or "docs/images/inbox.png" in first
