"""The mind behind the scripted API: conversations, their events, and a record of every write."""

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from tests.e2e import scene

from copilot.domain.actions import Action
from copilot.domain.assist import Suggestion
from copilot.domain.assist_events import ConversationSnapshot, RevisionDone
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.value import Value

KEY = "test-key"


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
        self.turned_away = 0
        self.keys = {KEY}
        """Whatever opens the door: an API key, or tokens that a test has minted."""
        self.holds_back = False
        """While a new conversation is not answered for."""
        self.typing: list[tuple[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.has_model = True
        self.suggestions: dict[str, Suggestion] = {}
        self.branding: dict[str, Any] = {"name": "", "accent": None, "logo": None}
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
        if isinstance(data, Suggestion):
            self.suggestions[data.id] = data
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

    def asked(self, conversation_id: str) -> int:
        """How many of its messages are the customer's, each to be answered."""
        turns = self.conversations[conversation_id].turns
        return sum(turn.speaker is Speaker.CUSTOMER for turn in turns)

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

    def lets_in(self, request: Request) -> bool:
        known = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.keys
        self.turned_away += not known
        return known

    def replaced_by(self, suggestion_id: str) -> str | None:
        """The draft that took the place of this one."""
        return next((s.id for s in self.suggestions.values() if s.replaces == suggestion_id), None)

    def update_action(self, action: Action) -> None:
        self.actions[action.id] = action
        self.publish(action.conversation_id, "action.updated", action, action.revision)

    async def answer(self, turn: Turn, pause: float = 0.003) -> None:
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


def problem(status: int, title: str, detail: str = "", code: str = "refused") -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(body, status, media_type="application/problem+json")
