"""Erasure and export of a customer's data, proposed by one administrator and approved by another."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from copilot.assist.erasure import Eraser
from copilot.domain.access import Principal, Scope, require
from copilot.domain.actions import LedgerRecord
from copilot.domain.errors import Conflict, InvalidInput, SecondApproverNeeded
from copilot.domain.privacy import PrivacyKind, PrivacyRequest, PrivacyStatus
from copilot.ports import Clock, Ids, Leases, LedgerStore, PersonalRecords, PrivacyRequests

_log = logging.getLogger(__name__)
_PROPOSAL_HOLDS = timedelta(days=7)
_EXPORT_HOLDS = timedelta(hours=24)
_LEASE = timedelta(minutes=10)
_POLL_SECONDS = 5.0
_SHORTEST = 4
"""Of what was said: fewer characters stand in everybody's conversations."""


class PrivacyDesk:
    """Requests, their two people, and the work on them. A request that is over names no customer any more."""

    def __init__(
        self,
        requests: PrivacyRequests,
        records: PersonalRecords,
        eraser: Eraser,
        leases: Leases,
        ledger: LedgerStore,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._requests = requests
        self._records = records
        self._eraser = eraser
        self._leases = leases
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._holder = ids.new("proc")
        self._approved = asyncio.Event()

    async def propose(
        self, principal: Principal, kind: PrivacyKind, customer_id: str, said: Sequence[str]
    ) -> PrivacyRequest:
        require(principal, Scope.PRIVACY_MANAGE)
        if short := [word for word in said if len(word.strip()) < _SHORTEST]:
            raise InvalidInput(
                f"{len(short)} of what was said is shorter than {_SHORTEST} characters.",
                where="said",
                hint="It would find other people's conversations.",
            )
        now = self._clock.now()
        found = await self._records.conversations_of(principal.tenant_id, customer_id, said)
        request = PrivacyRequest(
            id=self._ids.new("prv"),
            tenant_id=principal.tenant_id,
            kind=kind,
            customer_id=customer_id,
            said=tuple(said),
            conversations=len(found),
            proposed_by=principal.id,
            proposed_by_name=principal.name,
            proposed_at=now,
            expires_at=now + _PROPOSAL_HOLDS,
        )
        await self._requests.add(request)
        await self._tell(request, "proposed", principal)
        return request

    async def approve(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        """By somebody else than who proposed it, or `SecondApproverNeeded`. It is done in the background."""
        request = await self._open(principal, kind, request_id)
        if request.proposed_by == principal.id:
            raise SecondApproverNeeded(
                "You have proposed this; a second person must approve it.",
                hint="Ask another administrator.",
            )
        erasing = kind is PrivacyKind.ERASURES
        status = PrivacyStatus.APPROVED if erasing else PrivacyStatus.DONE
        update: dict[str, Any] = {} if erasing else {"expires_at": self._clock.now() + _EXPORT_HOLDS}
        approved = await self._decide(principal, request, status, "approved", update)
        self._approved.set()
        return approved

    async def reject(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        """By anybody who may approve, and by who proposed it."""
        request = await self._open(principal, kind, request_id)
        return await self._decide(
            principal, request.without_customer(), PrivacyStatus.REJECTED, "rejected", {}
        )

    async def get(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        require(principal, Scope.PRIVACY_MANAGE)
        return await self._requests.get(principal.tenant_id, kind, request_id)

    async def list(
        self,
        principal: Principal,
        kind: PrivacyKind | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[PrivacyRequest]:
        """Newest first."""
        require(principal, Scope.PRIVACY_MANAGE)
        return await self._requests.list(principal.tenant_id, kind, after=after, limit=limit)

    async def document(self, principal: Principal, request_id: str) -> dict[str, Any]:
        """All that is kept of the customer, by conversation and table. `Conflict` unless it is approved."""
        request = await self.get(principal, PrivacyKind.EXPORTS, request_id)
        if request.status is not PrivacyStatus.DONE or self._clock.now() >= request.expires_at:
            raise Conflict(
                f"The export is {request.status.value} and cannot be read.",
                hint="It can be read for a day after somebody else has approved it.",
            )
        found = await self._records.conversations_of(request.tenant_id, request.customer_id, request.said)
        await self._tell(request, "read", principal)
        return {name: await self._records.export(request.tenant_id, name) for name in found}

    # ------------------------------------------------------------ in the background

    async def run(self) -> None:
        """For as long as the server runs; what fails is logged, and gone on with at the next look."""
        while True:
            try:
                await self.work()
            except Exception:  # noqa: BLE001 - it is tried again
                _log.exception("requests about personal data could not be worked on")
            self._approved.clear()
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._approved.wait()
            except TimeoutError:
                pass

    async def work(self) -> None:
        """Erases what was approved, and forgets the customers of what has expired."""
        for request in await self._requests.pending():
            now = self._clock.now()
            if request.status in (PrivacyStatus.APPROVED, PrivacyStatus.RUNNING):
                name = f"privacy {request.id}"
                if await self._leases.take(request.tenant_id, name, self._holder, now, now + _LEASE):
                    await self._erase(request)
            elif now >= request.expires_at:
                over = request.without_customer().model_copy(update={"status": PrivacyStatus.EXPIRED})
                await self._requests.replace(over, expected=request.status)

    async def _erase(self, request: PrivacyRequest) -> None:
        tenant_id, before = request.tenant_id, request.status
        if before is PrivacyStatus.APPROVED:
            found = await self._eraser.conversations_of(tenant_id, request.customer_id, request.said)
            request = request.model_copy(
                update={"status": PrivacyStatus.RUNNING, "conversation_ids": tuple(found)}
            )
            await self._requests.replace(request, expected=before)
        proof = await self._eraser.erase(
            tenant_id,
            request.conversation_ids,
            request.said,
            by=request.decided_by or "",
            subject_id=request.id,
        )
        status = PrivacyStatus.DONE if proof.complete else PrivacyStatus.INCOMPLETE
        over = request.without_customer().model_copy(update={"status": status, "proof": proof})
        await self._requests.replace(over, expected=PrivacyStatus.RUNNING)
        await self._eraser.overwrite()  # once more: the request named the customer until now

    # ------------------------------------------------------------ deciding

    async def _open(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        request = await self.get(principal, kind, request_id)
        if request.status is not PrivacyStatus.PROPOSED:
            raise Conflict(f"The request is {request.status.value}.", hint="It cannot be decided any more.")
        if self._clock.now() >= request.expires_at:
            raise Conflict("The proposal has expired.", hint="Propose it again.")
        return request

    async def _decide(
        self,
        principal: Principal,
        request: PrivacyRequest,
        status: PrivacyStatus,
        what: str,
        update: dict[str, Any],
    ) -> PrivacyRequest:
        decided = request.model_copy(
            update={
                "status": status,
                "decided_by": principal.id,
                "decided_by_name": principal.name,
                "decided_at": self._clock.now(),
                **update,
            }
        )
        await self._requests.replace(decided, expected=PrivacyStatus.PROPOSED)
        await self._tell(decided, what, principal)
        return decided

    async def _tell(self, request: PrivacyRequest, what: str, principal: Principal) -> None:
        kind = "erasure" if request.kind is PrivacyKind.ERASURES else "export"
        body = {"by": principal.id, "conversations": request.conversations}
        record = LedgerRecord(kind=f"{kind}.{what}", subject_id=request.id, body=body, at=self._clock.now())
        await self._ledger.append(request.tenant_id, record)
