"""A real llama.cpp server with the packaged model, where the extra `local-llm` is installed."""

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from copilot.adapters.local_llm import QWEN_1_5B
from copilot.adapters.model_files import default_cache_dir

MODEL = QWEN_1_5B.name
_START_SECONDS = 60


def packaged_model() -> Path | None:
    """The joined model; None when it or the engine is not installed."""
    path = default_cache_dir() / "llm" / f"{QWEN_1_5B.sha256[:12]}-{QWEN_1_5B.file_name}"
    return path if path.exists() and importlib.util.find_spec("xllamacpp") else None


@asynccontextmanager
async def llama_server(model: Path) -> AsyncIterator[str]:
    """Its address, with the /v1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "copilot.adapters.local_llm",
        str(model),
        str(port),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _until_ready(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        await process.wait()


async def _until_ready(address: str) -> None:
    async with asyncio.timeout(_START_SECONDS), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(address)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
