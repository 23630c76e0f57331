"""The whole product over a knowledge folder, in a process of its own, for playing conversations against."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from copilot.bootstrap import ingest, open_knowledge, open_state
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.domain.errors import DependencyUnavailable
from copilot.order_systems import seed_shop_once

_READY_SECONDS = 180.0
_PAUSE_SECONDS = 0.1
SERVE = ("copilot.cli", "serve")


@dataclass(frozen=True)
class LocalServer:
    """Where it listens, and keys of a representative and a supervisor."""

    address: str
    representative: str
    supervisor: str


@asynccontextmanager
async def local_server(
    data: Path,
    knowledge: Path,
    system: Mapping[str, Any] | None = None,
    *,
    serve: Sequence[str] = SERVE,
    log: Path | None = None,
) -> AsyncIterator[LocalServer]:
    """Ingests `knowledge` into the folder `data`, serves it on a free loopback port, and ends the server.

    `system` are more settings that differ from the environment's; `serve` is the module, with its arguments,
    that serves. Its log goes to the file `log`, else warnings go to this process's standard error.
    """
    system = system or {}
    settings = Settings(**{**system, "data_dir": data, "knowledge_dir": knowledge})
    keys = []
    async with open_state(settings) as state:
        async with open_knowledge(settings, state.database) as opened:
            await ingest(settings, opened, knowledge, lambda _: None)
        for role in (Role.REPRESENTATIVE, Role.SUPERVISOR):
            person = Principal(id=f"player_{role}", tenant_id=settings.tenant, name=role.title(), role=role)
            keys.append(await state.api_keys.create(person))
    await seed_shop_once(settings)
    port = _free_port()
    given = {f"COPILOT_{name.upper()}": _as_variable(value) for name, value in system.items()}
    environment = {
        **({} if log else {"COPILOT_LOG_FORMAT": "text", "COPILOT_LOG_LEVEL": "warning"}),
        **os.environ,
        **given,
        "COPILOT_DATA_DIR": str(data),
        "COPILOT_KNOWLEDGE_DIR": str(knowledge),
        "COPILOT_HOST": "127.0.0.1",
        # What one recording's representative sends must not keep drafts back in the next.
        "COPILOT_INTERRUPTION_COST": "0",
        "COPILOT_PORT": str(port),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    written = log.open("wb") if log else None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *serve, env=environment, stderr=written
    )
    try:
        address = f"http://127.0.0.1:{port}"
        await _until_ready(process, address)
        yield LocalServer(address, *keys)
    finally:
        await _stop(process)
        if written is not None:
            written.close()


def _as_variable(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list | tuple | bool) else str(value)


async def _until_ready(process: asyncio.subprocess.Process, address: str) -> None:
    async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient(base_url=address) as client:
        while True:
            if process.returncode is not None:
                raise DependencyUnavailable(f"the server ended with status {process.returncode}.")
            try:
                if (await client.get("/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(_PAUSE_SECONDS)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
