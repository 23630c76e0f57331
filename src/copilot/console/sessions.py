"""Who is signed in to the console, kept in this process: a restart signs everybody out."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from copilot.domain.access import Principal
from copilot.domain.errors import NotAuthenticated, NotPermitted
from copilot.ports import ApiKeyStore, Clock

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
_MOST = 10_000
_TOKEN_BYTES = 32


@dataclass
class Session:
    """One signed-in browser. `csrf` is asked back with every form; `notices` are shown on the next page."""

    key: str = field(repr=False)
    csrf: str
    signed_in_at: datetime
    seen_at: datetime
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in."""

    principal: Principal
    session: Session


class Sessions:
    """Sessions by the hash of their token; the key in each is asked anew, so a revoked one ends at once."""

    def __init__(self, api_keys: ApiKeyStore, clock: Clock) -> None:
        self._api_keys = api_keys
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()

    async def sign_in(self, key: str) -> str:
        """A new session's token, for a cookie. `NotAuthenticated` for a key that is not in force."""
        await self._api_keys.principal_of(key)
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now()
        self._open[_hash(token)] = Session(key, secrets.token_urlsafe(_TOKEN_BYTES), now, now)
        while len(self._open) > _MOST:
            self._open.popitem(last=False)
        return token

    def sign_out(self, token: str) -> None:
        self._open.pop(_hash(token), None)

    async def visit(self, token: str) -> Visit:
        """`NotAuthenticated` when the session is over, or its key does not hold any more."""
        identity, now = _hash(token), self._clock.now()
        session = self._open.get(identity)
        if session is None:
            raise NotAuthenticated("You are not signed in.", hint="Sign in with your API key.")
        if now - session.signed_in_at >= LIFETIME or now - session.seen_at >= IDLE:
            del self._open[identity]
            raise NotAuthenticated("Your session is over.", hint="Sign in again.")
        try:
            principal = await self._api_keys.principal_of(session.key)
        except NotAuthenticated:
            self._open.pop(identity, None)
            raise
        session.seen_at = now
        return Visit(principal, session)


def require_token(expected: str, given: str) -> None:
    """`NotPermitted` for a form that was not made by a page of this session."""
    if not given or not hmac.compare_digest(expected.encode(), given.encode()):
        raise NotPermitted(
            "This form was not sent from a page of your session.", hint="Reload the page and try again."
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
