"""An IdempotencyStore in memory."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from copilot.domain.errors import Conflict, IdempotencyKeyReused
from copilot.ports.actions import HELD


@dataclass
class _Request:
    fingerprint: str
    begun_at: datetime
    answer: tuple[int, bytes] | None = None


class MemoryIdempotencyStore:
    """Remembers for a day, holds a key without an answer for a minute; for tests."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str], _Request] = {}

    async def begin(
        self,
        tenant_id: str,
        key: str,
        fingerprint: str,
        at: datetime,
        *,
        held: timedelta = HELD,
        path: str = "",
    ) -> tuple[int, bytes] | None:
        del path
        earlier = self._requests.get((tenant_id, key))
        if earlier is None or earlier.begun_at < at - timedelta(hours=24):
            self._requests[tenant_id, key] = _Request(fingerprint, at)
            return None
        if earlier.fingerprint != fingerprint:
            raise IdempotencyKeyReused("this Idempotency-Key came with another request before")
        if earlier.answer is None and earlier.begun_at > at - held:
            raise Conflict("the first request with this Idempotency-Key is still being worked on")
        earlier.begun_at = earlier.begun_at if earlier.answer else at
        return earlier.answer

    async def finish(self, tenant_id: str, key: str, status: int, body: bytes) -> None:
        self._requests[tenant_id, key].answer = (status, body)

    async def abandon(self, tenant_id: str, key: str) -> None:
        earlier = self._requests.get((tenant_id, key))
        if earlier is not None and earlier.answer is None:
            del self._requests[tenant_id, key]
