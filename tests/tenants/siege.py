"""Two tenants on one server: one lives there, the other's key tries everything."""

import asyncio
import json
import random
import re
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.servers.product import Server, settings
from tests.tenants.intruder import MARKER, Findings, Intruder, Loot
from tests.tenants.trespasser import Trespasser

ROOT = Path(__file__).parents[2]
_SAID = (
    f"Hi, {MARKER} here. My Northlight Lantern arrived with cracked glass. My order is LF-1004829.",
    f"I would like my money back for the broken lantern please. {MARKER}",
    f"This is the third time I write about {MARKER}, let me speak to your manager!",
)
_PROOF = {"email": "maya.lindqvist@example.com", "order_id": "LF-1004829"}
_CONTROL = 120
_PAGES = 3
"""One request of so many is for a page of the console."""
_KINDS = ("erasures", "exports")
_KEYS = ["first-turn", "second-turn", "the-document"]
_ID = re.compile(r'"((?:conv|sug|act|alert|job|gapc|doc|psg|turn|prv)_[0-9a-f]{8,})"')


@dataclass(frozen=True)
class Siege:
    findings: Findings
    pages: Findings
    """Of the console, where the other one is signed in."""
    control: Findings
    """Of such requests with the key of who lives there: its "leaks" show that one would be seen."""
    pages_control: Findings
    before: dict[str, Any]
    after: dict[str, Any]
    """All that the tenant who lives there can see of its own, before and after."""
    customer: dict[str, Any]
    """What the other is told who proves, by all the right words, to be speaking with a customer."""


async def besiege(folder: Path, requests: int, seed: int) -> Siege:
    """`folder` has the demo company's state already."""
    at = {"data_dir": folder, "knowledge_dir": ROOT / "knowledge"}
    server, intruders = Server(settings(**at)), Server(settings(**at, tenant="intruders"))
    await server.start()
    try:
        api = {"base_url": server.address, "timeout": 30}
        own_key, other_key = await server.key(), await intruders.key()
        owner = httpx.AsyncClient(**api, headers={"Authorization": f"Bearer {own_key}"})
        other = httpx.AsyncClient(**api, headers={"Authorization": f"Bearer {other_key}"})
        async with (
            owner,
            other,
            httpx.AsyncClient(**api) as own_browser,
            httpx.AsyncClient(**api) as other_browser,
        ):
            loot = await _live(owner)
            before = await _all_of(owner, loot)
            assert MARKER in json.dumps(before)
            intruder = Intruder((await owner.get("/openapi.json")).json(), loot, random.Random(seed))  # noqa: S311
            trespasser = Trespasser(loot, random.Random(seed))  # noqa: S311
            await trespasser.sign_in(other_browser, other_key)
            findings = await intruder.attack(other, requests - requests // _PAGES)
            pages = await trespasser.attack(other_browser, requests // _PAGES)
            after = await _all_of(owner, loot)
            await trespasser.sign_in(own_browser, own_key)
            return Siege(
                findings,
                pages,
                await intruder.attack(owner, _CONTROL),
                await trespasser.attack(own_browser, _CONTROL),
                before,
                after,
                await _proven(other),
            )
    finally:
        await server.stop()


async def _live(client: httpx.AsyncClient) -> Loot:
    """A conversation up to a proposed refund and an alert, a document, a job, a gap; what they are called."""
    document = {"title": MARKER, "text": f"# {MARKER}\n\nThe striped clause holds for {MARKER} only."}
    put = "/v1/knowledge/documents/striped-clause"
    (await client.put(put, json=document, headers={"Idempotency-Key": _KEYS[2]})).raise_for_status()
    job = await client.post(
        "/v1/knowledge/jobs/uploads", files={"files": ("m.md", f"# {MARKER} too\n\nStripes.".encode())}
    )
    opened = await client.post("/v1/conversations", json={"channel": "chat", "subject": MARKER})
    path = f"/v1/conversations/{opened.json()['id']}"
    seen = [opened.text, job.text]
    (await client.post(f"{path}/customer", json=_PROOF)).raise_for_status()
    for text, key in zip(_SAID, [*_KEYS[:2], "third-turn"], strict=True):
        turn = {"speaker": "customer", "text": text}
        (await client.post(f"{path}/turns", json=turn, headers={"Idempotency-Key": key})).raise_for_status()
        await asyncio.sleep(1)
    await client.post(f"{path}/gaps", json={"question": f"Does {MARKER} ship to the Azores?"})
    async with client.stream("GET", f"{path}/events", headers={"Last-Event-ID": "0"}) as stream:
        seen += [line async for line in _for_a_second(stream)]
    whom = {"customer_id": "cus_striped", "said": [MARKER]}
    for kind in _KINDS:
        seen.append((await client.post(f"/v1/privacy/{kind}", json=whom)).raise_for_status().text)
    for listed in ("actions", "alerts", "knowledge/gaps", "knowledge/jobs"):
        seen.append((await client.get(f"/v1/{listed}")).text)
    found: dict[str, set[str]] = {}
    for name in _ID.findall("\n".join(seen)):
        found.setdefault(name.split("_")[0], set()).add(name)
    pages = [(await client.get(f"/v1/{noun}", params={"limit": 1})).json() for noun in ("conversations",)]
    cursors = [page["next_cursor"] for page in pages if page.get("next_cursor")]
    return Loot(
        of={
            "conversation_id": sorted(found["conv"]),
            "suggestion_id": sorted(found["sug"]),
            "action_id": sorted(found["act"]),
            "alert_id": sorted(found["alert"]),
            "job_id": sorted(found["job"]),
            "gap_id": sorted(found["gapc"]),
            "external_id": ["striped-clause", "m", "returns-policy", "loyalty-policy"],
            "kind": list(_KINDS),
            "request_id": sorted(found["prv"]),
            "macro_id": ["apologise-for-wait"],
            "name": ["chatwoot", "zendesk"],
            "cursor": cursors or sorted(found["conv"]),
            "tenant_id": ["larkfield"],
        },
        idempotency_keys=[*_KEYS, "third-turn"],
        words=["striped clause", "refund", "lantern", "manager", "Azores", "larkfield", "public", "en"],
    )


async def _proven(client: httpx.AsyncClient) -> dict[str, Any]:
    opened = await client.post("/v1/conversations", json={"channel": "chat"})
    answer = await client.post(f"/v1/conversations/{opened.json()['id']}/customer", json=_PROOF)
    return answer.json()


async def _for_a_second(stream: httpx.Response) -> Any:
    async with aclosing(stream.aiter_lines()) as lines:
        try:
            async with asyncio.timeout(1):
                async for line in lines:
                    yield line
        except TimeoutError:
            return


async def _all_of(client: httpx.AsyncClient, loot: Loot) -> dict[str, Any]:
    found = {}
    for name, noun in (
        ("conversation_id", "conversations"),
        ("suggestion_id", "suggestions"),
        ("action_id", "actions"),
        ("job_id", "knowledge/jobs"),
        ("external_id", "knowledge/documents"),
    ):
        for value in loot.of[name]:
            answer = await client.get(f"/v1/{noun}/{value}")
            found[f"{noun}/{value}"] = (answer.status_code, answer.json())
    privacy = [f"privacy/{kind}" for kind in _KINDS]
    for noun in ("actions", "alerts", "knowledge/gaps", "knowledge/documents", *privacy):
        found[noun] = (await client.get(f"/v1/{noun}", params={"limit": 50})).json()
    return found
