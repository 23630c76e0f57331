"""A customer of the whole product is erased: no table and no file of the data folder holds their words."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
from tests.servers.postgres import running

from copilot.domain.errors import ToolFailed
from copilot.evaluation.live_client import EventFeed, LiveClient
from copilot.evaluation.local_server import local_server

ROOT = Path(__file__).parents[2]
CUSTOMER, ORDER = "maya.lindqvist@example.com", "LF-1004829"
NAME, STREET, PHONE, MAIL = (
    "Xanthippe Quillfeather",
    "17 Zwetschgen Close",
    "0161 496 0733",
    "xq@quill.example",
)
PLANTED = ("xanthippe", "quillfeather", "zwetschgen", "496 0733", "quill.example", "lindqvist")
WHO = f"{NAME}, {STREET}, {PHONE}, {MAIL}"
NOT_NEEDED = ("products", "troubleshooting", "known-issues", "internal", "loyalty", "notices", "warranty")
pytestmark = pytest.mark.slow


async def until(feed, kind):
    """The data of every event up to the first of this kind."""
    seen = {}
    while kind not in seen:
        event = await feed.next(30)
        seen[event.type] = event.data
    return seen


async def stored(client, suggestion_id):
    """It is shown a moment before it is written."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await client.get(f"/v1/suggestions/{suggestion_id}")
            except ToolFailed:
                await asyncio.sleep(0.2)


async def told(client, path, text, speaker="customer"):
    await client.post(f"{path}/turns", {"speaker": speaker, "text": text})


async def proposed_refund(client, feed, path):
    await told(
        client,
        path,
        f"{WHO} here. My Northlight Lantern from order {ORDER} arrived cracked. A refund please.",
    )
    await until(feed, "revision.done")
    await client.post(f"{path}/customer", {"email": CUSTOMER, "order_id": ORDER})
    return (await until(feed, "action.updated"))["action.updated"]


async def served(client):
    """Everything that people can write about a customer, in two conversations; their ids."""
    opened = await client.post("/v1/conversations", {"channel": "chat", "subject": f"Lantern of {WHO}"})
    feed, path = EventFeed(client, opened["id"]), f"/v1/conversations/{opened['id']}"
    typed = f"I am {WHO}. How long do I have to return a te"
    await client.post(f"{path}/typing", {"speaker": "customer", "text": typed})
    await told(client, path, f"I am {WHO}. How long do I have to return a tent?")
    suggestion = (await until(feed, "revision.done"))["suggestion.completed"]
    await stored(client, suggestion["id"])
    edited = {
        "verdict": "edited",
        "final_text": f"Dear {WHO}: thirty days.",
        "reason": f"{NAME} wants it short",
    }
    await client.post(f"/v1/suggestions/{suggestion['id']}/feedback", edited)
    words = {"how": "friendlier", "text": f"{WHO}: thirty days."}
    await client.post(f"{path}/transform", words)
    await told(client, path, f"Dear {NAME}, thirty days. {suggestion['text']}", "representative")
    await until(feed, "revision.done")
    await client.post(f"{path}/ask", {"question": f"Can {WHO} return it?", "hint": f"{NAME} was here before"})
    await until(feed, "ask.answered")
    await client.post(f"{path}/gaps", {"question": f"Does {WHO} live in the Azores?"})
    await told(client, path, f"Do you deliver to Mars, asks {WHO}?")
    await until(feed, "revision.done")
    proposed = await proposed_refund(client, feed, path)
    await client.post(f"/v1/actions/{proposed['id']}/reject", {"reason": f"{WHO} changed their mind"})
    await client.post(f"{path}/macros/confirm-address/fill", {})
    await client.post(f"{path}/hand-over", {"to": "Supervisors", "reason": f"{WHO} asks for more"})
    await client.post(f"{path}/wrap-up", {})
    await feed.close()

    again = await client.post("/v1/conversations", {"channel": "email"})
    feed, path = EventFeed(client, again["id"]), f"/v1/conversations/{again['id']}"
    proposed = await proposed_refund(client, feed, path)
    noted = proposed["call"]["arguments"] | {"note": f"for {WHO}"}
    changed = await client.post(f"/v1/actions/{proposed['id']}/edit", {"arguments": noted})
    await client.post(f"/v1/actions/{changed['id']}/approve", {"digest": changed["digest"]})
    await feed.close()
    return [opened["id"], again["id"]], changed["customer_id"]


