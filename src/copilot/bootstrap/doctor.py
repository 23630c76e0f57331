"""Looks a deployment over: settings, files, and everything that the server would ask.

Nothing is changed: an old SQLite store, which gets this version's schema when it is opened, is not opened.
"""

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path

import httpx
from sqlalchemy import text

from copilot.adapters.chroma_index import IndexInUse
from copilot.adapters.clock import SystemClock
from copilot.adapters.embedding_models import BUILTIN
from copilot.adapters.minilm import check_model_files
from copilot.adapters.redis.client import check, connect
from copilot.adapters.sql import versions
from copilot.adapters.sql.api_key_store import given_secret
from copilot.adapters.sql.opening import knowledge_store, schema_of_file
from copilot.adapters.yaml_files import load_playbooks, load_policies
from copilot.bootstrap.knowledge import open_index
from copilot.bootstrap.models import open_embedder
from copilot.bootstrap.state import State, database_address, open_state
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError, CopilotError
from copilot.order_systems import open_order_systems

_SECONDS = 10.0
_CLOCKS_APART = 30.0
"""Seconds; more than a slow answer and a rounded date explain."""
_MEGABYTE = 2**20
_SCARCE, _TOO_SCARCE = 1_024 * _MEGABYTE, 100 * _MEGABYTE
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Read by scripts and by descriptions of sources, not by the settings.
_NOT_SETTINGS = ("COPILOT_SOURCE_", "COPILOT_PYTHON")


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do when it is not well."""

    subject: str
    verdict: Verdict
    said: str
    hint: str = ""


async def examine(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """Every check, each within ten seconds; one that fails keeps none of the others from being made."""
    found = [
        _unknown_settings(environment),
        _exposure(settings),
        _port(settings),
        _data_folder(settings),
        _secret(settings),
    ]
    found.append(await _asked("rules", lambda: _rules(settings)))
    if settings.embedding_model == BUILTIN:
        found.append(await _asked("model files", lambda: asyncio.to_thread(check_model_files)))
    database, held = await _database(settings)
    found.append(database)
    if held is not None:
        found += _keys(settings, held.keys)
        found.append(await _asked("index", lambda: _index(settings, held.passages)))
    found.append(await _asked("order system", lambda: _order_system(settings)))
    if settings.redis_url is not None:
        found.append(await _asked("Redis", lambda: _redis(settings)))
    if settings.llm_base_url is not None:
        found.append(await _asked("language model", lambda: _language_model(settings)))
    return found


def _unknown_settings(environment: Mapping[str, str]) -> Finding:
    known = {f"COPILOT_{name.upper()}" for name in Settings.model_fields}
    strange = sorted(
        name
        for name in environment
        if name.startswith("COPILOT_") and name not in known and not name.startswith(_NOT_SETTINGS)
    )
    if strange:
        return Finding(
            "settings",
            Verdict.WARNING,
            f"not known: {', '.join(strange)}.",
            "A misspelt setting does nothing. Secrets of integrations may have such names.",
        )
    return Finding("settings", Verdict.OK, "every COPILOT_ variable is a setting.")


def _exposure(settings: Settings) -> Finding:
    if settings.host in _LOOPBACK:
        return Finding("address", Verdict.OK, f"{settings.host}:{settings.port}, this machine alone.")
    return Finding(
        "address",
        Verdict.WARNING,
        f"{settings.host}:{settings.port} is open to other machines, and the server speaks plain HTTP.",
        "Put a proxy with TLS before it.",
    )


def _port(settings: Settings) -> Finding:
    """Taken is well enough where a server runs already, so it is a warning."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            return Finding(
                "port",
                Verdict.WARNING,
                f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}.",
                "Well, if this server runs already; else change COPILOT_PORT or COPILOT_HOST.",
            )
    return Finding("port", Verdict.OK, f"{settings.port} is free.")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    there = folder if folder.is_dir() else folder.absolute().parent
    if not os.access(there, os.W_OK):
        return Finding(
            "data folder",
            Verdict.FAILED,
            f"{folder} cannot be written.",
            "Change COPILOT_DATA_DIR.",
        )
    free = shutil.disk_usage(there).free
    said = f"{folder}, {free // _MEGABYTE:,} MB free."
    if free < _SCARCE:
        return Finding(
            "data folder", Verdict.FAILED if free < _TOO_SCARCE else Verdict.WARNING, said, "Make room."
        )
    return Finding("data folder", Verdict.OK, said)


def _secret(settings: Settings) -> Finding:
    if settings.secret_file is not None:
        return _given_secret(settings.secret_file)
    path = settings.secret_path
    if not path.is_file():
        return Finding("server secret", Verdict.OK, "none yet; the first start makes it.")
    if os.name != "nt" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding(
            "server secret",
            Verdict.FAILED,
            f"others may read {path}.",
            "chmod 600, then new API keys.",
        )
    return Finding("server secret", Verdict.OK, "only its owner may read it.")


def _given_secret(path: Path) -> Finding:
    try:
        given_secret(path)
    except ConfigurationError as error:
        return Finding("server secret", Verdict.FAILED, f"{path}: {error.message}.", error.hint)
    return Finding("server secret", Verdict.OK, f"in {path}.")


async def _redis(settings: Settings) -> str:
    assert settings.redis_url is not None  # noqa: S101 - asked only then
    client = connect(settings.redis_url.get_secret_value())
    try:
        await check(client)
    finally:
        await client.aclose()
    return "it answers."


async def _rules(settings: Settings) -> str:
    policies = await asyncio.to_thread(load_policies, settings.policies_dir)
    playbooks = await asyncio.to_thread(load_playbooks, settings.playbooks_dir)
    return f"{len(policies)} policies, signed and proven by their examples; {len(playbooks)} playbooks."


