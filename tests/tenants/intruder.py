"""Random requests of one tenant's key about what is another's, over every route that the API describes."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

MARKER = "Zanzibarquartz"
"""A word of the other tenant's that no request holds, so that an answer with it is a leak."""
_READ_SECONDS = 0.2
"""How long an endless answer is listened to."""


@dataclass
class Loot:
    """What the intruder has seen or guessed of the other tenant: names of things, never what they say."""

    of: dict[str, list[str]]
    idempotency_keys: list[str]
    words: list[str]


@dataclass
class Findings:
    requests: int = 0
    leaks: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Answers of 500 and above."""
    by_operation: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)

    def take(self, operation: str, request: httpx.Request, status: int, said: bytes) -> None:
        """What was answered to one request."""
        self.requests += 1
        self.by_operation[operation] += 1
        self.by_status[status] += 1
        line = f"{request.method} {request.url} -> {status}"
        if MARKER.encode() in said:
            self.leaks.append(line)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            self.broken.append(f"{line}: {said[:300]!r}")


class Intruder:
    """Draws requests from an OpenAPI document; a path's parameter without anything in `loot` is an error."""

    def __init__(self, api: Mapping[str, Any], loot: Loot, dice: random.Random) -> None:
        self._schemas = api["components"]["schemas"]
        self._operations = [
            (method.upper(), path, operation)
            for path, operations in api["paths"].items()
            for method, operation in operations.items()
        ]
        self._loot = loot
        self._dice = dice
        for _, path, _ in self._operations:
            for name in re.findall(r"{(\w+)}", path):
                assert loot.of.get(name), f"{path}: nothing to try for {name}"

    async def attack(self, client: httpx.AsyncClient, requests: int) -> Findings:
        """Every operation comes in turn, so that so many requests try each."""
        found = Findings()
        for number in range(requests):
            method, path, operation = self._operations[number % len(self._operations)]
            request = self._request(client, method, path, operation)
            found.take(f"{method} {path}", *await answer_of(client, request))
        return found

    def _request(
        self, client: httpx.AsyncClient, method: str, path: str, operation: Mapping[str, Any]
    ) -> httpx.Request:
        dice = self._dice
        address = re.sub(r"{(\w+)}", lambda name: dice.choice(self._loot.of[name[1]]), path)
        query = {
            parameter["name"]: self._value(parameter["name"], parameter["schema"])
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query" and dice.random() < 0.5
        }
        headers = {}
        if method != "GET" and dice.random() < 0.3:
            headers["Idempotency-Key"] = dice.choice(self._loot.idempotency_keys)
        if path.endswith("/events") and dice.random() < 0.5:
            headers["Last-Event-ID"] = dice.choice(["0", "1", "5", *self._loot.of["alert_id"]])
        sent: dict[str, Any] = {}
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                sent = {"json": self._value("", content["schema"])}
            elif kind == "multipart/form-data":
                sent = {
                    "files": {"file": ("note.md", b"# Ours\n\nNothing."), "files": ("a.md", b"# A\n\nB.")}
                }
            else:
                sent = {"content": b'{"external_id": "ours", "title": "Ours", "text": "# Ours"}\n'}
        return client.build_request(method, address, params=query, headers=headers, **sent)

    def _value(self, name: str, schema: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one for each kind
        dice, of = self._dice, self._loot.of
        if name in of and dice.random() < 0.8:
            return dice.choice(of[name])
        if "$ref" in schema:
            return self._value(name, self._schemas[schema["$ref"].rsplit("/", 1)[1]])
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self._value(name, dice.choice(schema[several]))
        if schema.get("examples") and dice.random() < 0.5:
            return dice.choice(schema["examples"])
        if "enum" in schema:
            return dice.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type")
        if kind == "object":
            needed = schema.get("required", ())
            return {
                key: self._value(key, value)
                for key, value in schema.get("properties", {}).items()
                if key in needed or dice.random() < 0.5
            }
        if kind == "array":
            return [self._value(name, schema.get("items", {})) for _ in range(dice.randint(0, 2))]
        simple = {"integer": dice.randint(1, 50), "number": 0.5, "boolean": dice.random() < 0.5, "null": None}
        return simple[kind] if kind in simple else dice.choice(self._loot.words)


async def answer_of(client: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Request, int, bytes]:
    """The request, the answer's status, and all that it said; of an endless one what it said at first."""
    response = await client.send(request, stream=True)
    said = b""
    endless = response.headers.get("content-type", "").startswith("text/event-stream")
    try:
        async with asyncio.timeout(_READ_SECONDS if endless else 30):
            async for part in response.aiter_raw():
                said += part
    except TimeoutError:
        assert endless, f"{request.method} {request.url} did not end"
    finally:
        await response.aclose()
    return request, response.status_code, said + str(response.headers).encode()
