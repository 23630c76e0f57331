"""Lock-out for whatever tells whether somebody is a customer: counted before it is looked up, and kept.

A restart, a new conversation or another colleague's key does not start the count anew.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from pydantic import Field

from copilot.domain.errors import (
    DependencyUnavailable,
    InvalidInput,
    NotPermitted,
    VerificationLocked,
)
from copilot.domain.value import Value
from copilot.domain.verification import VerificationAttempt, Watched
from copilot.ports import Clock, Ids, VerificationAttempts


class IdentityLimits(Value):
    """Failures before a lock: in a conversation at all, of a claim and of a person within `window`."""

    conversation: int = Field(default=5, ge=1)
    claim: int = Field(default=5, ge=1)
    principal: int = Field(default=20, ge=1)
    window: timedelta = timedelta(hours=24)


class IdentityGuard:
    """Every look-up of a customer by what somebody claims goes through `attempt`."""

    def __init__(
        self, attempts: VerificationAttempts, clock: Clock, ids: Ids, limits: IdentityLimits | None = None
    ) -> None:
        self._attempts = attempts
        self._clock = clock
        self._ids = ids
        self._limits = limits or IdentityLimits()

    @asynccontextmanager
    async def attempt(
        self, tenant_id: str, conversation_id: str, principal_id: str | None, claims: Iterable[str]
    ) -> AsyncIterator[None]:
        """The body looks the claims up and raises when they do not hold: that counts as a failure.

        So does a stop half-way; a shop that is down does not. `VerificationLocked` when locked, before
        anything is looked up. `principal_id` None: the customer's own words, nobody of ours tried.
        """
        attempt = VerificationAttempt(
            id=self._ids.new("ver"),
            tenant_id=tenant_id,
            conversation_id=conversation_id,
            at=self._clock.now(),
            watched=tuple(self._watched(conversation_id, principal_id, tuple(claims))),
        )
        if await self._attempts.begin(attempt) is not None:
            raise VerificationLocked(
                "Verification is locked after too many failed attempts.",
                hint="Ask a supervisor to unlock it.",
            )
        try:
            yield
        except (DependencyUnavailable, InvalidInput, TimeoutError):
            await self._attempts.forgive(tenant_id, attempt.id)
            raise
        await self._attempts.forgive(tenant_id, attempt.id)

    async def has_failed(self, tenant_id: str, conversation_id: str, claims: Iterable[str]) -> bool:
        """Whether exactly these claims have failed in the conversation: trying again proves nothing."""
        return await self._attempts.has_failed(tenant_id, conversation_id, _together(tuple(claims)))

    async def unlock(self, tenant_id: str, conversation_id: str, by: str) -> int:
        """Forgives all that the conversation's attempts named, elsewhere too; how many subjects that were.

        `NotPermitted` for whoever tried themselves: somebody else has to look at it.
        """
        subjects = await self._attempts.subjects(tenant_id, conversation_id)
        if _principal(by) in subjects:
            raise NotPermitted(
                "You have tried to verify this customer yourself.",
                hint="Ask another supervisor to unlock it.",
            )
        await self._attempts.clear(tenant_id, subjects)
        return len(subjects)

    def _watched(
        self, conversation_id: str, principal_id: str | None, claims: tuple[str, ...]
    ) -> Iterable[Watched]:
        since = self._clock.now() - self._limits.window
        yield Watched(subject=f"conversation:{conversation_id}", most=self._limits.conversation)
        if principal_id is not None:
            yield Watched(subject=_principal(principal_id), most=self._limits.principal, since=since)
        for claim in dict.fromkeys(map(_hidden, claims)):
            yield Watched(subject=claim, most=self._limits.claim, since=since)
        yield Watched(subject=_together(claims))


def email_claim(email: str) -> tuple[str, ...]:
    return (f"email {email}",)


def order_claim(email: str, order_id: str) -> tuple[str, ...]:
    return (*email_claim(email), f"order {order_id}")


def name_claim(first_name: str, last_name: str, zip_code: str) -> tuple[str, ...]:
    return (f"name {first_name} {last_name} {zip_code}",)


def _principal(principal_id: str) -> str:
    return f"principal:{principal_id}"


def _hidden(claim: str) -> str:
    """What was claimed is personal data: its hash is enough to count by."""
    return f"claim:{hashlib.sha256(' '.join(claim.casefold().split()).encode()).hexdigest()}"


def _together(claims: tuple[str, ...]) -> str:
    return "all:" + hashlib.sha256("\0".join(sorted(map(_hidden, claims))).encode()).hexdigest()
