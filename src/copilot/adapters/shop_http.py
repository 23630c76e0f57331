"""HTTP to an order system: one host, bounded answers, an outcome that is known or said to be unknown."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from copilot.domain.errors import (
    ConfigurationError,
    CopilotError,
    DependencyUnavailable,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
)

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_SEGMENT = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
_LONGEST_AMOUNT = 24
_MOST_CENTS = 10**15
_LONGEST_REASON = 300
_OK, _REDIRECT, _CLIENT_ERROR = 200, 300, 400


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Seconds, and bytes of one answer. `total` ends a call that trickles."""

    connect: float = 3.0
    total: float = 8.0
    answer_bytes: int = 4_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back whole. `body` is the JSON value, None when the bytes are not JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return _OK <= self.status < _REDIRECT

    @property
    def redirects(self) -> bool:
        return _REDIRECT <= self.status < _CLIENT_ERROR


class ShopHttp:
    """Requests below one base URL. Nothing is retried here, and no redirect is followed.

    `credentials` are headers sent with every request; their values never appear in an error.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str,
        credentials: Mapping[str, str] | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        self.name = name
        self._limits = limits or HttpLimits()
        self._base = _checked(base_url, name)
        self._secrets = tuple(
            secret
            for value in (credentials or {}).values()
            for secret in {value, value.split()[-1]}
            if secret
        )
        self._client = httpx.AsyncClient(
            # Neither proxies nor passwords may come from the environment of the process.
            trust_env=False,
            follow_redirects=False,
            headers={**(credentials or {}), "Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(
                self._limits.total, connect=self._limits.connect, pool=self._limits.connect
            ),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        changes: bool,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,  # noqa: ANN401 - any JSON value
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever its status. `path` holds no query and its parts are already `path_part`s.

        When there is none: `DependencyUnavailable` if the request surely had no effect, which is so of every
        request that changes nothing; else `OutcomeUnknown`.
        """
        request = self._client.build_request(
            method,
            self._base.copy_with(raw_path=(self._base.path.rstrip("/") + path).encode("ascii")),
            params=params or None,
            headers=headers,
            json=json_body,
            data=form,
        )
        try:
            async with asyncio.timeout(self._limits.total):
                return await self._exchange(request, changes=changes)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise DependencyUnavailable(
                f"{self.name} cannot be reached.", hint="Nothing was done."
            ) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self.trouble("did not answer in time", changes=changes) from error
        except httpx.HTTPError as error:
            raise self.trouble(f"broke off ({type(error).__name__})", changes=changes) from error

    async def _exchange(self, request: httpx.Request, *, changes: bool) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            # Unpacked, a small answer could become a huge one.
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self.trouble("answered in a packed form it was not asked for", changes=changes)
            received = bytearray()
            async for part in response.aiter_raw():
                received += part
                if len(received) > self._limits.answer_bytes:
                    raise self.trouble(
                        f"answered more than {self._limits.answer_bytes:,} bytes", changes=changes
                    )
        finally:
            await response.aclose()
        return Answer(response.status_code, _json(bytes(received)), dict(response.headers))

    def trouble(self, what: str, *, changes: bool) -> CopilotError:
        """`OutcomeUnknown` of a change, `DependencyUnavailable` of a question."""
        if changes:
            return OutcomeUnknown(f"{self.name} {what}.", hint="It may or may not have been done.")
        return DependencyUnavailable(f"{self.name} {what}.", hint="Try again.")

    def reason(self, said: object, otherwise: str) -> str:
        """The provider's own words as one printable line, without our credentials."""
        if not isinstance(said, str) or not said.strip():
            return otherwise
        for secret in self._secrets:
            said = said.replace(secret, "…")
        line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
        return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


def path_part(value: str) -> str:
    """One segment of a path. `NotFound` for what is none: many servers take `%2F` for a slash again."""
    if not _SEGMENT.fullmatch(value) or value in {".", ".."}:
        raise NotFound("There is no such entry.", hint="Check the number.")
    return quote(value, safe="")


def checked_key(key: str) -> str:
    """An idempotency key that can stand in a header."""
    if not _KEY.fullmatch(key):
        raise InvalidInput("The idempotency key holds characters that cannot be sent.")
    return key


def dig(value: object, path: str) -> Any:  # noqa: ANN401 - whatever the answer holds
    """The value at a dotted path of an answer, e.g. `error.message` or `lines.0.sku`; None where it ends."""
    for step in filter(None, path.split(".")):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def minor_units(amount: object) -> int:
    """Cents of a decimal amount; `ValueError` for fractions of a cent rather than rounding money."""
    if isinstance(amount, bool) or not isinstance(amount, (str, int, Decimal)):
        raise ValueError("not a decimal amount")  # noqa: TRY004 - one error for all that is wrong with it
    if len(str(amount)) > _LONGEST_AMOUNT:  # beyond, decimal arithmetic would round
        raise ValueError("too long for an amount")
    try:
        cents = Decimal(amount) * 100
    except ArithmeticError as error:
        raise ValueError("not a decimal amount") from error
    if not cents.is_finite() or abs(cents) > _MOST_CENTS or cents != cents.to_integral_value():
        raise ValueError("not a whole number of cents")
    return int(cents)


def decimal_string(minor: int) -> str:
    """`4900` as `49.00`."""
    return f"{Decimal(minor).scaleb(-2):.2f}"


def _json(received: bytes) -> Any:  # noqa: ANN401
    try:
        return json.loads(received, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _checked(base_url: str, name: str) -> httpx.URL:
    """Over plain HTTP, credentials would be readable on the way: only this machine may be asked like that."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"The address of {name} is not a URL.", where=base_url) from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment or url.userinfo:
        raise ConfigurationError(
            f"The address of {name} has to be https://HOST/PATH, without user, query and fragment."
        )
    if url.scheme == "http" and url.host not in _LOOPBACK:
        raise ConfigurationError(f"{name} at {url.host} has to be asked over https.", where="order system")
    return url
