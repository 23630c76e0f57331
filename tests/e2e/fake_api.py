"""The copilot's API over HTTP with a scripted mind: real events, real streaming, no engine behind it.

`python -m tests.e2e.fake_api` serves the demo inbox with it on 127.0.0.1:8010, key "test-key".
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from tests.e2e import scene

from copilot.domain.actions import Action, ActionStatus
from copilot.domain.assist import (
    ConversationSnapshot,
    RevisionDone,
)
from copilot.domain.conversation import Channel, Conversation, ConversationStatus, Speaker, Turn
from copilot.domain.value import Value

CONSOLE = Path(__file__).parents[2] / "src/copilot/console"
KEY = "test-key"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"


class FakeCopilot:
    """Conversations, their event logs, and a record of every write."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.actions: dict[str, Action] = {}
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.last_event_ids: list[str | None] = []
        self.scripted = True
        self.streams_dropped = 0
        self.refuse_streams = False
        self.delay_seconds = 0.0
        self.typing: list[tuple[str, str]] = []
        self.answers: dict[str, Any] = {}
        self._lock = threading.Lock()

    def create(self, channel: Channel = Channel.CHAT) -> Conversation:
        now = datetime.now(tz=UTC)
        made = Conversation(
            id=f"conv_{len(self.conversations) + 1}",
            tenant_id="larkfield",
            channel=channel,
            created_at=now,
            updated_at=now,
        )
        self.conversations[made.id] = made
        self.events[made.id] = []
        return made

    def publish(
        self, conversation_id: str, kind: str, data: Value | dict[str, Any], revision: int | None = None
    ) -> None:
        log = self.events[conversation_id]
        body = data if isinstance(data, dict) else json.loads(data.model_dump_json())
        with self._lock:
            log.append(
                {
                    "id": len(log) + 1,
                    "type": kind,
                    "conversation_id": conversation_id,
                    "revision": self.conversations[conversation_id].revision
                    if revision is None
                    else revision,
                    "created_at": datetime.now(tz=UTC).isoformat(),
                    "data": body,
                }
            )

    def say(self, conversation_id: str, speaker: Speaker, text: str) -> Turn:
        before = self.conversations[conversation_id]
        now = datetime.now(tz=UTC)
        turn = Turn(
            id=f"turn_{conversation_id}_{len(before.turns) + 1}",
            conversation_id=conversation_id,
            sequence=len(before.turns) + 1,
            speaker=speaker,
            text=text,
            created_at=now,
        )
        self.conversations[conversation_id] = before.model_copy(
            update={"turns": (*before.turns, turn), "revision": before.revision + 1, "updated_at": now}
        )
        self.publish(conversation_id, "turn", turn)
        return turn

    def snapshot(self, conversation_id: str) -> dict[str, Any]:
        conversation = self.conversations[conversation_id]
        snapshot = ConversationSnapshot(
            conversation=conversation,
            actions=tuple(a for a in self.actions.values() if a.conversation_id == conversation_id),
        )
        return {
            "id": len(self.events[conversation_id]),
            "type": "snapshot",
            "conversation_id": conversation_id,
            "revision": conversation.revision,
            "created_at": datetime.now(tz=UTC).isoformat(),
            "data": {"drafts": [], **json.loads(snapshot.model_dump_json())},
        }

    def update_action(self, action: Action) -> None:
        self.actions[action.id] = action
        self.publish(action.conversation_id, "action.updated", action, action.revision)

    async def answer(self, turn: Turn, pause: float = 0.03) -> None:
        """The whole scene for one customer turn."""
        conversation_id, revision = turn.conversation_id, self.conversations[turn.conversation_id].revision
        action = scene.refund(conversation_id, revision)
        draft = scene.suggestion(conversation_id, revision)
        steps: list[tuple[str, Value]] = [
            ("understanding", scene.understanding()),
            ("knowledge", scene.knowledge()),
            ("tool.result", scene.order_shown()),
            ("action.updated", action),
            ("next_actions", scene.next_actions(action)),
            *(("suggestion.delta", delta) for delta in scene.deltas(draft)),
            ("suggestion.completed", draft),
            ("summary", scene.summary(conversation_id, revision, turn.id)),
            ("revision.done", RevisionDone(milliseconds=40)),
        ]
        self.actions[action.id] = action
        for kind, data in steps:
            self.publish(conversation_id, kind, data, revision)
            await asyncio.sleep(pause)


def problem(status: int, title: str, detail: str = "") -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": "refused"}
    return JSONResponse(body, status, media_type="application/problem+json")


def make_app(fake: FakeCopilot) -> FastAPI:  # noqa: C901, PLR0915 - one function per route
    app = FastAPI()
    tasks: set[asyncio.Task[None]] = set()
    templates = Environment(loader=FileSystemLoader(CONSOLE / "templates"), autoescape=True)

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        if request.url.path.startswith("/v1/") and request.headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, "The API key is unknown.")
        if request.method == "POST" and not request.headers.get("Idempotency-Key"):
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
        await asyncio.sleep(fake.delay_seconds)
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
    async def typing(request: Request) -> None:
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
        if verb == "reject":
            changes = {"status": ActionStatus.REJECTED, "rejected_reason": body["reason"]}
            fake.update_action(action.model_copy(update=changes))
        return JSONResponse(json.loads(fake.actions[action_id].model_dump_json()))

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
