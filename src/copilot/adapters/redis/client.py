"""A connection to Redis, whose errors are ours and whose password nobody reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from copilot.domain.errors import ConfigurationError, DependencyUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

_SECONDS = 1.0
"""What one answer may take: a panel waits for it."""
_OLDEST = 7
_SCHEMES = ("redis", "rediss", "unix")


def connect(url: str, *, seconds: float = _SECONDS) -> "Redis":
    """Nothing is asked yet. Raises `ConfigurationError` for an address that is none, or without the extra."""
    if urlsplit(url).scheme not in _SCHEMES:
        raise ConfigurationError(
            "the address of Redis is not one.",
            where="COPILOT_REDIS_URL",
            hint="Expected redis://HOST:PORT/0.",
        )
    try:
        library = import_module("redis.asyncio")
    except ImportError as error:
        raise ConfigurationError(
            "Redis cannot be reached: a package is missing.",
            where="COPILOT_REDIS_URL",
            hint="Install the extra `redis`: scripts/_install.py --with redis.",
        ) from error
    retry = import_module("redis.asyncio.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    try:
        client: Redis = library.Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=seconds,
            socket_connect_timeout=_SECONDS,
            retry=retry,
        )
    except ValueError as error:
        raise ConfigurationError(
            "the address of Redis cannot be read.",
            where="COPILOT_REDIS_URL",
            hint="Expected redis://HOST:PORT/0.",
        ) from error
    return client


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Redis' errors as `DependencyUnavailable`; what was sent may have been done all the same."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - the extra `redis`

    try:
        yield
    except (RedisError, OSError) as error:
        raise DependencyUnavailable(
            f"Redis did not answer ({type(error).__name__}).",
            where="Redis",
            hint="Is it running at COPILOT_REDIS_URL?",
        ) from error


async def check(client: "Redis") -> None:
    """Raises `DependencyUnavailable` when it does not answer, or is too old to keep events in order."""
    async with translated():
        version = str((await client.info("server"))["redis_version"])
    if int(version.split(".", maxsplit=1)[0]) < _OLDEST:
        raise DependencyUnavailable(
            f"Redis {version} is too old.", where="Redis", hint=f"Expected {_OLDEST} or newer."
        )
