"""The guides for CRM developers: their code runs as it stands, their settings are settings."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.servers import helpdesks as vendors
from tests.servers.demo import demo_server

from copilot.adapters.helpdesks.settings import describe_helpdesk
from copilot.bootstrap import open_state
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.domain.helpdesk import WriteBack

ROOT = Path(__file__).parents[2]
WIDGET = (ROOT / "docs/widget.md").read_text(encoding="utf-8")
INTEGRATIONS = (ROOT / "docs/integrations.md").read_text(encoding="utf-8")
TYPES = (ROOT / "extension/src/widget/copilot.d.ts").read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    """Code blocks of a language, also those indented in a list."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in code.splitlines()) for indent, code in blocks]


async def run(code: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
async def test_the_examples_mint_a_token_and_bring_a_note(tmp_path):
    (mints,), (sends,) = fenced(WIDGET, "python"), fenced(INTEGRATIONS, "python")
    described = tmp_path / "integrations"
    described.mkdir()
    with vendors.chatwoot_server() as chatwoot:
        example = fenced(INTEGRATIONS, "yaml")[0].replace("https://app.chatwoot.com", chatwoot.url)
        (described / "chatwoot.yaml").write_text(example)
        system = {
            "integrations_dir": described,
            "chatwoot_webhook_secret": vendors.CHATWOOT_SECRET,
            "chatwoot_secret": vendors.CHATWOOT_TOKEN,
        }
        data = tmp_path / "data"
        async with demo_server(data, system) as server:
            settings = Settings(data_dir=data)
            async with open_state(settings) as state:
                crm = Principal(
                    id="usr_crm", tenant_id=settings.tenant, name="CRM server", role=Role.INTEGRATION
                )
                key = await state.api_keys.create(crm)
            here = {"http://127.0.0.1:8000": server.address, '"cop_…"': f'"{key}"'}
            for shown, real in here.items():
                mints = mints.replace(shown, real)
            assert "'token': 'cwt_" in await run(mints)

            secret = f'"{vendors.CHATWOOT_SECRET}"'
            sends = sends.replace("http://127.0.0.1:8000", server.address).replace('"…"', secret)
            assert await run(sends) == "{'new': True}\n"
            assert await run(sends) == "{'new': False}\n"
            deadline = time.monotonic() + 30
            while not chatwoot.notes():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
    (note,) = chatwoot.notes()
    assert note.startswith("Suggested reply:")


@pytest.mark.parametrize("example", fenced(INTEGRATIONS, "yaml"))
def test_every_description_of_a_helpdesk_is_one(example):
    settings = describe_helpdesk({"name": "it", **yaml.safe_load(example)}, where="docs")
    assert settings.write_back in WriteBack


def test_every_way_of_writing_back_is_explained():
    assert {f"`{way}`" for way in WriteBack} <= set(re.findall(r"`[a-z_]+`", INTEGRATIONS))


def test_the_setting_for_framing_is_read():
    (commands, *_) = fenced(WIDGET, "console")
    (value,) = re.findall(r"COPILOT_WIDGET_HOSTS='(.*)'", commands)
    settings = Settings(widget_hosts=json.loads(value))
    assert settings.widget_hosts["larkfield"] == ("https://crm.example.com",)


def test_every_event_and_method_of_the_types_is_in_the_guide():
    events = re.search(r"interface WidgetEvents \{(.*?)\n\}", TYPES, flags=re.DOTALL)
    methods = re.search(r"interface Widget \{(.*?)\n\}", TYPES, flags=re.DOTALL)
    assert events
    assert methods
    named = re.findall(r'^  "?([a-z-]+)"?:', events[1], flags=re.MULTILINE)
    called = re.findall(r"^  (\w+)[<(]", methods[1], flags=re.MULTILINE)
    assert len(named) == 8
    for name in [*named, *called]:
        assert f"`{name}" in WIDGET, name


def test_files_that_are_named_exist():
    for text in (WIDGET, INTEGRATIONS):
        for path in re.findall(r"\]\(([\w./-]+)\)", text):
            assert (ROOT / "docs" / path).exists(), path
