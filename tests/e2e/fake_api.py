"""The copilot's API over HTTP with a scripted mind: real events, real streaming, no engine behind it.

`python -m tests.e2e.fake_api` serves the demo inbox with it on 127.0.0.1:8010, key "test-key".
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from tests.e2e import scene
from tests.e2e.fake_copilot import KEY, FakeCopilot, problem
from tests.e2e.fake_desk_routes import desk_routes

from copilot.domain.actions import ActionStatus
from copilot.domain.conversation import Channel, Conversation, ConversationStatus, Speaker, Turn

__all__ = ["KEY", "FakeCopilot", "make_app", "serving"]

CONSOLE = Path(__file__).parents[2] / "src/copilot/console"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"


def make_app(fake: FakeCopilot) -> FastAPI:  # noqa: C901, PLR0915 - one function per route
    app = FastAPI()
    tasks: set[asyncio.Task[None]] = set()
    templates = Environment(loader=FileSystemLoader(CONSOLE / "templates"), autoescape=True)

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        if request.url.path.startswith("/v1/") and not fake.lets_in(request):
            return problem(401, "The API key is unknown.")
        is_write = request.method == "POST" and request.url.path != "/v1/widget/tokens"
        if is_write and not request.headers.get("Idempotency-Key"):
            return problem(400, "Idempotency-Key is missing.")
        return await call_next(request)

    @app.get("/inbox")
    async def inbox() -> HTMLResponse:
        page = templates.get_template("inbox.html").render(version="test", static_url="/static")
        return HTMLResponse(page, headers={"Content-Security-Policy": CSP})

    @app.get("/v1/conversations")
    async def listing() -> dict[str, Any]:
        items = [json.loads(c.model_dump_json()) for c in reversed(fake.conversations.values())]
        return {"items": items, "next_cursor": None}

    @app.post("/v1/conversations", status_code=201)
    async def create(request: Request) -> Conversation:
        body, key = await request.json(), request.headers["Idempotency-Key"]
        while fake.holds_back:  # noqa: ASYNC110 - another thread lets go
            await asyncio.sleep(0.01)
        made: Conversation = fake.answers.get(key) or fake.create(Channel(body["channel"]))
        fake.answers[key] = made
        return made

    @app.get("/v1/conversations/{conversation_id}")
    async def get(conversation_id: str) -> Response:
        found = fake.conversations.get(conversation_id)
        return (
            Response(found.model_dump_json(), media_type="application/json")
            if found
            else problem(404, "Unknown.")
        )

    @app.post("/v1/conversations/{conversation_id}/typing", status_code=204)
    async def typing(conversation_id: str, request: Request) -> None:
        assert conversation_id in fake.conversations
        body = await request.json()
        fake.typing.append((body["speaker"], body["text"]))

    @app.post("/v1/conversations/{conversation_id}/turns", status_code=202)
    async def add_turn(conversation_id: str, request: Request) -> Turn:
        body, key = await request.json(), request.headers["Idempotency-Key"]
        if key in fake.answers:
            known: Turn = fake.answers[key]
            return known
        turn = fake.answers[key] = fake.say(conversation_id, Speaker(body["speaker"]), body["text"])
        if fake.scripted and turn.speaker is Speaker.CUSTOMER:
            task = asyncio.create_task(fake.answer(turn))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return turn

    @app.get("/v1/conversations/{conversation_id}/events")
    async def events(conversation_id: str, request: Request) -> Response:
        if fake.refuse_streams:
            return problem(503, "Starting.")
        if conversation_id not in fake.conversations:
            return problem(404, "Unknown conversation.")
        last = request.headers.get("Last-Event-ID")
        fake.last_event_ids.append(last)
        return StreamingResponse(stream(conversation_id, last), media_type="text/event-stream")

    async def stream(conversation_id: str, last: str | None) -> AsyncIterator[str]:
        generation = fake.streams_dropped
        if last is None:
            first = fake.snapshot(conversation_id)
            yield frame(first)
            sent = first["id"]
        else:
            sent = int(last)
        while generation == fake.streams_dropped:
            fresh = fake.events[conversation_id][sent:]
            for event in fresh:
                yield frame(event)
            sent += len(fresh)
            await asyncio.sleep(0.01)

    @app.post("/v1/conversations/{conversation_id}/customer")
    async def verify(conversation_id: str, request: Request) -> Response:
        body = await request.json()
        fake.writes.append(("customer", body))
        if body.get("order_id") == "LF-LOCKED":
            return problem(403, "Verification is locked.", code="verification_locked")
        if body.get("order_id") != "LF-1004820":
            return problem(404, "No such customer.", "No customer has this e-mail address and order number.")
        return JSONResponse(json.loads(scene.customer().model_dump_json()))

    @app.post("/v1/conversations/{conversation_id}/wrap-up")
    async def wrap_up(conversation_id: str) -> Response:
        conversation = fake.conversations[conversation_id]
        summary = scene.summary(conversation_id, conversation.revision, conversation.turns[0].id)
        closed = scene.wrap_up(summary)
        fake.conversations[conversation_id] = conversation.model_copy(
            update={"status": ConversationStatus.WRAPPED_UP}
        )
        fake.publish(conversation_id, "wrap_up", closed)
        return JSONResponse(json.loads(closed.model_dump_json()))

    @app.post("/v1/suggestions/{suggestion_id}/feedback", status_code=204)
    async def feedback(suggestion_id: str, request: Request) -> None:
        fake.writes.append(("feedback", {"id": suggestion_id, **await request.json()}))

    @app.post("/v1/actions/{action_id}/{verb}")
    async def act(action_id: str, verb: str, request: Request) -> Response:
        body = await request.json()
        fake.writes.append((verb, body))
        action = fake.actions[action_id]
        if verb == "approve" and body["digest"] != action.digest:
            return problem(409, "The proposal has changed since it was shown.")
        if verb == "approve":
            fake.update_action(action.model_copy(update={"status": ActionStatus.EXECUTING}))
            fake.update_action(scene.receipt(action))
        if verb == "resolve":
            fake.update_action(action.model_copy(update={"status": ActionStatus(body["outcome"])}))
        if verb == "reject":
            changes = {"status": ActionStatus.REJECTED, "rejected_reason": body["reason"]}
            fake.update_action(action.model_copy(update=changes))
        return JSONResponse(json.loads(fake.actions[action_id].model_dump_json()))

    app.include_router(desk_routes(fake))
    app.mount("/static", StaticFiles(directory=CONSOLE / "static"))
    return app


def frame(event: dict[str, Any]) -> str:
    return f"id: {event['id']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"


@contextmanager
def serving(fake: FakeCopilot, port: int = 0) -> Iterator[str]:
    """Serves `fake` on a free port of the loopback; yields its address."""
    config = uvicorn.Config(
        make_app(fake), host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), f"the scripted API did not start on port {port}"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        fake.streams_dropped += 1
        server.should_exit = True
        thread.join(timeout=5)


if __name__ == "__main__":
    with serving(FakeCopilot(), 8010) as address:
        print(f"{address}/inbox#key={KEY}")  # noqa: T201
        threading.Event().wait()
