"""Somebody else's MCP server, over stdio: it notes what it was asked to do in the file it is given."""

import asyncio
import json
import os
import sys
from pathlib import Path

import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server

LOG = Path(sys.argv[1])
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = ("find_note", "add_note", "long_note", "broken", "hang", "die")


async def list_tools(_context, _params):
    return types.ListToolsResult(
        tools=[
            types.Tool(
                name=name,
                description=f"The tool {name}.",
                input_schema=TEXT,
                annotations=types.ToolAnnotations(read_only_hint=True),
            )
            for name in TOOLS
        ]
    )


async def call_tool(context, params):
    with LOG.open("a") as log:  # noqa: ASYNC230 - one line
        line = {"tool": params.name, "arguments": params.arguments, "meta": dict(context.meta or {})}
        log.write(json.dumps(line, default=str) + "\n")
    if params.name == "hang":
        await asyncio.sleep(60)
    if params.name == "die":
        os._exit(3)
    text = "x" * 200_000 if params.name == "long_note" else f"noted {params.arguments['text']}"
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], is_error=params.name == "broken"
    )


async def main():
    server = Server("crm", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


asyncio.run(main())
