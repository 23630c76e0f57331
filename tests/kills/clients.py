"""People at work while servers die: refunds from the customer's message to the receipt, and ingests."""

import asyncio
import random
import re
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.kills import shop
from tests.kills.front import Front

PARTS = 4
_PARAGRAPH = 24
_WAIT_SECONDS = 8.0
_ENDED = {"succeeded", "failed", "rejected", "expired", "superseded", "unresolved"}
_OPEN = {"proposed", "awaiting_second_approval"}
_MARK = re.compile(r"(QX[a-z]+\d+) holds mark r(\d+)p(\d)")


@dataclass
class Promised:
    """What the product has said to its clients, and has to keep."""

    refunds: dict[str, str] = field(default_factory=dict)
    """By action: its order. Some server has answered that it is done."""
    documents: dict[str, int] = field(default_factory=dict)
    """By document: the newest revision that was acknowledged as stored."""
    jobs: int = 0
    given_up: int = 0
    """Jobs that ended as failed because they were interrupted three times, and said so."""
    doubled_clicks: int = 0
    problems: list[str] = field(default_factory=list)


class Desk:
    """A representative and, for large refunds, a supervisor; one order after the other."""

    def __init__(
        self, rep: Front, supervisor: Front, orders: "count[int]", promised: Promised, seed: int
    ) -> None:
        self._rep = rep
        self._supervisor = supervisor
        self._orders = orders
        self._promised = promised
        self._dice = random.Random(seed)  # noqa: S311

    async def work(self, ended: asyncio.Event, pause: float) -> None:
        while not ended.is_set():
            await self.refund(next(self._orders))
            await asyncio.sleep(pause * self._dice.random())

    async def refund(self, number: int) -> None:
        """From the customer's message to an end that somebody has seen."""
        conversation = await self._rep.ask(
            "POST",
            "/v1/conversations",
            json={
                "channel": "chat",
                "customer_email": shop.email(shop.owner(number)),
                "customer_verified": True,
            },
        )
        action = await self._proposed(conversation["id"], shop.order_id(number))
        while action["status"] not in _ENDED:
            if action["status"] in _OPEN:
                await self._approve(action)
            else:
                await asyncio.sleep(0.3)
            action = await self._seen(action["id"])

    async def _proposed(self, conversation: str, order_id: str) -> dict[str, Any]:
        text = f"My parcel of order {order_id} never arrived, it is lost. I want my money back."
        for _ in range(100):
            await self._rep.ask(
                "POST", f"/v1/conversations/{conversation}/turns", json={"speaker": "customer", "text": text}
            )
            if (action_id := await self._shown(conversation)) is not None:
                return await self._seen(action_id)
            text = f"Please look at order {order_id} again, the parcel is lost."
        raise AssertionError(f"no refund was ever proposed for {order_id}")

    async def _shown(self, conversation: str) -> str | None:
        """The proposal that a panel is shown, unless the server dies of it or takes too long."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS), aclosing(self._rep.events(conversation)) as events:
                async for event in events:
                    if (found := _offered(event)) is not None:
                        return found
        except TimeoutError:
            pass
        return None

    async def _approve(self, action: dict[str, Any]) -> None:
        """Now and then clicked twice, which two servers hear at once."""
        second = action["status"] == "awaiting_second_approval"
        who = self._supervisor if second else self._rep
        path, body = f"/v1/actions/{action['id']}/approve", {"digest": action["digest"]}
        at = self._dice.randrange(10**12)
        clicks = 1 + (self._dice.random() < 0.2)
        self._promised.doubled_clicks += clicks - 1
        answers = await asyncio.gather(
            *(who.once("POST", path, at=at + n, key=f"{at}-{n}", json=body) for n in range(clicks))
        )
        for answer in answers:
            if answer is not None and answer.is_success:
                self._note(answer.json())
            elif answer is not None and answer.status_code == 500:
                who.unexpected.append(f"approve answered 500: {answer.text[:300]}")

    async def _seen(self, action_id: str) -> dict[str, Any]:
        action: dict[str, Any] = await self._rep.ask("GET", f"/v1/actions/{action_id}")
        self._note(action)
        return action

    def _note(self, action: dict[str, Any]) -> None:
        if action["status"] == "succeeded":
            self._promised.refunds[action["id"]] = action["call"]["arguments"]["order_id"]


class Librarian:
    """Replaces documents over and over, at once or by a job, and reads back what it was told is stored."""

    def __init__(self, front: Front, name: str, promised: Promised, *, by_job: bool) -> None:
        self._front = front
        self._name = name
        self._promised = promised
        self._by_job = by_job
        self._revisions = count(1)

    async def work(self, ended: asyncio.Event, pause: float) -> None:
        for number in count():
            if ended.is_set():
                return
            product = f"QX{self._name}{number % 6}"
            revision = next(self._revisions)
            await (self._send(product, revision) if self._by_job else self._put(product, revision))
            await self._read_back(product, revision)
            await asyncio.sleep(pause)

    async def _put(self, product: str, revision: int) -> None:
        text = document(product, revision)
        body = {"title": f"About {product}", "text": text}
        await self._front.ask("PUT", f"/v1/knowledge/documents/{product}", json=body)
        self._promised.documents[product] = revision

    async def _send(self, product: str, revision: int) -> None:
        """Until a job has taken it in; one that was interrupted too often says so, and is started anew."""
        head = f'---\nid: {product}\ntitle: "About {product}"\nversion: "1"\n---\n\n'
        file = (f"{product}.md", head + document(product, revision), "text/markdown")
        while True:
            job = await self._front.ask("POST", "/v1/knowledge/jobs/uploads", files={"files": file})
            self._promised.jobs += 1
            while job["status"] not in {"succeeded", "failed", "cancelled"}:
                await asyncio.sleep(0.3)
                job = await self._front.ask("GET", f"/v1/knowledge/jobs/{job['id']}")
            if job["status"] == "succeeded":
                self._promised.documents[product] = revision
                return
            if "interrupted" not in (job["problem"] or "") and "did not answer" not in (job["problem"] or ""):
                self._promised.problems.append(f"{product}: its job ended as {job}")
            self._promised.given_up += 1

    async def _read_back(self, product: str, revision: int) -> None:
        path = f"/v1/knowledge/documents/{product}/passages"
        passages = await self._front.ask("GET", path)
        self._promised.problems += whole(product, revision, [p["text"] for p in passages])
        found = await self._front.ask(
            "POST", "/v1/knowledge/search", json={"query": f"Which marks does {product} hold?", "limit": 10}
        )
        texts = [p["passage"]["text"] for p in found["passages"] if p["document"]["external_id"] == product]
        if not texts:
            self._promised.problems.append(f"{product}: revision {revision} is stored and cannot be found")
        elif torn := mixed(texts):
            self._promised.problems.append(f"{product}: a search found {torn} together")


def _offered(event: dict[str, Any]) -> str | None:
    """The open refund that a panel shows after this event."""
    data = event["data"]
    offered = data.get("actions", ()) if event["type"] == "next_actions" else data.get("next_actions", ())
    for action in offered if isinstance(offered, list) else ():
        if action.get("action_id") and (action.get("call") or {}).get("tool") == "refund_order":
            return str(action["action_id"])
    return None


def document(product: str, revision: int) -> str:
    """So long that each part is a passage of its own."""
    parts = []
    for part in range(1, PARTS + 1):
        filler = f"The {product} is made with care, and part {part} says so once more. " * _PARAGRAPH
        parts.append(f"## Part {part}\n\n{product} holds mark r{revision}p{part}. {filler}")
    return f"# About {product}\n\n" + "\n\n".join(parts)


def whole(product: str, revision: int, texts: list[str]) -> list[str]:
    """What is wrong with a document's passages, of which that revision at least was acknowledged."""
    marks = [(int(r), int(p)) for text in texts for name, r, p in _MARK.findall(text) if name == product]
    revisions = {r for r, _ in marks}
    if len(revisions) != 1:
        return [f"{product}: its passages are of the revisions {sorted(revisions)}"]
    if min(revisions) < revision:
        return [f"{product}: revision {revision} was acknowledged and is lost, {min(revisions)} is there"]
    if sorted(p for _, p in marks) != list(range(1, PARTS + 1)):
        return [f"{product}: of revision {revision} there are only the parts {sorted(p for _, p in marks)}"]
    return []


def mixed(texts: list[str]) -> list[int]:
    """The revisions of one document that stand beside each other in one answer; empty when it is one."""
    revisions = {int(r) for text in texts for _, r, _ in _MARK.findall(text)}
    return sorted(revisions) if len(revisions) > 1 else []
