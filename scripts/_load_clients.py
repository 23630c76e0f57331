"""Cheap clients of the live API on bare sockets: they share the machine's cores with the server they load."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_CREATED = 201
ACCEPTED = 202
REFUSED = 503


class Connection:
    """One kept-alive HTTP/1.1 connection; one request at a time."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._host, self._port, self._key = host, port, key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """(status, answer); a connection that the server closed while it was idle is opened anew."""
        try:
            return await self._post(path, body, key)
        except ConnectionError:
            return await self._post(path, body, key)

    async def _post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        try:
            self._writer.write(head.encode() + data)
            status = int((await self._reader.readline()).split()[1])
            length = 0
            while (line := await self._reader.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            return status, json.loads(await self._reader.readexactly(length) or b"{}")
        except (OSError, asyncio.IncompleteReadError, IndexError):
            self.close()
            raise ConnectionError("the connection broke") from None

    async def closed(self) -> None:
        writer = self._writer
        self.close()
        if writer is not None:
            await _closed(writer)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@dataclass
class Tally:
    """What came of the turns that were to be posted at given moments (`time.perf_counter()` seconds)."""

    intended: dict[str, float] = field(default_factory=dict)
    """By id of a customer's turn: when it was to be posted."""
    revision_of: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By id of a turn: its conversation and revision, as its event said."""
    shown: dict[tuple[str, int], float] = field(default_factory=dict)
    """By conversation and revision: when its knowledge came."""
    acknowledged: list[tuple[float, float]] = field(default_factory=list)
    posted: int = 0
    customers: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    streams: int = 0
    events: int = 0
    out_of_order: int = 0


class Desk:
    """One representative's panel and customer: a conversation at a time, watched; a new one after `turns`."""

    def __init__(
        self,
        address: str,
        key: str,
        texts: Iterator[str],
        tally: Tally,
        *,
        turns: int,
        both: bool,
        first: int,
        greets: bool = False,
    ) -> None:
        """`first`: turns of the first conversation; `greets`: the representative, if `both` speak, begins."""
        found = urlsplit(address)
        self._host, self._port = str(found.hostname), int(found.port or 80)
        self._key, self._texts, self._tally, self._later, self._both = key, texts, tally, turns, both
        self._most = first
        self._greets = both and greets
        self._connection = Connection(self._host, self._port, key)
        self._conversation = ""
        self._said = 0
        self._watching: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._keys = 0

    async def say(self, at: float) -> None:
        """Posts the next turn, which was to be posted at `at`; a desk that is still busy posts it late."""
        async with self._busy:
            try:
                if not self._conversation or self._said >= self._most:
                    await self._open()
                await self._post(at)
            except ConnectionError:
                self._tally.statuses[0] += 1

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._connection.closed()

    async def _open(self) -> None:
        if self._conversation:
            await self._request(f"/v1/conversations/{self._conversation}/wrap-up", {})
        status, made = await self._request("/v1/conversations", {"channel": "chat"})
        if status != 201:
            raise ConnectionError(f"no conversation: {status}")
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._conversation:
            self._most = self._later
        self._conversation, self._said = made["id"], 0
        opened = asyncio.Event()
        self._watching = asyncio.create_task(self._watch(self._conversation, opened))
        await asyncio.wait_for(opened.wait(), 30)

    async def _post(self, at: float) -> None:
        customer = not self._both or self._said % 2 == self._greets
        speaker = "customer" if customer else "representative"
        path = f"/v1/conversations/{self._conversation}/turns"
        status, turn = await self._request(path, {"speaker": speaker, "text": next(self._texts)})
        self._tally.posted += 1
        self._tally.customers += customer
        self._tally.statuses[status] += 1
        self._tally.acknowledged.append((at, time.perf_counter() - at))
        if status == ACCEPTED:
            self._said += 1
            if customer:
                self._tally.intended[turn["id"]] = at

    async def _request(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self._keys += 1
        return await self._connection.post(path, body, f"{id(self):x}-{self._keys}-{time.time_ns():x}")

    async def _watch(self, conversation: str, opened: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=2**22)
        tally = self._tally
        tally.streams += 1
        try:
            head = (
                f"GET /v1/conversations/{conversation}/events HTTP/1.1\r\nHost: {self._host}\r\n"
                f"Authorization: Bearer {self._key}\r\n\r\n"
            )
            writer.write(head.encode())
            kind, last = b"", -1
            while line := await reader.readline():
                if line.startswith(b"event:"):
                    kind = line[6:].strip()
                    opened.set()
                elif line.startswith(b"id:"):
                    number = int(line[3:])
                    tally.events += 1
                    tally.out_of_order += kind != b"snapshot" and number <= last
                    last = number
                elif line.startswith(b"data:") and kind in {b"knowledge", b"turn"}:
                    event = json.loads(line[5:])
                    place = conversation, event["revision"]
                    if kind == b"turn":
                        tally.revision_of[event["data"]["id"]] = place
                    else:
                        tally.shown.setdefault(place, time.perf_counter())
        finally:
            tally.streams -= 1
            await _closed(writer)
