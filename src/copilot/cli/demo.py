"""`copilot demo`: ingest, serve, and play a recorded conversation against the running server."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console

from copilot.cli.demo_view import DemoView
from copilot.cli.ingest import ingest_with_progress, print_report
from copilot.cli.keys import create_key
from copilot.config import Settings
from copilot.domain.access import Role
from copilot.domain.errors import ConfigurationError, CopilotError, DependencyUnavailable, NotFound
from copilot.domain.recording import RecordedConversation
from copilot.evaluation.live_client import LiveClient
from copilot.evaluation.player import Player

RECORDINGS = Path("evals/conversations")
DEFAULT_RECORDING = "demo-refund-damaged-lantern"
_READY_SECONDS = 60.0
_LLM_READY_SECONDS = 180.0
_LLM_PORT = 8089
_LOCAL_LLM_PATIENCE_SECONDS = 55
"""For one draft by the small model on one core; below the player's own patience."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the recorded conversation.")] = False,
    llm: Annotated[str | None, typer.Option(help="An OpenAI-compatible endpoint, or `local`.")] = None,
    model: Annotated[str, typer.Option(help="The model's name at that endpoint.")] = "default",
    recording: Annotated[
        str, typer.Option(help="Which conversation of evals/conversations.")
    ] = DEFAULT_RECORDING,
    port: Annotated[int, typer.Option(help="Port of the server.")] = 8000,
) -> None:
    """Play a recorded conversation through the HTTP API, then keep serving the demo inbox."""
    console = Console(highlight=False)
    os.environ["COPILOT_PORT"] = str(port)
    try:
        asyncio.run(_demo(console, once=once, llm=llm, model=model, recording=recording))
    except CopilotError as error:
        console.print(f"\n[bold red]The demo failed:[/] {error}", markup=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("\nStopped.")


async def _demo(console: Console, *, once: bool, llm: str | None, model: str, recording: str) -> None:
    from copilot.order_systems import seed_shop_once  # noqa: PLC0415 - costs start-up time

    async with contextlib.AsyncExitStack() as stack:
        if llm is not None:
            os.environ["COPILOT_LLM_BASE_URL"] = stack.enter_context(_endpoint(console, llm))
            os.environ["COPILOT_LLM_MODEL"] = model
            if llm == "local":
                os.environ.setdefault("COPILOT_LLM_TIMEOUT_SECONDS", str(_LOCAL_LLM_PATIENCE_SECONDS))
        settings = Settings()
        conversation = _recording(recording)
        print_report(await ingest_with_progress(settings, settings.knowledge_dir))
        await seed_shop_once(settings, afresh=True)
        representative = await create_key(settings, "Robin Reyes", Role.REPRESENTATIVE)
        supervisor = await create_key(settings, "Sam Osei", Role.SUPERVISOR)
        address = await stack.enter_async_context(_server(console, settings))
        await _play(console, address, representative, supervisor, conversation)
        if not once:
            await _keep_serving(console, address, representative, supervisor)


async def _play(
    console: Console, address: str, representative: str, supervisor: str, recording: RecordedConversation
) -> None:
    view = DemoView(console)
    console.rule(f"[bold]{recording.title}[/] ({recording.channel})")
    async with (
        LiveClient.connect(address, representative) as desk,
        LiveClient.connect(address, supervisor) as second,
    ):
        player = Player(representative=desk, supervisor=second, on_event=view.event, on_step=view.step)
        await player.play(recording)
    console.print()
    view.timings(player.timings)


async def _keep_serving(console: Console, address: str, representative: str, supervisor: str) -> None:
    console.print()
    console.rule("[bold]Your turn[/]")
    console.print("Type as the customer, and watch the panel as the representative:")
    console.print(f"  [bold]{address}/inbox#key={quote(representative)}[/]", soft_wrap=True)
    console.print("A supervisor, who approves above the limit:")
    console.print(f"  {address}/inbox#key={quote(supervisor)}", soft_wrap=True)
    console.print("[dim]Ctrl-C stops the server.[/]")
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


@contextlib.asynccontextmanager
async def _server(console: Console, settings: Settings) -> AsyncIterator[str]:
    """Starts `copilot serve` as a process of its own and waits until it is ready."""
    address = f"http://{settings.host}:{settings.port}"
    _require_free(settings)
    started = time.perf_counter()
    quietly = {"COPILOT_LOG_FORMAT": "text", "COPILOT_LOG_LEVEL": "warning", **os.environ}
    process = subprocess.Popen([sys.executable, "-m", "copilot.cli", "serve"], env=quietly)  # noqa: ASYNC220
    try:
        with console.status("Starting the server"):
            await asyncio.to_thread(_wait_until_ready, process, f"{address}/readyz", _READY_SECONDS)
        console.print(f"Server ready on {address} after {time.perf_counter() - started:.1f} s.")
        yield address
    finally:
        _stop(process)


@contextlib.contextmanager
def _endpoint(console: Console, llm: str) -> Iterator[str]:
    """The endpoint's address; for `local`, of a server that runs meanwhile."""
    if llm != "local":
        yield llm
        return
    from copilot.adapters.local_llm import prepare_model  # noqa: PLC0415 - only here

    with console.status("Joining and checking the model's parts"):
        path = prepare_model()
    command = [sys.executable, "-m", "copilot.adapters.local_llm", str(path), str(_LLM_PORT)]
    process = subprocess.Popen(command)  # noqa: S603
    try:
        with console.status("Loading the language model"):
            _wait_until_ready(process, f"http://127.0.0.1:{_LLM_PORT}/health", _LLM_READY_SECONDS)
        yield f"http://127.0.0.1:{_LLM_PORT}/v1"
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, seconds: float) -> None:
    import httpx  # noqa: PLC0415 - costs start-up time

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DependencyUnavailable(f"what should serve {url} ended with status {process.returncode}.")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2).is_success:
                return
        time.sleep(0.05)
    raise DependencyUnavailable(f"{url} was not ready within {seconds:g} s.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _require_free(settings: Settings) -> None:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigurationError(
                f"port {settings.port} on {settings.host} is taken.",
                hint="Stop what is running there, or choose another: scripts/demo --port 8010.",
            ) from error


def _recording(name: str) -> RecordedConversation:
    from copilot.adapters.yaml_files import load_conversations  # noqa: PLC0415 - costs start-up time

    recordings = {recording.id: recording for recording in load_conversations(RECORDINGS)}
    if name not in recordings:
        raise NotFound(f"there is no recording {name!r}.", hint=f"Known: {', '.join(sorted(recordings))}.")
    return recordings[name]
