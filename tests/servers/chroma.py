"""A real Chroma server of our own, which may be killed and started again with what it had."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.product import free_port

_PROGRAM = "import sys; from chromadb.cli.cli import app; sys.argv[0] = 'chroma'; app()"


class ChromaServer:
    """Keeps its collections in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", _PROGRAM, "run", "--path", str(self._folder), "--host", "127.0.0.1"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [*command, "--port", str(self._port)], stdout=log, stderr=log, cwd=self._folder
            )
        until = time.monotonic() + 150  # a busy machine imports for long
        while time.monotonic() < until:
            assert self._process.poll() is None, "the Chroma server ended"
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            time.sleep(0.1)
        raise TimeoutError("the Chroma server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=30)


@contextmanager
def running_chroma(folder: Path) -> Iterator[ChromaServer]:
    server = ChromaServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
