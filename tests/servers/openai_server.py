"""An OpenAI-compatible chat endpoint on loopback that does what a test's script says, streaming.

The last move of a script is repeated for ever, so `[call(…)]` is a model that never stops calling. Instead of
a move, a function of the request may say what to do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Move:
    """One answer: text, tool calls, raw bytes instead of an event stream, an HTTP status, or silence."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    status: int = 200
    hangs: bool = False
    hangs_after: int | None = None
    """Pieces sent before it falls silent."""
    drops_after: int | None = None
    """Pieces sent before the connection is cut."""
    usage: int | None = 50
    cached: int = 0
    """Of the prompt's tokens."""
    finish: str | None = None


def say(text: str, **more) -> Move:
    return Move(text=text, **more)


def call(name: str, **arguments) -> Move:
    return Move(calls=((name, json.dumps(arguments)),))


Step = Move | Callable[[dict], Move]


@dataclass
class OpenAiServer:
    url: str
    script: list[Step]
    requests: list[dict] = field(default_factory=list)
    open_connections: int = 0

    def next_move(self, request: dict) -> Move:
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step if isinstance(step, Move) else step(request)


@asynccontextmanager
async def openai_server(*script: Step) -> AsyncIterator[OpenAiServer]:
    served = OpenAiServer("", list(script))
    tasks: set[asyncio.Task] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        served.open_connections += 1
        try:
            await _exchange(served, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            served.open_connections -= 1
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _exchange(served, reader, writer) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if head.startswith("GET"):  # the list of models, which a server is asked for to see whether it lives
        answer = b'{"object": "list", "data": []}'
        writer.write(_head(200, "application/json") + answer)
        await writer.drain()
        return
    served.requests.append(json.loads(body))
    move = served.next_move(served.requests[-1])
    if move.hangs:
        await reader.read()  # until the client gives up
        return
    if move.status != 200:
        writer.write(_head(move.status, "application/json") + b'{"error": {"message": "no"}}')
        await writer.drain()
        return
    writer.write(_head(200, "text/event-stream"))
    if move.raw is not None:
        writer.write(move.raw)
        await writer.drain()
        return
    for number, piece in enumerate(_pieces(move)):
        if number == move.drops_after:
            writer.transport.abort()
            return
        if number == move.hangs_after:
            await reader.read()
            return
        writer.write(b"data: " + json.dumps(piece).encode() + b"\n\n")
        await writer.drain()
    writer.write(b"data: [DONE]\n\n")
    await writer.drain()


def _pieces(move: Move):
    for start in range(0, len(move.text), 20):
        yield _chunk({"content": move.text[start : start + 20]})
    for index, (name, arguments) in enumerate(move.calls):
        named = {"index": index, "id": f"call_{index}", "type": "function"}
        yield _chunk({"tool_calls": [{**named, "function": {"name": name, "arguments": ""}}]})
        for start in range(0, len(arguments), 10):
            part = {"index": index, "function": {"arguments": arguments[start : start + 10]}}
            yield _chunk({"tool_calls": [part]})
    yield _chunk({}, finish=move.finish or ("tool_calls" if move.calls else "stop"))
    if move.usage is not None:
        usage = {"prompt_tokens": move.usage - 10, "completion_tokens": 10, "total_tokens": move.usage}
        usage["prompt_tokens_details"] = {"cached_tokens": move.cached}
        yield {**_chunk({}), "choices": [], "usage": usage}


def _chunk(delta: dict, finish: str | None = None) -> dict:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}],
    }


def _head(status: int, kind: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()
