"""Verification attempts in memory."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from copilot.domain.verification import VerificationAttempt, Watched


@dataclass
class _Row:
    attempt_id: str
    tenant_id: str
    conversation_id: str
    subject: str
    at: datetime
    counts: bool


class MemoryVerificationAttempts:
    """The VerificationAttempts port on a list."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []

    async def begin(self, attempt: VerificationAttempt) -> str | None:
        full = next((w.subject for w in attempt.watched if self._is_full(attempt.tenant_id, w)), None)
        self._rows += [
            _Row(attempt.id, attempt.tenant_id, attempt.conversation_id, w.subject, attempt.at, full is None)
            for w in attempt.watched
        ]
        return full

    async def forgive(self, tenant_id: str, attempt_id: str) -> None:
        self._rows = [r for r in self._rows if (r.tenant_id, r.attempt_id) != (tenant_id, attempt_id)]

    async def has_failed(self, tenant_id: str, conversation_id: str, subject: str) -> bool:
        wanted = (tenant_id, conversation_id, subject, True)
        return any((r.tenant_id, r.conversation_id, r.subject, r.counts) == wanted for r in self._rows)

    async def subjects(self, tenant_id: str, conversation_id: str) -> frozenset[str]:
        mine = (tenant_id, conversation_id)
        return frozenset(r.subject for r in self._rows if (r.tenant_id, r.conversation_id) == mine)

    async def clear(self, tenant_id: str, subjects: Collection[str]) -> None:
        self._rows = [r for r in self._rows if r.tenant_id != tenant_id or r.subject not in subjects]

    def _is_full(self, tenant_id: str, watched: Watched) -> bool:
        if watched.most is None:
            return False
        failed = [
            row
            for row in self._rows
            if row.counts
            and (row.tenant_id, row.subject) == (tenant_id, watched.subject)
            and (watched.since is None or row.at > watched.since)
        ]
        return len(failed) >= watched.most
