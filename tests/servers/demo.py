"""The demo company's knowledge, taken in once for the whole run, and servers on copies of it."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from copilot.bootstrap import ingest, open_knowledge, open_state
from copilot.config import Settings
from copilot.evaluation.local_server import LocalServer, local_server
from copilot.order_systems import seed_shop_once

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
_one_at_a_time = Lock()


def demo_data(data: Path) -> None:
    """A folder with the knowledge taken in, as it is before a server's first start."""
    with _one_at_a_time:
        taken_in = _taken_in()
    shutil.copytree(taken_in, data, dirs_exist_ok=True)


@asynccontextmanager
async def demo_server(
    data: Path, system: Mapping[str, Any] | None = None, **options: Any
) -> AsyncIterator[LocalServer]:
    """`local_server` over the demo company, which finds nothing new to take in."""
    await asyncio.to_thread(demo_data, data)
    async with local_server(data, KNOWLEDGE, system, **options) as server:
        yield server


@cache
def _taken_in() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="copilot-demo-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with ThreadPoolExecutor(1) as alone:  # a thread that runs no loop, whoever asks
        alone.submit(lambda: asyncio.run(_take_in(folder))).result()
    return folder


async def _take_in(folder: Path) -> None:
    settings = Settings(data_dir=folder, knowledge_dir=KNOWLEDGE)
    async with open_state(settings) as state, open_knowledge(settings, state.database) as opened:
        await ingest(settings, opened, KNOWLEDGE, lambda _: None)
    await seed_shop_once(settings)
