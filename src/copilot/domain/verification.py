"""Attempts to prove who a customer is, and what is watched so that nobody guesses."""

from datetime import datetime

from copilot.domain.value import Value


class Watched(Value):
    """Something of which only so many attempts may fail: a conversation, a person, what was claimed.

    `most` None: noted, never locked. Failures before `since` do not count (None: all do).
    """

    subject: str
    most: int | None = None
    since: datetime | None = None


class VerificationAttempt(Value):
    id: str
    tenant_id: str
    conversation_id: str
    at: datetime
    watched: tuple[Watched, ...]
