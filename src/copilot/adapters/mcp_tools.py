"""Tools of an outside MCP server, over stdio or streamable HTTP.

One task owns the connection, since the SDK's contexts must be left by the task that entered them; a server
that died is started again with the next call.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from copilot.domain.actions import ToolEffect
from copilot.domain.asking import ToolSpec
from copilot.domain.errors import DependencyUnavailable, OutcomeUnknown, ToolFailed

if TYPE_CHECKING:
    from mcp import Client

_KEY = "copilot/idempotencyKey"
_MOST_TOOLS, _LONGEST_DESCRIPTION = 64, 1_000


class McpServer:
    """`RemoteTools` of one server. The SDK, 0.7 s to import, is loaded with the first use."""

    def __init__(
        self,
        name: str,
        *,
        command: tuple[str, ...] = (),
        url: str | None = None,
        token: str | None = None,
        effects: Mapping[str, ToolEffect] | None = None,
        seconds: float = 8.0,
        start_seconds: float = 30.0,
        result_bytes: int = 50_000,
    ) -> None:
        """`command` starts it over stdio, else `url` is called, with `token` as bearer.

        `effects` declares what tools do; one that is not named there is a WRITE, whatever the server says.
        A call may take `seconds`, starting or reaching the server `start_seconds`.
        """
        self._name = name
        self._command = command
        self._url = url
        self._token = token
        self._effects = effects or {}
        self._seconds = seconds
        self._start_seconds = start_seconds
        self._result_bytes = result_bytes
        self._owner: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._leave = asyncio.Event()
        self._opening = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._name

    async def list_tools(self) -> list[ToolSpec]:
        """At most 64, first come."""
        try:
            async with asyncio.timeout(self._start_seconds):
                client = await self._open()
                listed = await client.list_tools()
        except Exception as error:
            await self.close()
            raise self._unavailable("does not list its tools") from error
        return [
            ToolSpec(
                name=tool.name,
                description=(tool.description or tool.name)[:_LONGEST_DESCRIPTION],
                effect=self._effects.get(tool.name, ToolEffect.WRITE),
                parameters=tool.input_schema,
                outside=True,
            )
            for tool in listed.tools[:_MOST_TOOLS]
        ]

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, key: str | None = None
    ) -> dict[str, Any]:
        """As in the port. A call with a `key` changes something, so silence is not taken for failure."""
        try:
            async with asyncio.timeout(self._start_seconds):
                client = await self._open()
        except Exception as error:
            await self.close()
            raise self._unavailable("cannot be reached") from error
        try:
            async with asyncio.timeout(self._seconds):
                meta: Any = {_KEY: key} if key else None
                result = await client.call_tool(tool, dict(arguments), meta=meta)
        except Exception as error:
            late = isinstance(error, TimeoutError)
            if not late:  # others may still be waiting for their answers
                await self.close()
            what = "did not answer" if late else "broke off"
            if key is None:
                raise self._unavailable(what) from error
            raise OutcomeUnknown(f"The MCP server {self._name} {what}; it may have done it.") from error
        text = "\n".join(block.text for block in result.content if block.type == "text")
        if result.is_error:
            raise ToolFailed(text[:500] or "The tool failed without a reason.", where=f"{self._name}: {tool}")
        return self._bounded(result.structured_content, text)

    async def close(self) -> None:
        """Ends the connection, and the server where we started it."""
        owner, self._owner, self._client = self._owner, None, None
        self._leave.set()
        if owner is not None:
            done, _ = await asyncio.wait([owner], timeout=self._seconds)
            if not done:
                owner.cancel()

    async def _open(self) -> "Client":
        async with self._opening:
            if self._client is None or self._owner is None or self._owner.done():
                self._leave = asyncio.Event()
                ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
                self._owner = asyncio.create_task(self._own(ready, self._leave), name=f"mcp {self._name}")
                self._client = await ready
            return self._client

    async def _own(self, ready: "asyncio.Future[Client]", leave: asyncio.Event) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._connection(stack))
                if ready.cancelled():
                    return
                ready.set_result(client)
                await leave.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(
                    error if isinstance(error, Exception) else self._unavailable("was not reached")
                )
            if not isinstance(error, Exception):
                raise

    async def _connection(self, stack: AsyncExitStack) -> "Client":
        from mcp import Client, StdioServerParameters  # noqa: PLC0415 - 0.7 s

        if self._command:
            program, *rest = self._command
            return Client(StdioServerParameters(command=program, args=rest), cache=None)
        import httpx2  # noqa: PLC0415
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=self._seconds))
        return Client(streamable_http_client(self._url or "", http_client=http), cache=None)

    def _bounded(self, structured: Any, text: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        if isinstance(structured, dict):
            whole = json.dumps(structured, ensure_ascii=False)
            return structured if len(whole) <= self._result_bytes else {"text": whole[: self._result_bytes]}
        return {"text": text[: self._result_bytes]}

    def _unavailable(self, what: str) -> DependencyUnavailable:
        return DependencyUnavailable(f"The MCP server {self._name} {what}.", hint="Check that it runs.")
