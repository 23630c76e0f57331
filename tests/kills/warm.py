"""A warm process that forks `copilot serve`: a fresh start without its two seconds of imports.

    python -m tests.kills.warm

takes one JSON object a line, `{"start": {environment}, "log": path}`, `{"kill": pid}` or `{"look": pid}`, and
answers each with a line: the new process's id, how the killed one ended, or how the other did, -1 while it
runs. What it forks runs the product's own `serve`.
"""

import gc
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import copilot.adapters.redis.event_bus
import copilot.adapters.sql.postgres_database
import copilot.bootstrap
import copilot.server  # noqa: F401
from copilot.cli.serve import serve

_MODULES = (
    "httptools",
    "onnxruntime",
    "psycopg",
    "redis.asyncio",
    "tiktoken",
    "tokenizers",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
"""What a server imports on its way up besides."""


def main() -> None:
    for module in _MODULES:
        __import__(module)
    gc.collect()
    gc.freeze()  # forks share what is loaded
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{obey(json.loads(line))}\n")
        sys.stdout.flush()


def obey(order: dict[str, Any]) -> int:
    match order:
        case {"start": environment, "log": log}:
            return start(environment, log)
        case {"kill": pid}:
            return kill(pid)
        case {"look": pid}:
            return look(pid)
    raise ValueError(order)


def start(environment: dict[str, str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(out, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(Path(log).parent)
        serve()
        code = 0
    except BaseException:  # noqa: BLE001 - into its log, whatever it was
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def kill(pid: int) -> int:
    """The wait status: 9 when the kill met a living process."""
    os.kill(pid, signal.SIGKILL)  # ours until it is waited for, so no other process can have the number
    return os.waitpid(pid, 0)[1]


def look(pid: int) -> int:
    """Its wait status when it has ended by itself, -1 while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return status if found else -1


if __name__ == "__main__":
    main()
