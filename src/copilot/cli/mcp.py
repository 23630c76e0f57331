"""`copilot mcp`: our tools for other programs, over the Model Context Protocol."""

import asyncio
import sys
from typing import Annotated

import typer

from copilot.config import Settings
from copilot.domain.errors import ConfigurationError


def mcp(
    conversation: Annotated[
        str, typer.Option(help="The conversation whose verified customer tools act for.")
    ],
    http: Annotated[
        int | None, typer.Option(help="Serve streamable HTTP on this loopback port; else stdio.")
    ] = None,
) -> None:
    """Serve tools and knowledge search over MCP; what changes something is only proposed.

    Over stdio the API key is COPILOT_MCP_KEY; over HTTP every request carries one as bearer.
    """
    asyncio.run(_serve(Settings(), conversation, http))


async def _serve(settings: Settings, conversation: str, port: int | None) -> None:
    from copilot.bootstrap import open_desk  # noqa: PLC0415 - costs start-up time
    from copilot.mcp_server import McpServices, http_app, serve_stdio  # noqa: PLC0415

    async with open_desk(settings) as desk:
        services = McpServices(
            tools=desk.tools,
            search=desk.search,
            conversations=desk.conversations,
            api_keys=desk.api_keys,
            reads=desk.reads,
            rates=desk.rates,
        )
        if port is None:
            if settings.mcp_key is None:
                raise ConfigurationError(
                    "there is no API key.",
                    where="COPILOT_MCP_KEY",
                    hint="Make one with `copilot keys create`.",
                )
            await serve_stdio(services, conversation, settings.mcp_key.get_secret_value())
            return
        import uvicorn  # noqa: PLC0415

        app = http_app(services, conversation)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
        sys.stderr.write(f"Serving MCP on http://127.0.0.1:{port}/mcp (Ctrl-C stops it).\n")
        sys.stderr.flush()
        await uvicorn.Server(config).serve()
