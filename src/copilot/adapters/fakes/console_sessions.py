"""Sign-ins to the console in memory."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from copilot.domain.access import ConsoleSession


class MemoryConsoleSessions:
    """The ConsoleSessions port for tests; it forgets nobody by itself but those who are over."""

    def __init__(self) -> None:
        self._open: dict[str, ConsoleSession] = {}

    def id_of(self, token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    async def open(self, session: ConsoleSession, *, idle_since: datetime) -> None:
        self._open = {
            id_: one
            for id_, one in self._open.items()
            if one.ends_at > session.signed_in_at and one.seen_at > idle_since
        }
        self._open[session.id] = session

    async def find(self, session_id: str) -> ConsoleSession | None:
        return self._open.get(session_id)

    async def note_seen(self, session: ConsoleSession, at: datetime) -> None:
        self._change(session, seen_at=at)

    async def leave_notices(self, session: ConsoleSession, notices: Sequence[str]) -> None:
        self._change(session, notices=tuple(notices))

    async def close(self, session_id: str) -> None:
        self._open.pop(session_id, None)

    def _change(self, session: ConsoleSession, **values: object) -> None:
        if found := self._open.get(session.id):
            self._open[session.id] = found.model_copy(update=values)