@dataclass(frozen=True)
class _Held:
    """What a database has of the tenant: passages, and API keys that are not revoked."""

    passages: int
    keys: int


async def _database(settings: Settings) -> tuple[Finding, _Held | None]:
    """And what is in it; None when it cannot be asked."""
    where = database_address(settings)
    if isinstance(where, Path):
        if not where.is_file():
            return Finding("database", Verdict.OK, "none yet; `copilot ingest` makes it."), None
        if (outdated := await _outdated(where)) is not None:
            return outdated, None
    held: _Held | None = None

    async def ask() -> str:
        nonlocal held
        async with open_state(settings) as state:
            schema = await state.database.look(versions.current)
            if not isinstance(where, Path):
                async with state.database.read() as connection:
                    theirs = await connection.scalar(text("SELECT clock_timestamp()"))
                _require_same_time(theirs, "the database's")
            passages = await _count(state, settings)
            keys = await state.api_keys.list_keys(settings.tenant)
            held = _Held(passages, sum(key.revoked_at is None for key in keys))
        return f"schema {schema}, as this version has it; {passages:,} passages of {settings.tenant}."

    found = await _asked("database", ask)
    return found, held if found.verdict is Verdict.OK else None


async def _outdated(path: Path) -> Finding | None:
    """Of a store that the next start would migrate, or that is of no use to it."""
    schema = None

    async def ask() -> str:
        nonlocal schema
        schema = await asyncio.to_thread(schema_of_file, path)
        return f"schema {schema or 'from before there were revisions'}; this version has {versions.HEAD}."

    found = await _asked("database", ask)
    if found.verdict is not Verdict.OK:
        return found
    if schema is None or schema < versions.HEAD:
        return replace(
            found, verdict=Verdict.WARNING, hint="The next start brings it up to date; back it up before."
        )
    return None  # the same, or newer, of which opening it says what to do


async def _count(state: State, settings: Settings) -> int:
    store = knowledge_store(state.database)
    try:
        return await store.passage_count(settings.tenant)
    finally:
        await store.close()


def _keys(settings: Settings, keys: int) -> list[Finding]:
    """Whoever reads a key on its way has all that its owner may do."""
    if settings.host in _LOOPBACK or not keys:
        return []
    return [
        Finding(
            "API keys",
            Verdict.WARNING,
            f"{keys:,} of {settings.tenant} are taken at {settings.host}:{settings.port} in the clear.",
            "Let only a proxy with TLS reach this port; revoke keys that were used without one.",
        )
    ]


async def _index(settings: Settings, passages: int) -> str:
    embedder = open_embedder(settings)
    try:
        index = await open_index(settings, embedder.model_id)
    except IndexInUse as error:
        return f"{error.message} A server, if it is one: see its /readyz."
    finally:
        embedder.close()
    try:
        vectors = await index.count(settings.tenant)
    finally:
        await index.close()
    if vectors != passages:
        raise ConfigurationError(
            f"{vectors:,} vectors for {passages:,} passages.",
            hint="The next start mends it.",
        )
    return f"{vectors:,} vectors for {passages:,} passages."


async def _order_system(settings: Settings) -> str:
    others = len(settings.order_systems)
    if not others and settings.order_system == "embedded" and not settings.shop_path.is_file():
        return "the demo shop; the first start makes it."
    async with open_order_systems(settings, SystemClock()) as opened:
        await opened.check()
    kind = settings.order_system.split(":", 1)[0]
    return f"{kind} answers, and {others} of other tenants." if others else f"{kind} answers."


async def _language_model(settings: Settings) -> str:
    headers = {"Authorization": f"Bearer {settings.llm_api_key.get_secret_value()}"}
    async with httpx.AsyncClient(timeout=_SECONDS, headers=headers) as client:
        answer = await client.post(
            f"{str(settings.llm_base_url).rstrip('/')}/chat/completions",
            json={
                "model": settings.llm_model,
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 1,
            },
        )
    if not answer.is_success:
        raise ConfigurationError(
            f"{settings.llm_base_url} answers {answer.status_code} to {settings.llm_model!r}.",
            hint="Check COPILOT_LLM_BASE_URL, COPILOT_LLM_MODEL and COPILOT_LLM_API_KEY.",
        )
    if (theirs := _date_of(answer)) is not None:
        _require_same_time(theirs, f"the one at {answer.url.host}")
    return f"{settings.llm_base_url} answers as {settings.llm_model!r}."


def _date_of(answer: httpx.Response) -> datetime | None:
    """None where there is none, or one of a clock that does not say where it stands ("-0000")."""
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


def _require_same_time(theirs: datetime, whose: str) -> None:
    """Approvals, tokens and limits end by this machine's clock."""
    apart = abs((SystemClock().now() - theirs).total_seconds())
    if apart > _CLOCKS_APART:
        raise ConfigurationError(
            f"this machine's clock and {whose} are {apart:,.0f} s apart.",
            hint="Let both follow a time server (NTP): approvals and tokens end by the clock.",
        )


async def _asked(subject: str, ask: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(subject, Verdict.OK, await asyncio.wait_for(ask(), _SECONDS))
    except TimeoutError:
        return Finding(subject, Verdict.FAILED, f"no answer within {_SECONDS:g} s.")
    except httpx.HTTPError as error:
        return Finding(
            subject, Verdict.FAILED, f"cannot be reached: {type(error).__name__}.", "Check its address."
        )
    except CopilotError as error:
        return Finding(subject, Verdict.FAILED, error.message, error.hint)
