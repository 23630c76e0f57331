"""Counts what a language model is asked and answers, on the way between the service and its endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from copilot.ports import TokenCounter

_HEADERS = {"authorization", "content-type", "accept"}


@dataclass
class Meter:
    """Tokens so far; by the endpoint's own count where it gives one, else by ours (`estimated`)."""

    prompt: int = 0
    completion: int = 0
    calls: int = 0
    estimated: bool = False
    url: str = ""


@asynccontextmanager
async def metered(endpoint: str, counter: TokenCounter) -> AsyncIterator[Meter]:
    """A loopback address that passes everything on to `endpoint`, an OpenAI-compatible base URL."""
    meter = Meter()
    async with httpx.AsyncClient(timeout=httpx.Timeout(30, read=None)) as http:

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await _pass_on(reader, writer, http, endpoint.rstrip("/"), meter, counter)
            except (OSError, httpx.HTTPError, asyncio.IncompleteReadError):
                pass  # the service sees a connection that broke, as it would without us
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        meter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield meter
        finally:
            server.close()


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    http: httpx.AsyncClient,
    endpoint: str,
    meter: Meter,
    counter: TokenCounter,
) -> None:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    headers = {name.lower(): value for name, value in headers.items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    kept = {name: value for name, value in headers.items() if name in _HEADERS}
    answer = bytearray()
    async with http.stream(method, endpoint + path, headers=kept, content=body) as response:
        kind = response.headers.get("content-type", "application/json")
        head = f"HTTP/1.1 {response.status_code} X\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("latin-1"))
        async for piece in response.aiter_bytes():
            answer += piece
            writer.write(piece)
            await writer.drain()
    if path.endswith("/completions"):
        _count(meter, counter, body, bytes(answer))


def _count(meter: Meter, counter: TokenCounter, asked: bytes, answered: bytes) -> None:
    meter.calls += 1
    pieces = list(_pieces(answered))
    usage = next((found for piece in reversed(pieces) if (found := piece.get("usage"))), None)
    if usage is not None:
        meter.prompt += int(usage.get("prompt_tokens", 0))
        meter.completion += int(usage.get("completion_tokens", 0))
        return
    meter.estimated = True
    request = json.loads(asked or b"{}")
    meter.prompt += sum(counter.count(str(m.get("content", ""))) for m in request.get("messages", ()))
    meter.completion += counter.count("".join(_said(pieces)))


def _pieces(answered: bytes) -> Iterable[dict[str, Any]]:
    """Of a stream its data lines, of a plain answer itself."""
    text = answered.decode("utf-8", errors="replace")
    bodies = [line[5:] for line in text.splitlines() if line.startswith("data:")] or [text]
    for body in bodies:
        try:
            piece = json.loads(body)
        except ValueError:
            continue
        if isinstance(piece, dict):
            yield piece


def _said(pieces: Iterable[dict[str, Any]]) -> Iterable[str]:
    for piece in pieces:
        for choice in piece.get("choices", ()):
            part = choice.get("delta") or choice.get("message") or {}
            yield str(part.get("content") or "")
