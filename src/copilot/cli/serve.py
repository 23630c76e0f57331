"""`copilot serve`: the API and the console on one port; `copilot openapi`: the API's description."""

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.config import Settings
from copilot.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from copilot.bootstrap.live import MakeComposer

Host = Annotated[str | None, typer.Option(help="Address to listen on (COPILOT_HOST; default 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (COPILOT_PORT; default 8000).")]


def serve(host: Host = None, port: Port = None) -> None:
    """Serve the HTTP API and the console until told to stop."""
    settings = Settings()
    run_on_fast_loop(run_server(settings, host or settings.host, settings.port if port is None else port))


def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write; standard output if left out.")] = None,
) -> None:
    """Print the API's OpenAPI document."""
    from copilot.server import describe_api  # noqa: PLC0415 - costs start-up time

    text = json.dumps(describe_api(), indent=2, sort_keys=True) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


async def run_server(
    settings: Settings, host: str, port: int, make_composer: "MakeComposer | None" = None
) -> None:
    """Until told to stop; `make_composer` puts another composer in the place of ours."""
    import uvicorn  # noqa: PLC0415 - costs start-up time

    from copilot.bootstrap import running  # noqa: PLC0415
    from copilot.bootstrap.logs import set_up  # noqa: PLC0415
    from copilot.server import create_server  # noqa: PLC0415

    set_up(settings)
    async with running(settings, make_composer) as services:
        app = create_server(
            services,
            allowed_origins=settings.allowed_origins,
            reports=settings.report_folder,
            widget_hosts=settings.widget_hosts,
            tenant=settings.tenant,
        )
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,  # ours
            access_log=False,  # ours names routes, uvicorn's paths and queries
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        keep_what_stands()
        print(f"Serving {settings.tenant} on http://{host}:{port} (Ctrl-C stops it).", flush=True)
        with _stopping_in_order():
            try:
                await server.serve()
            except SystemExit as error:
                raise ConfigurationError(
                    f"cannot listen on {host}:{port}.",
                    hint="Is another server running there? Choose another with --port.",
                ) from error


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """SIGTERM ends the serving, and only that: what was shown is saved afterwards, and spans are sent.

    uvicorn repeats the signal to itself once it has stopped, which would end the process there and then.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_on_fast_loop(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it exists: everywhere but on Windows."""
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop  # noqa: PLC0415

        uvloop.run(work)


def keep_what_stands() -> None:
    """Takes what the start has made out of the garbage collector's rounds.

    It is half a million objects that stay: a round over them stops every conversation for 0.2 s.
    """
    gc.freeze()
    gc.set_threshold(2_000, 5, 100)