async def gaps_sorted(address, key):
    """Has the questions put into clusters, which have names."""
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {key}"}) as http:
        (await http.get("/v1/knowledge/gaps")).raise_for_status()


def command(environment, *arguments):
    main = "from copilot.cli.app import main; main()"
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-c", main, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def rows_of_sqlite(path):
    with closing(sqlite3.connect(path)) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: b"\n".join(
                value if isinstance(value, bytes) else str(value).encode()
                for row in connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - of the schema itself
                for value in row
            )
            for name in names
        }


def rows_of_postgres(owners_address):
    with psycopg.connect(owners_address) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return {
            name: b"\n".join(
                value.tobytes() if isinstance(value, memoryview) else value if isinstance(value, bytes)
                else str(value).encode()
                for row in connection.execute(f"SELECT * FROM {name}")  # noqa: S608 - of the schema itself
                for value in row
            )
            for (name,) in names
        }  # fmt: skip


def holding(texts):
    """(place, word) wherever a planted word stands."""
    return {
        (place, word) for place, text in texts.items() for word in PLANTED if word.encode() in text.lower()
    }


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_after_erasure_no_table_and_no_file_holds_a_word_of_the_customer(tmp_path, engine):
    data, log = tmp_path / "data", tmp_path / "data" / "server.log"
    data.mkdir()
    shutil.copytree(ROOT / "knowledge", tmp_path / "knowledge", ignore=shutil.ignore_patterns(*NOT_NEEDED))
    if engine == "sqlite":
        await erased(data, log, {}, lambda: rows_of_sqlite(data / "copilot.db"))
        return
    with running() as postgres:
        address = postgres.database()
        await erased(data, log, {"database_url": address}, lambda: rows_of_postgres(postgres.owners(address)))


async def erased(data, log, system, rows):
    environment = {
        **os.environ,
        **{f"COPILOT_{name.upper()}": value for name, value in system.items()},
        "COPILOT_DATA_DIR": str(data),
        "PYTHONPATH": str(ROOT / "src"),
    }
    async with local_server(data, data.parent / "knowledge", system, log=log) as server:
        known = holding(rows())  # the demo's policies tell of the same customer in their examples
        async with LiveClient.connect(server.address, server.representative) as client:
            ids, customer = await served(client)
        await gaps_sorted(server.address, server.supervisor)
        before = {place for place, _ in holding(rows()) - known}
        said = [part for word in (NAME, STREET, PHONE, MAIL, CUSTOMER) for part in ("--said", word)]
        status, out, err = command(environment, "privacy", "erase", "--customer", customer, *said)

    expected = {"turns", "events", "revisions", "feedback", "actions", "idempotent_requests", "conversations"}
    assert expected <= {place.rpartition(".")[2] for place in before}
    proof = json.loads(out)
    assert (proof["refused"], proof["left"], proof["ledger_still_holds"]) == ({}, {}, []), err
    assert (status, proof["conversations"]) == (0, len(ids))
    assert proof["free_pages_overwritten"] is (engine_of(system) == "sqlite")
    assert proof["removed"]["ledger_keys"] == len(ids)
    assert {place.rpartition(".")[2] for place, _ in known} <= {"artifacts"}
    assert holding(rows()) == known
    allowed = {("copilot.db", word) for _, word in known}
    assert {one for one in holding(files(data)) if not one[0].startswith("shop.db")} <= allowed
    assert "entries" in command(environment, "ledger", "verify")[1]


def engine_of(system):
    return "postgres" if "database_url" in system else "sqlite"
