"""A deployment to kill: PostgreSQL, Redis, two API servers and a worker, each up again as soon as it dies."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from tests.servers.postgres import Postgres
from tests.servers.product import free_port, settings
from tests.servers.rest_shop import MAPPING
from tests.servers.rest_shop import SECRET as SHOP_SECRET

ROOT = Path(__file__).resolve().parents[2]
API = ("api-1", "api-2")
WORKER = "worker"
POSTMASTER = "postmaster"
_LOOK_EVERY = 0.2
_MUCH = 10**12
PLAYBOOKS = ("lost_parcel", "refund_request", "where_is_my_order", "thanks_goodbye", "greeting")


class Warm:
    """The process that forks servers; see `warm.py`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._asking = asyncio.Lock()

    async def start(self) -> None:
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.kills.warm",
            cwd=ROOT, env={**os.environ, "PYTHONPATH": paths},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        await self._process.stdout.readline()

    async def ask(self, **order: Any) -> int:
        async with self._asking:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            return int(await self._process.stdout.readline())

    async def stop(self) -> None:
        self._process.stdin.close()
        await self._process.wait()


class Site:
    """`up_since` has what serves, and from when (`time.monotonic()`)."""

    def __init__(self, folder: Path, postgres: Postgres, redis_url: str, shop_url: str) -> None:
        self._folder = folder
        self._postgres = postgres
        self._warm = Warm()
        self.database_url = postgres.database()
        self._knowledge = small_knowledge(folder / "knowledge")
        self._shared = settings(
            database_url=self.database_url,
            redis_url=redis_url,
            knowledge_dir=self._knowledge,
            order_system=f"rest:{MAPPING}",
            order_system_url=shop_url,
            order_system_secret=SHOP_SECRET,
            secret_file=folder / "secret",
            requests_per_minute=_MUCH,
            money_per_call=_MUCH,
            money_per_representative_per_day=_MUCH,
            money_per_day=_MUCH,
            log_level="warning",
        )
        self._ports = {name: free_port() for name in (*API, WORKER)}
        self._pids: dict[str, int] = {}
        self._changing = asyncio.Lock()
        self.up_since: dict[str, float] = {}
        self.ended_by_themselves: Counter[str] = Counter()
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def addresses(self) -> list[str]:
        return [f"http://127.0.0.1:{self._ports[name]}" for name in API]

    async def start(self) -> None:
        secret = self._folder / "secret"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        _, _ = await asyncio.gather(self._warm.start(), self._copilot("ingest", str(self._knowledge)))
        self.up_since[POSTMASTER] = time.monotonic()
        for name in self._ports:
            await self._start(name)
        self._later(self._look_after())
        for name in self._ports:
            await self.until_up(name)

    async def stop(self) -> None:
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        for pid in self._pids.values():
            await self._warm.ask(kill=pid)
        await self._warm.stop()

    async def key(self, name: str, role: str) -> str:
        return (await self._copilot("keys", "create", "--name", name, "--role", role, "--quiet")).strip()

    async def until_up(self, name: str, dwell: float = 0.0) -> None:
        """Until it has served for so long without a break."""
        # Of a stretch of time no event tells.
        while time.monotonic() < self.up_since.get(name, float("inf")) + dwell:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def kill(self, name: str) -> None:
        """At once, by SIGKILL; it is up again as soon as it can."""
        self.up_since.pop(name, None)
        if name == POSTMASTER:
            await asyncio.to_thread(self._postgres.kill)
            self._later(self._start_postgres())
            return
        async with self._changing:
            status = await self._warm.ask(kill=self._pids.pop(name))
            if status != signal.SIGKILL:
                self.ended_by_themselves[name] += 1
        await self._start(name)

    async def _start(self, name: str) -> None:
        own = settings(port=self._ports[name], data_dir=self._folder / name, background_work=name == WORKER)
        (self._folder / name).mkdir(exist_ok=True)
        async with self._changing:
            self._pids[name] = await self._warm.ask(
                start={**self._shared, **{k: v for k, v in own.items() if k.startswith("COPILOT_")}},
                log=str(self._folder / f"{name}.log"),
            )
        self._later(self._note_up(name, self._pids[name]))

    async def _note_up(self, name: str, pid: int) -> None:
        async with httpx.AsyncClient(timeout=2) as http:
            while self._pids.get(name) == pid:
                with suppress(httpx.HTTPError):
                    if (await http.get(f"http://127.0.0.1:{self._ports[name]}/healthz")).is_success:
                        self.up_since[name] = time.monotonic()
                        return
                await asyncio.sleep(0.05)

    async def _start_postgres(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._postgres.start)
            except RuntimeError:  # its orphans are not all gone yet
                await asyncio.sleep(0.1)
            else:
                self.up_since[POSTMASTER] = time.monotonic()
                return

    async def _look_after(self) -> None:
        """As a supervisor does: what ends by itself, as while the database is gone, is started again."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for name in self._ports:
                async with self._changing:
                    pid = self._pids.get(name)
                    if pid is None or await self._warm.ask(look=pid) == -1:
                        continue
                    del self._pids[name]
                    self.up_since.pop(name, None)
                    self.ended_by_themselves[name] += 1
                await self._start(name)

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _copilot(self, *arguments: str) -> str:
        ran = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "copilot.cli", *arguments,
            env=self._shared, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, error = await ran.communicate()
        assert ran.returncode == 0, error.decode()
        return out.decode()


def small_knowledge(folder: Path, playbooks: Sequence[str] = PLAYBOOKS) -> Path:
    """The demo company's policies with their clauses, and a few playbooks."""
    demo = ROOT / "knowledge"
    shutil.copytree(demo / "policies", folder / "policies")
    (folder / "articles").mkdir()
    for path in (demo / "articles").rglob("*-policy*.md"):
        shutil.copy(path, folder / "articles" / path.name)
    if playbooks:
        (folder / "playbooks").mkdir()
    for name in playbooks:
        shutil.copy(demo / "playbooks" / f"{name}.yaml", folder / "playbooks")
    return folder
