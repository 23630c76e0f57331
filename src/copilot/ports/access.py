"""Who may call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from copilot.domain.access import ApiKey, CompanySignIn, ConsoleSession, Principal, WidgetToken


class ApiKeyStore(Protocol):
    """API keys; only their hashes are kept, so a key is shown once, when it is made."""

    async def create(self, principal: Principal, expires_at: datetime | None = None) -> str:
        """A new key `cop_<prefix>_<secret>` that speaks for `principal`, for ever without `expires_at`."""

    async def principal_of(self, key: str) -> Principal:
        """`until` is when the key expires. `NotAuthenticated` for anything that is not a key in force.

        `KeyExpired` for one that was: only to whoever has the whole key.
        """

    async def holder_of(self, prefix: str) -> Principal:
        """For who has shown the key before. Errors as of `principal_of`."""

    async def list_keys(self, tenant_id: str) -> list[ApiKey]:
        """Oldest first, revoked ones too."""

    async def revoke(self, tenant_id: str, prefix: str) -> None:
        """`NotFound` when the tenant has no such key; revoking twice is no error."""


class ConsoleSessions(Protocol):
    """Browsers that are signed in; what is kept of one lets nobody in."""

    def id_of(self, token: str) -> str:
        """What a cookie's token is kept under."""

    async def open(self, session: ConsoleSession, *, idle_since: datetime) -> None:
        """Keeps it, and forgets those of its tenant that are over or were last seen at `idle_since`."""

    async def find(self, session_id: str) -> ConsoleSession | None:
        """Whether it is over, whoever asks has to see."""

    async def note_seen(self, session: ConsoleSession, at: datetime) -> None: ...

    async def leave_notices(self, session: ConsoleSession, notices: Sequence[str]) -> None:
        """In place of those that are there."""

    async def close(self, session_id: str) -> None:
        """Also where there is none."""


class PersonTokens(Protocol):
    """Tokens of an identity provider, for people who sign in there."""

    async def principal_of(self, token: str) -> Principal:
        """`NotAuthenticated` for a token that is not good, `NotPermitted` for who has no role here.

        `DependencyUnavailable` when the provider has to be asked and does not answer.
        """


class PersonSignIn(Protocol):
    """Signing in at an identity provider, in two steps with the browser going there between them.

    `secret` is random, known to that browser alone, and the same in both steps.
    """

    async def begin(self, secret: str) -> str:
        """The address to send the browser to. `DependencyUnavailable` when the provider does not answer."""

    async def finish(self, secret: str, answer: Mapping[str, str]) -> Principal:
        """`answer` is the query that the browser came back with. Errors as of `PersonTokens`."""


class SignInOffer(Protocol):
    """What a client that keeps no secret, as the browser extension, needs to sign people in by itself."""

    async def company(self) -> CompanySignIn:
        """`DependencyUnavailable` when the provider does not answer."""


class WidgetTokens(Protocol):
    """Short-lived tokens for one conversation; nothing of them is stored."""

    def mint(self, principal: Principal, conversation_id: str) -> WidgetToken: ...

    def principal_of(self, token: str) -> Principal:
        """Confined to the token's conversation. `NotAuthenticated` when it is not ours, or expired."""
