"""API keys in SQL: a look-up prefix and an HMAC of the secret; the key itself is kept nowhere."""

import hashlib
import hmac
import os
import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Column, Row, Table, Text, insert, select, update

from copilot.adapters.sql.columns import UtcDateTime
from copilot.adapters.sql.database import Database, metadata
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.access import ApiKey, Principal, Role
from copilot.domain.errors import ConfigurationError, KeyExpired, NotAuthenticated, NotFound
from copilot.ports import Clock

_KEY = re.compile(r"cop_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_SECRET_BYTES = 32
_REMEMBERED = timedelta(seconds=5)
"""How long a key revoked by another process still opens the door here."""

_api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("tenant_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
)


class _Known(NamedTuple):
    hash: str
    principal: Principal
    fresh_until: datetime


def server_secret(path: Path) -> bytes:
    """The secret that key hashes depend on, made with mode 0600 when the file is not there yet.

    `ConfigurationError` when others may read it, or it is not ours.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write the server secret: {error}", where=str(path)) from error
    secret = secrets.token_bytes(_SECRET_BYTES)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret


@of_one_tenant(but=("principal_of", "holder_of"))
class SqlApiKeyStore:
    """The ApiKeyStore port on our SQL database.

    Keys are remembered for a few seconds, so that most requests cost no query.
    """

    def __init__(self, database: Database, secret: bytes, clock: Clock) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def create(self, principal: Principal, expires_at: datetime | None = None) -> str:
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(_SECRET_BYTES)
        async with self._database.write(durable=True) as connection:
            await connection.execute(
                insert(_api_keys).values(
                    prefix=prefix,
                    hash=self._hash(secret),
                    principal_id=principal.id,
                    tenant_id=principal.tenant_id,
                    name=principal.name,
                    role=principal.role,
                    created_at=self._clock.now(),
                    expires_at=expires_at,
                )
            )
        return f"cop_{prefix}_{secret}"

    async def principal_of(self, key: str) -> Principal:
        match = _KEY.fullmatch(key)
        if match is None:
            raise NotAuthenticated("this is not an API key", hint="Keys look like cop_<prefix>_<secret>.")
        prefix, secret = match.groups()
        known = await self._known_key(prefix)
        if not hmac.compare_digest(known.hash, self._hash(secret)):
            raise _unknown()
        return self._in_force(known)  # last: who has not the whole key is not told that it has expired

    async def holder_of(self, prefix: str) -> Principal:
        return self._in_force(await self._known_key(prefix))

    async def list_keys(self, tenant_id: str) -> list[ApiKey]:
        query = select(_api_keys).where(_api_keys.c.tenant_id == tenant_id).order_by(_api_keys.c.created_at)
        async with self._database.read() as connection:
            return [
                ApiKey(
                    prefix=row.prefix,
                    principal=_principal(row),
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                    revoked_at=row.revoked_at,
                )
                for row in await connection.execute(query)
            ]

    async def revoke(self, tenant_id: str, prefix: str) -> None:
        mine = (_api_keys.c.prefix == prefix, _api_keys.c.tenant_id == tenant_id)
        async with self._database.write(durable=True) as connection:
            if await connection.scalar(select(_api_keys.c.prefix).where(*mine)) is None:
                raise NotFound(f"there is no API key with the prefix {prefix!r}")
            await connection.execute(
                update(_api_keys)
                .where(*mine, _api_keys.c.revoked_at.is_(None))
                .values(revoked_at=self._clock.now())
            )
        self._known.pop(prefix, None)

    async def _known_key(self, prefix: str) -> _Known:
        known = self._known.get(prefix)
        if known is None or known.fresh_until <= self._clock.now():
            known = self._known[prefix] = await self._look_up(prefix)
        return known

    def _in_force(self, known: _Known) -> Principal:
        ends = known.principal.until
        if ends is not None and ends <= self._clock.now():
            raise KeyExpired(
                f"this API key expired on {ends:%Y-%m-%d at %H:%M} UTC",
                hint="Ask an administrator for a new one.",
            )
        return known.principal

    async def _look_up(self, prefix: str) -> _Known:
        query = select(_api_keys).where(_api_keys.c.prefix == prefix, _api_keys.c.revoked_at.is_(None))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            self._known.pop(prefix, None)
            raise _unknown()
        return _Known(row.hash, _principal(row), self._clock.now() + _REMEMBERED)

    def _hash(self, secret: str) -> str:
        return hmac.new(self._secret, secret.encode(), hashlib.sha256).hexdigest()


def given_secret(path: Path) -> bytes:
    """The secret in a file that somebody made: 32 bytes or more, which its group may read too.

    `ConfigurationError` when it is shorter, everybody may read it, or it is not there.
    """
    secret = _read(path, others=0o007).strip()
    if len(secret) < _SECRET_BYTES:
        raise ConfigurationError(
            f"the server secret has {len(secret)} bytes, fewer than {_SECRET_BYTES}",
            where=str(path),
            hint="Make one with: openssl rand -hex 32",
        )
    return hashlib.sha256(secret).digest()


def _read(path: Path, *, others: int) -> bytes:
    try:
        if path.stat().st_mode & others:
            raise ConfigurationError(
                "others may read the server secret", where=str(path), hint="Run chmod 600 on it."
            )
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read the server secret: {error}", where=str(path)) from error


def _read_secret(path: Path) -> bytes:
    secret = _read(path, others=0o077)
    if len(secret) != _SECRET_BYTES:
        raise ConfigurationError(
            f"the server secret has {len(secret)} bytes, not {_SECRET_BYTES}",
            where=str(path),
            hint="Restore it, or delete it and make new API keys.",
        )
    return secret


def _principal(row: Row[Any]) -> Principal:
    return Principal(
        id=row.principal_id,
        tenant_id=row.tenant_id,
        name=row.name,
        role=Role(row.role),
        until=row.expires_at,
    )


def _unknown() -> NotAuthenticated:
    return NotAuthenticated("this API key is unknown or revoked", hint="Ask an administrator for a new one.")
