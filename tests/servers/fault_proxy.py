"""Stands between a client and a chat endpoint, and makes its streamed answers go wrong.

It passes events on one by one, so that a fault happens after a given number of them, in the middle of an
answer that a real server is writing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import httpx

Kind = Literal[
    "hang",  # nothing more, the line stays open
    "drop",  # the line is cut
    "truncate",  # ends as if that had been all: no finish reason, no [DONE]
    "garbage",  # an event that is not JSON
    "other_schema",  # JSON, but not a chat completion
    "error_event",  # the endpoint's own way to say that it failed in the middle
    "not_events",  # a page of HTML with status 200
    "throttle",  # each event takes `seconds`
    "status",  # an HTTP status instead of an answer
]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, after how many events."""

    kind: Kind
    after: int = 0
    seconds: float = 0.0
    status: int = 500
    retry_after: str | None = None


@dataclass
class FaultProxy:
    """`faults` happen to the next requests in turn; then all is well."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: int = 0


@asynccontextmanager
async def fault_proxy(upstream: str, *faults: Fault) -> AsyncIterator[FaultProxy]:
    """`upstream` is the endpoint's address with its /v1, and so is the proxy's `url`."""
    proxy = FaultProxy(faults=list(faults))
    tasks: set[asyncio.Task] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await _exchange(proxy, client, upstream, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async with httpx.AsyncClient(timeout=60) as client:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield proxy
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _exchange(proxy, client, upstream, reader, writer) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    proxy.requests += 1
    fault = proxy.faults.pop(0) if proxy.faults else None
    if fault and fault.kind == "status":
        await _refuse(writer, fault)
        return
    if fault and fault.kind == "not_events":
        writer.write(_head(200, "text/html") + b"<html><h1>Welcome to the proxy</h1></html>")
        await writer.drain()
        return
    if fault and fault.kind == "hang" and fault.after == 0:
        await reader.read()  # until the client gives up
        return
    if fault and fault.kind == "drop" and fault.after == 0:
        writer.transport.abort()
        return
    async with aclosing(_events(client, upstream, body)) as events:
        await _relay(fault, events, reader, writer)


async def _relay(fault, events, reader, writer) -> None:
    writer.write(_head(200, "text/event-stream"))
    number = 0
    async for event in events:
        if fault and fault.kind == "throttle":
            await asyncio.sleep(fault.seconds)
        elif fault and number == fault.after and await _go_wrong(fault, reader, writer):
            return
        writer.write(event + b"\n\n")
        await writer.drain()
        number += 1


async def _go_wrong(fault, reader, writer) -> bool:
    """Whether that was the end of it."""
    match fault.kind:
        case "hang":
            await reader.read()
            return True
        case "drop":
            writer.transport.abort()
            return True
        case "truncate":
            return True
        case "garbage":
            writer.write(b'data: {"choices": [{"delta": \xff\xfe "con\n\n')
        case "other_schema":
            writer.write(b'data: {"choices": [{"text": "an older kind of completion"}]}\n\n')
        case "error_event":
            error = {"error": {"message": "CUDA out of memory", "type": "server_error", "code": 500}}
            writer.write(b"data: " + json.dumps(error).encode() + b"\n\n")
            return True
    return False


async def _events(client: httpx.AsyncClient, upstream: str, body: bytes) -> AsyncIterator[bytes]:
    """The upstream's events as they come, each without the empty line behind it."""
    headers = {"Content-Type": "application/json"}
    address = f"{upstream}/chat/completions"
    async with client.stream("POST", address, content=body, headers=headers) as answer:
        pending = b""
        async for chunk in answer.aiter_raw():
            pending += chunk.replace(b"\r\n", b"\n")
            *whole, pending = pending.split(b"\n\n")
            for event in whole:
                yield event


async def _refuse(writer: asyncio.StreamWriter, fault: Fault) -> None:
    extra = f"Retry-After: {fault.retry_after}\r\n" if fault.retry_after is not None else ""
    writer.write(_head(fault.status, "application/json", extra) + b'{"error": {"message": "no"}}')
    await writer.drain()


def _head(status: int, kind: str, extra: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{extra}Connection: close\r\n\r\n".encode()
