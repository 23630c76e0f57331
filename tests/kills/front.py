"""The servers as their clients see them: whichever answers is asked, and asked again until it does."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx

_BUSY = {429, 502, 503}
_PAUSE = 0.1
_PATIENCE = 900


class Refused(Exception):
    """An answer that asking again does not change."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {answer.text[:300]}")
        self.code = answer.json().get("code", "") if "json" in answer.headers.get("content-type", "") else ""


class Front:
    """As one principal. `unexpected` are answers that no fault of a neighbour may cause."""

    def __init__(self, addresses: list[str], key: str, seed: int) -> None:
        self.addresses = addresses
        self.unexpected: list[str] = []
        self.statuses: Counter[str] = Counter()
        self._dice = random.Random(seed)  # noqa: S311
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"}, timeout=httpx.Timeout(15, connect=2), limits=limits
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, **sent: Any) -> Any:
        """Until a server takes it. `Refused` for a 4xx.

        A key whose first request died with its server is held for a minute. Only turns wait for it: done
        twice, everything else here is as good as done once.
        """
        key = self._key()
        for attempt in range(_PATIENCE):
            answer = await self.once(method, path, at=attempt + int(key, 16), key=key, **sent)
            if answer is not None and _still_running(answer) and not path.endswith("/turns"):
                key = self._key()
            elif answer is None or answer.status_code in _BUSY or _still_running(answer):
                await asyncio.sleep(_PAUSE)
            elif answer.is_success:
                return answer.json() if answer.content else None
            elif answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                self.unexpected.append(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
                await asyncio.sleep(_PAUSE)
            else:
                raise Refused(answer)
        raise AssertionError(f"nobody took {method} {path}")

    def _key(self) -> str:
        return f"{self._dice.getrandbits(64):x}"

    async def once(
        self, method: str, path: str, *, at: int, key: str | None = None, **sent: Any
    ) -> httpx.Response | None:
        """One server's answer, or None when it gave none."""
        headers = {"Idempotency-Key": key} if key and method != "GET" else {}
        address = self.addresses[at % len(self.addresses)]
        try:
            answer = await self._http.request(method, address + path, headers=headers, **sent)
        except httpx.HTTPError as error:
            self.statuses[type(error).__name__] += 1
            return None
        code = "" if answer.is_success else answer.json().get("code", "")
        self.statuses[f"{answer.status_code} {code}".strip()] += 1
        return answer

    async def events(self, conversation: str) -> AsyncIterator[dict[str, Any]]:
        """Of one conversation from one server, for as long as that lives."""
        address = self._dice.choice(self.addresses)
        path = f"{address}/v1/conversations/{conversation}/events"
        with suppress(httpx.HTTPError):
            async with self._http.stream("GET", path) as stream:
                if not stream.is_success:
                    return
                async for text in stream.aiter_lines():
                    if text.startswith("data:"):
                        yield json.loads(text.removeprefix("data:"))


def _still_running(answer: httpx.Response) -> bool:
    """The first request under this key may still be worked on, or its server may have died of it."""
    return answer.status_code == httpx.codes.CONFLICT and answer.json().get("code") == "conflict"
