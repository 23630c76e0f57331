"""The server as its users run it, in a process of its own, for benchmarks."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment(data: str, port: int) -> dict[str, str]:
    """Of a server over the demo company's knowledge with its state in the folder `data`."""
    return {
        **os.environ,
        "COPILOT_DATA_DIR": data,
        "COPILOT_PORT": str(port),
        "COPILOT_KNOWLEDGE_DIR": str(ROOT / "knowledge"),
    }


def free_port() -> int:
    """Another benchmark may be running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def copilot(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "copilot.cli", *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"copilot {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def representative_key(env: dict[str, str]) -> str:
    return copilot(env, "keys", "create", "--role", "representative", "--name", "bench", "--quiet").strip()


@contextmanager
def serving(env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """(the server's process, seconds from its start until it was ready)."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "copilot.cli", "serve"]
    with (Path(env["COPILOT_DATA_DIR"]) / "server.log").open("ab") as log:  # as a service's is written
        server = subprocess.Popen(command, env=env, stderr=log)
    try:
        _wait_until_ready(server, env["COPILOT_PORT"])
        yield server, time.perf_counter() - started
    finally:
        server.terminate()
        server.wait(20)


def _wait_until_ready(server: subprocess.Popen[bytes], port: str) -> None:
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise SystemExit("the server did not become ready within 60 s")


def resident_peak(pid: int) -> float:
    """Megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
