"""Politely fetching from hosts that the source names: slowly, within bounds, never from where it must not."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import httpcore
import httpx

from copilot.adapters.sources.addresses import AddressRule, CheckedBackend, only_public
from copilot.domain.errors import (
    CopilotError,
    DependencyUnavailable,
    InvalidInput,
    NotFound,
    NotPermitted,
    TooLarge,
)
from copilot.domain.knowledge import Validators

USER_AGENT = "agent-assist-copilot/0.1 (knowledge ingest)"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_LOCKED = frozenset({401, 403})
_BUSY = frozenset({429, 500, 502, 503, 504})
_NOT_MODIFIED, _OK = 304, 200


@dataclass(frozen=True)
class FetchLimits:
    """Seconds, and bytes of one answer as they come out of any compression."""

    connect: float = 10.0
    read: float = 20.0
    total: float = 60.0
    answer_bytes: int = 20 * 2**20
    redirects: int = 5
    tries: int = 4
    delay: float = 0.5
    """Between two requests to one host."""
    longest_pause: float = 120.0
    """A host that asks for a longer one is left alone."""


@dataclass(frozen=True)
class Fetched:
    """`url` is where it was found in the end. `content` is None when nothing has changed."""

    url: str
    content: bytes | None
    content_type: str = ""
    validators: Validators = field(default_factory=Validators)


class Fetcher:
    """GET, one request at a time; may be closed from another thread, which ends waiting at once.

    `credentials` are headers for `credentials_for` alone: no redirect takes them elsewhere.
    """

    def __init__(
        self,
        hosts: frozenset[str],
        *,
        credentials: Mapping[str, str] | None = None,
        credentials_for: str = "",
        allowed: AddressRule = only_public,
        limits: FetchLimits | None = None,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._credentials = dict(credentials or {})
        self._credentials_for = credentials_for.lower()
        self._limits = limits or FetchLimits()
        self._delays: dict[str, float] = {}
        self._next_at: dict[str, float] = {}
        self._stopped = threading.Event()
        # No proxy of the environment: it would resolve names itself, past the check.
        self._client = httpx.Client(
            transport=_CheckedTransport(allowed),
            timeout=httpx.Timeout(self._limits.read, connect=self._limits.connect),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            trust_env=False,
            follow_redirects=False,
        )

    def get(self, url: str, *, accept: str = "*/*", since: Validators | None = None) -> Fetched:
        """Follows redirects within the hosts. Raises what fits of our errors, naming the address."""
        start = url
        for _ in range(self._limits.redirects + 1):
            answer = self._answer(url, accept, since)
            if answer.status_code not in _REDIRECTS:
                return self._judged(answer, url)
            target = urljoin(url, answer.headers.get("location", ""))
            if url.startswith("https://") and not target.startswith("https://"):
                raise InvalidInput("it leads from https to an address without it.", where=start)
            url = target
        raise InvalidInput(f"it leads on more than {self._limits.redirects} times.", where=start)

    def slow_down(self, host: str, seconds: float) -> None:
        """The host asks for that much time between requests; it gets at most half a minute."""
        self._delays[host.lower()] = min(max(seconds, self._limits.delay), 30.0)

    def close(self) -> None:
        self._stopped.set()
        self._client.close()

    def _answer(self, url: str, accept: str, since: Validators | None) -> httpx.Response:
        """Tries again what may pass by itself, as late as the host asks."""
        for attempt in range(1, self._limits.tries + 1):
            last = attempt == self._limits.tries
            try:
                answer = self._once(url, accept, since)
            except DependencyUnavailable:
                if last or self._stopped.is_set():
                    raise
                self._pause(2.0 ** (attempt - 1))
                continue
            if answer.status_code not in _BUSY:
                return answer
            wait = _retry_after(answer.headers.get("retry-after"))
            pause = 2.0 ** (attempt - 1) if wait is None else wait
            if last or pause > self._limits.longest_pause:
                asked = f" and asks to wait {wait:.0f} s" if wait else ""
                raise DependencyUnavailable(f"the server answers {answer.status_code}{asked}.", where=url)
            self._pause(pause)
        raise DependencyUnavailable("the server does not answer.", where=url)

    def _once(self, url: str, accept: str, since: Validators | None) -> httpx.Response:
        host = self._checked_host(url)
        self._wait_for_turn(host)
        headers = {"Accept": accept}
        if host == self._credentials_for:
            headers.update(self._credentials)
        if since and since.etag:
            headers["If-None-Match"] = since.etag
        elif since and since.last_modified:
            headers["If-Modified-Since"] = since.last_modified
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                content = self._bounded(answer, url)
        except CopilotError:
            raise
        except (
            httpx.HTTPError,
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            RuntimeError,
        ) as error:  # fmt: skip - RuntimeError: closed meanwhile
            raise DependencyUnavailable(
                f"the server does not answer: {error or type(error).__name__}.", where=url
            ) from error
        finally:
            self._next_at[host] = time.monotonic() + self._delays.get(host, self._limits.delay)
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=content)

    def _bounded(self, answer: httpx.Response, url: str) -> bytes:
        ends_at = time.monotonic() + self._limits.total
        content = bytearray()
        for chunk in answer.iter_bytes():  # as they come: a size would wait for it
            content += chunk
            if len(content) > self._limits.answer_bytes:
                raise TooLarge(
                    f"the answer has more than {self._limits.answer_bytes // 2**20} MB.",
                    hint="Leave it out of the source.",
                    where=url,
                )
            if time.monotonic() > ends_at or self._stopped.is_set():
                raise DependencyUnavailable(
                    f"the answer is not complete after {self._limits.total:.0f} s.", where=url
                )
        return bytes(content)

    def _checked_host(self, url: str) -> str:
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError, ValueError) as error:
            raise InvalidInput(f"this is not an address: {error}.", where=url[:200]) from error
        host = parsed.host.lower()
        if parsed.scheme not in {"http", "https"} or not host or parsed.userinfo:
            raise InvalidInput("expected an http or https address without a password in it.", where=url[:200])
        if host not in self._hosts:
            raise InvalidInput(
                f"{host} is not one of the hosts of this source.",
                hint=f"Add it to `hosts`; there are {', '.join(sorted(self._hosts))}.",
                where=url[:200],
            )
        return host

    def _wait_for_turn(self, host: str) -> None:
        wait = self._next_at.get(host, 0.0) - time.monotonic()
        self._pause(max(wait, 0.0))

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise DependencyUnavailable("reading was stopped.")

    @staticmethod
    def _judged(answer: httpx.Response, url: str) -> Fetched:
        status = answer.status_code
        given = Validators(
            etag=answer.headers.get("etag", ""), last_modified=answer.headers.get("last-modified", "")
        )
        if status == _NOT_MODIFIED:
            return Fetched(url, None, validators=given)
        if status in _GONE:
            raise NotFound(f"there is nothing at this address ({status}).", where=url)
        if status in _LOCKED:
            raise NotPermitted(f"the server does not allow it ({status}).", hint="Check the key.", where=url)
        if status != _OK:
            raise DependencyUnavailable(f"the server answers {status}.", where=url)
        return Fetched(url, answer.content, answer.headers.get("content-type", ""), given)


class _CheckedTransport(httpx.BaseTransport):
    """httpx over a pool whose connections are checked; httpx' own transport has no place for that."""

    def __init__(self, allowed: AddressRule) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=4,
            keepalive_expiry=15.0,
            network_backend=CheckedBackend(allowed),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        stream: Any = self._answer.stream
        yield from stream

    def close(self) -> None:
        self._answer.close()


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Without what was true of the compressed bytes only."""
    return {k: v for k, v in headers.items() if k not in {"content-encoding", "content-length",
                                                         "transfer-encoding"}}  # fmt: skip


def _retry_after(header: str | None) -> float | None:
    """Seconds, from a number or a date; None where there is neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(header)
        return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
    return None
