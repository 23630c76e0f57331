"""Who is signed in to the console: kept where every server sees it, without the key or the cookie's token."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from copilot.domain.access import ConsoleSession, Principal, key_prefix
from copilot.domain.errors import NotAuthenticated, NotPermitted
from copilot.ports import ApiKeyStore, Clock, ConsoleSessions

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
_NOTED_EVERY = timedelta(minutes=1)
"""Not every page writes down that somebody was here."""
_TOKEN_BYTES = 32


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in.

    `csrf` is asked back with every form; `notices` are shown on the next page, and may be added to.
    """

    principal: Principal
    session: ConsoleSession
    csrf: str = field(repr=False)
    notices: list[str]


class Sessions:
    """The session behind a cookie's token; the key that it began with has to be good at each visit."""

    def __init__(self, store: ConsoleSessions, api_keys: ApiKeyStore, clock: Clock) -> None:
        self._store = store
        self._api_keys = api_keys
        self._clock = clock

    async def sign_in(self, key: str) -> str:
        """A new session's token, for a cookie. `NotAuthenticated` for a key that is not in force."""
        return await self._open(await self._api_keys.principal_of(key), key_prefix(key))

    async def sign_in_person(self, person: Principal) -> str:
        """Of somebody whom an identity provider has signed in. Their role is the one they have now."""
        return await self._open(person, None)

    async def sign_out(self, token: str) -> None:
        await self._store.close(self._store.id_of(token))

    async def visit(self, token: str, *, somebody: bool = True) -> Visit:
        """`NotAuthenticated` when the session is over, or its key does not hold any more.

        `somebody` is False for what a page left open asks by itself: it keeps no session from ending.
        """
        session = await self._store.find(self._store.id_of(token)) if token else None
        if session is None:
            raise NotAuthenticated("You are not signed in.", hint="Sign in again.")
        now = self._clock.now()
        try:
            principal = await self._still_good(session)
        except NotAuthenticated:
            await self._store.close(session.id)
            raise
        if somebody and now - session.seen_at >= _NOTED_EVERY:
            await self._store.note_seen(session, now)
        return Visit(principal, session, _form_token(token), list(session.notices))

    async def keep_notices(self, visit: Visit) -> None:
        """For the next page of this session, on whichever server."""
        if tuple(visit.notices) != visit.session.notices:
            await self._store.leave_notices(visit.session, tuple(visit.notices))

    async def _still_good(self, session: ConsoleSession) -> Principal:
        now = self._clock.now()
        if now >= session.ends_at or now - session.seen_at >= IDLE:
            raise NotAuthenticated("Your session is over.", hint="Sign in again.")
        if session.key_prefix is None:
            return session.principal
        return await self._api_keys.holder_of(session.key_prefix)

    async def _open(self, principal: Principal, prefix: str | None) -> str:
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now()
        ends_at = now + LIFETIME
        session = ConsoleSession(
            id=self._store.id_of(token),
            principal=principal,
            key_prefix=prefix,
            signed_in_at=now,
            seen_at=now,
            ends_at=ends_at if principal.until is None else min(ends_at, principal.until),
        )
        await self._store.open(session, idle_since=now - IDLE)
        return token


def require_token(expected: str, given: str) -> None:
    """`NotPermitted` for a form that was not made by a page of this session."""
    if not given or not hmac.compare_digest(expected.encode(), given.encode()):
        raise NotPermitted(
            "This form was not sent from a page of your session.", hint="Reload the page and try again."
        )


def _form_token(token: str) -> str:
    """Follows from the cookie's token, which nobody finds out from it: so it is kept nowhere either."""
    return hashlib.sha256(f"copilot console form v1 {token}".encode()).hexdigest()
