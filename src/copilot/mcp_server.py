"""Our tools and knowledge search for other programs, over the Model Context Protocol.

A server speaks for one conversation, named when it starts; tenant, person and customer come from there and
from the API key, never from arguments. Reads run; all else becomes a proposal that a person decides on.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot.assist.collaborators import Searcher, ToolDesk
from copilot.assist.provenance import Sources, origins_of
from copilot.assist.read_journal import ReadJournal
from copilot.domain.access import Principal, Scope
from copilot.domain.actions import Action, PolicyDecision, ToolEffect
from copilot.domain.asking import ToolSpec
from copilot.domain.conversation import Conversation, ConversationStatus
from copilot.domain.errors import (
    ConversationClosed,
    CopilotError,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    PolicyDenied,
)
from copilot.domain.reads import Channel, Data
from copilot.mcp_search import SEARCH, SEARCH_SPEC, search_query
from copilot.ports import ApiKeyStore, ConversationStore, RateLimiter
from copilot.web.rates import within_rate

if TYPE_CHECKING:
    from mcp.server import Server
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope

_LONGEST_RESULT = 100_000
_INSTRUCTIONS = (
    "Tools of a contact centre, for one conversation and its verified customer. Tools that change something "
    "return a proposal; a representative approves it in the copilot's panel, not here."
)


@dataclass(frozen=True)
class McpServices:
    """What the server needs of the product."""

    tools: ToolDesk
    search: Searcher
    conversations: ConversationStore
    api_keys: ApiKeyStore
    reads: ReadJournal
    rates: RateLimiter


class BoundTools:
    """The catalog for one conversation. Every answer is JSON; what is refused raises `CopilotError`."""

    def __init__(self, services: McpServices, conversation_id: str) -> None:
        self._services = services
        self._conversation_id = conversation_id
        self._specs = {s.name: s for s in (*services.tools.specs(), SEARCH_SPEC)}

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(self._specs.values())

    async def call(self, principal: Principal, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        await within_rate(self._services.rates, principal)
        spec = self._specs.get(name)
        if spec is None:
            raise InvalidInput(f"There is no tool {name[:64]!r}.", hint=f"Tools: {', '.join(self._specs)}.")
        conversation = await self._conversation(principal)
        if name == SEARCH:
            return await self._search(principal, arguments)
        if spec.effect is ToolEffect.READ:
            data, answer = Data.ORDER, await self._read(principal, conversation, name, arguments)
        else:
            data, answer = Data.ACTION, await self._propose(principal, conversation, name, arguments)
        # Every tool but the search counts, also those that happen to tell nothing of a customer.
        self._services.reads.note(
            principal, data, channel=Channel.MCP, route=name, conversation_ids=[conversation.id]
        )
        return answer

    async def _conversation(self, principal: Principal) -> Conversation:
        """As it is now: the customer may have been verified since. `NotFound` for another tenant's."""
        _require(principal, Scope.CONVERSATIONS_READ)
        return await self._services.conversations.get(principal.tenant_id, self._conversation_id)

    async def _search(self, principal: Principal, arguments: Mapping[str, Any]) -> dict[str, Any]:
        _require(principal, Scope.KNOWLEDGE_READ)
        found = await self._services.search.search(search_query(principal.tenant_id, arguments))
        passages = [
            {
                "document": s.document.external_id,
                "version": s.document.version,
                "title": s.document.title,
                "clause": s.passage.clause,
                "audience": s.document.audience.value,
                "confidence": round(s.confidence, 3),
                "text": s.passage.text,
            }
            for s in found.passages
        ]
        return {"answerable": found.answerable, "passages": passages}

    async def _read(
        self, principal: Principal, conversation: Conversation, name: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        result = await self._services.tools.read(principal, conversation, name, arguments)
        if not result.ok:
            raise InvalidInput(result.error or "It failed.", where=name)
        return result.data

    async def _propose(
        self, principal: Principal, conversation: Conversation, name: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        _require(principal, Scope.CONVERSATIONS_WRITE)
        if conversation.status is not ConversationStatus.OPEN:
            raise ConversationClosed("The conversation has been wrapped up.", where=conversation.id)
        # What another program fills in counts as made up unless somebody in the conversation has said it.
        origins = origins_of(arguments, Sources.of(conversation, "", ""))
        try:
            action = await self._services.tools.propose(principal, conversation, name, arguments, origins)
        except PolicyDenied as error:
            decision = _decision(error.decision) if error.decision else None
            return {"proposed": False, "reason": error.message, "decision": decision}
        return _proposal(action)


def create_mcp_server(
    tools: BoundTools, principal_of: Callable[[Any], Awaitable[Principal]]
) -> "Server[dict[str, Any]]":
    """`principal_of` says who makes a request, from its context in the SDK's terms."""
    import mcp_types as types  # noqa: PLC0415 - 0.7 s with the server
    from mcp.server import Server  # noqa: PLC0415

    async def list_tools(
        _context: object, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=s.name,
                    description=s.description
                    if s.effect is ToolEffect.READ
                    else f"{s.description} Only proposes it: a person decides.",
                    input_schema=s.parameters,
                    annotations=types.ToolAnnotations(
                        read_only_hint=s.effect is ToolEffect.READ, destructive_hint=False
                    ),
                )
                for s in tools.specs()
            ]
        )

    async def call_tool(context: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            answer = await tools.call(await principal_of(context), params.name, params.arguments or {})
        except CopilotError as error:
            content = types.TextContent(type="text", text=f"{error.code}: {error.told}")
            return types.CallToolResult(content=[content], is_error=True)
        text = json.dumps(answer, ensure_ascii=False)
        if len(text) > _LONGEST_RESULT:
            cut = types.TextContent(type="text", text=text[:_LONGEST_RESULT])
            return types.CallToolResult(content=[cut])
        content = types.TextContent(type="text", text=text)
        return types.CallToolResult(content=[content], structured_content=answer)

    return Server(
        "agent-assist-copilot", instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def serve_stdio(services: McpServices, conversation_id: str, key: str) -> None:
    """Until the other side closes its end. `NotAuthenticated` or `NotFound` before anything is served."""
    from mcp.server.stdio import stdio_server  # noqa: PLC0415

    principal = await services.api_keys.principal_of(key)
    await services.conversations.get(principal.tenant_id, conversation_id)

    async def still_valid(_context: object) -> Principal:
        return await services.api_keys.principal_of(key)  # it may have been revoked since

    server = create_mcp_server(BoundTools(services, conversation_id), still_valid)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def http_app(services: McpServices, conversation_id: str) -> "ASGIApp":
    """Streamable HTTP at /mcp; every request needs an API key as bearer."""

    async def of_request(context: Any) -> Principal:  # noqa: ANN401 - the SDK's context
        return await _authenticate(services.api_keys, context.request.headers.get("authorization", ""))

    server = create_mcp_server(BoundTools(services, conversation_id), of_request)
    app = server.streamable_http_app(json_response=True, stateless_http=True, host="127.0.0.1")

    async def guarded(scope: "AsgiScope", receive: "Receive", send: "Send") -> None:
        from starlette.responses import JSONResponse  # noqa: PLC0415

        if scope["type"] == "http":
            headers = {name.lower(): value for name, value in scope["headers"]}
            try:
                await _authenticate(services.api_keys, headers.get(b"authorization", b"").decode("latin-1"))
            except NotAuthenticated as error:
                refusal = JSONResponse({"error": str(error)}, 401, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        await app(scope, receive, send)

    return guarded


async def _authenticate(api_keys: ApiKeyStore, header: str) -> Principal:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise NotAuthenticated("This needs an API key.", hint="Send the header Authorization: Bearer cop_…")
    return await api_keys.principal_of(key.strip())


def _require(principal: Principal, scope: Scope) -> None:
    if not principal.may(scope):
        raise NotPermitted(f"A {principal.role.value} may not do this ({scope.value}).")


def _proposal(action: Action) -> dict[str, Any]:
    return {
        "proposed": True,
        "action_id": action.id,
        "status": action.status.value,
        "preview": action.preview,
        "expires_at": action.expires_at.isoformat(),
        "decision": _decision(action.decision),
        "note": "Nothing has been done. A representative decides in the copilot's panel.",
    }


def _decision(decision: PolicyDecision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "clauses": [str(finding.clause) for finding in decision.findings],
    }
