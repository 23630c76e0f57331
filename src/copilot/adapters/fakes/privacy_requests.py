"""Requests about personal data, and leases, in memory."""

from collections.abc import Sequence
from datetime import datetime

from copilot.domain.errors import Conflict, NotFound
from copilot.domain.privacy import PrivacyKind, PrivacyRequest, PrivacyStatus


class MemoryPrivacyRequests:
    def __init__(self) -> None:
        self._requests: dict[str, PrivacyRequest] = {}

    async def add(self, request: PrivacyRequest) -> None:
        self._requests[request.id] = request

    async def get(self, tenant_id: str, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        found = self._requests.get(request_id)
        if found is None or (found.tenant_id, found.kind) != (tenant_id, kind):
            raise NotFound(f"there is no request {request_id!r} among the {kind.value}.")
        return found

    async def list(
        self, tenant_id: str, kind: PrivacyKind | None = None, *, after: str | None = None, limit: int = 50
    ) -> Sequence[PrivacyRequest]:
        found = sorted(self._requests.values(), key=lambda request: request.id, reverse=True)
        return [
            request
            for request in found
            if request.tenant_id == tenant_id
            and kind in (None, request.kind)
            and (after is None or request.id < after)
        ][:limit]

    async def replace(self, request: PrivacyRequest, *, expected: PrivacyStatus) -> None:
        if self._requests[request.id].status is not expected:
            raise Conflict(f"The request is not {expected.value} any more.", hint="Look at it again.")
        self._requests[request.id] = request

    async def pending(self) -> Sequence[PrivacyRequest]:
        return [request for request in self._requests.values() if request.customer_id]


class MemoryLeases:
    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[str, datetime]] = {}

    async def take(self, tenant_id: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
        held = self._held.get((tenant_id, name))
        if held is not None and held[0] != holder and held[1] > now:
            return False
        self._held[tenant_id, name] = holder, until
        return True
