"""`copilot serve` as a process, which may be killed at any moment and started again."""

import asyncio
import os
import resource
import signal
import socket
import sys
import time

import httpx


class Server:
    """On a port of its own, with the given settings."""

    def __init__(self, environment: dict[str, str], module: str = "copilot.cli") -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = environment | {"COPILOT_PORT": str(self.port)}
        self._module = module
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        command = [sys.executable, "-m", self._module, "serve"]
        self._process = await asyncio.create_subprocess_exec(*command, env=self.environment)
        await self.until(ready=True, seconds=300)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def until(self, *, ready: bool, seconds: float) -> dict:
        """What `/readyz` says, once it says so."""
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=self.address) as client:
            while True:
                assert time.monotonic() < deadline
                try:
                    said = await client.get("/readyz")
                    if said.is_success == ready:
                        return said.json()
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)

    async def key(self, role: str = "admin") -> str:
        """A new API key."""
        command = [sys.executable, "-m", "copilot.cli", "keys", "create", "--name", "Ana", "--role", role]
        made = await asyncio.create_subprocess_exec(
            *command, "--quiet", env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await made.communicate()
        return said.decode().strip()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def pause(self) -> None:
        """As a machine that hangs: it neither ends nor answers, until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def let_files_grow(self, to: int = resource.RLIM_INFINITY) -> None:
        """No file of this process grows beyond so many bytes, as on a full disk; without any it may again."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (to, resource.RLIM_INFINITY))

    async def stop(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            return
        self.resume()
        self._process.terminate()
        await self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings(**named: object) -> dict[str, str]:
    """The environment with `COPILOT_…` of each name."""
    return {**os.environ, **{f"COPILOT_{name.upper()}": str(value) for name, value in named.items()}}
