"""Proposals, the ledger, and what is remembered between requests."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from copilot.domain.actions import Action, ActionStatus, Allowance, LedgerEntry, LedgerHead, LedgerRecord
from copilot.domain.verification import VerificationAttempt


class ActionStore(Protocol):
    """Proposals, approvals, executions. Every change of status is a compare-and-set.

    A change and its ledger record are one durable transaction: there is never one without the other.
    """

    async def add(self, action: Action, record: LedgerRecord) -> None:
        """`Conflict` when an open action of the same fingerprint exists."""

    async def get(self, tenant_id: str, action_id: str) -> Action: ...

    async def list_for(self, tenant_id: str, conversation_id: str) -> list[Action]:
        """Oldest first."""

    async def list_waiting(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Action]:
        """Proposed or awaiting a second approval, oldest first."""

    async def replace(
        self,
        action: Action,
        record: LedgerRecord,
        *,
        expected: ActionStatus,
        reserve: Sequence[Allowance] = (),
    ) -> None:
        """Stores `action` if its status is still `expected`, else `ActionNotOpen`.

        `reserve` is counted in the same transaction, all of it, or `LimitReached` and nothing changes. What
        an action has reserved is given back when it is stored as failed after it began.
        """

    async def supersede(
        self,
        old: Action,
        edited: LedgerRecord,
        new: Action,
        proposed: LedgerRecord,
        *,
        expected: ActionStatus,
    ) -> None:
        """`replace` of `old` and `add` of `new` in one transaction: both happen, or neither."""

    async def unfinished(self) -> list[Action]:
        """Approved or executing, of every tenant: what a restart has to drive on."""

    async def overdue(self, now: datetime) -> list[Action]:
        """Waiting for people although they have expired, of every tenant."""

    async def unresolved(self) -> list[Action]:
        """Those whose outcome is not known and which are not parked, of every tenant."""

    async def in_flight(self, tenant_id: str, customer_id: str) -> list[Action]:
        """Approved, executing or unresolved: money that may move and may not show in the order system yet."""


class LedgerStore(Protocol):
    """Append-only; one chain per tenant."""

    async def append(self, tenant_id: str, record: LedgerRecord, *, durable: bool = True) -> LedgerEntry:
        """The next link. Without `durable` a power cut may lose it, a crash may not: not for money."""

    def entries(self, tenant_id: str) -> AsyncIterator[LedgerEntry]:
        """In the order of the chain. `LedgerUnreadable` at a row that is not as it was written."""

    async def page(
        self, tenant_id: str, *, before: int | None = None, limit: int = 50, subject_id: str | None = None
    ) -> list[LedgerEntry]:
        """Newest first; `before` is the sequence of the last one already seen. Raises as `entries` does."""

    async def head(self, tenant_id: str) -> LedgerHead | None:
        """The last link, kept apart from the chain; None when nothing was ever written."""


class VerificationAttempts(Protocol):
    """Attempts to prove who a customer is, by what is watched; see `domain/verification`."""

    async def begin(self, attempt: VerificationAttempt) -> str | None:
        """Counts the attempt as failed, durably, before anything is looked up; None then.

        Where something watched has failed as often as it may, its subject instead: the attempt is kept,
        and counts for nothing. Counting and deciding are one step, also in a race.
        """

    async def forgive(self, tenant_id: str, attempt_id: str) -> None:
        """It did not fail after all."""

    async def has_failed(self, tenant_id: str, conversation_id: str, subject: str) -> bool:
        """Whether a counted attempt in the conversation named the subject."""

    async def subjects(self, tenant_id: str, conversation_id: str) -> frozenset[str]:
        """All that attempts in the conversation named, counted or not."""

    async def clear(self, tenant_id: str, subjects: Collection[str]) -> None:
        """Forgets every attempt that named one of them, as far as that subject goes."""


HELD = timedelta(seconds=60)
"""After this a request without an answer has died with its process, and the key is free again."""


class IdempotencyStore(Protocol):
    """Answers remembered by `Idempotency-Key`."""

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
        """The earlier answer (status, body), or None when this request now holds the key, for `held`.

        `path` is the address that was asked: it says whose data the answer may hold.

        `IdempotencyKeyReused` when the key came with another request, `Conflict` while the first still runs.
        """

    async def finish(self, tenant_id: str, key: str, status: int, body: bytes) -> None: ...

    async def abandon(self, tenant_id: str, key: str) -> None:
        """The request failed without effect: the key is free again."""
