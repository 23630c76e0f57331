"""What stands between LangChain's agent and the world: bounds, tools, and models without native tool calls.

Imported with the first question only: LangChain takes over a second to import.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.types import Command

from copilot.adapters.agent_protocol import explain, looks_like_call, parse_reply, reply_schema
from copilot.adapters.chat_spans import ChatSpan
from copilot.domain.asking import AskLimits, ToolSpec
from copilot.domain.errors import DependencyUnavailable, InvalidDraft
from copilot.domain.usage import ModelUsage
from copilot.ports import AskTools

Request = ModelRequest[None]
Response = ModelResponse[Any]
OnUsage = Callable[[ModelUsage], None]
Handler = Callable[[Request], Awaitable[Response]]
_CHARACTERS_PER_TOKEN = 4
_MOST_CALLS_AT_ONCE = 4


class Bounds(AgentMiddleware[Any, None]):
    """Counts model calls and tokens; the last call is made without tools, and after it there is none."""

    def __init__(self, limits: AskLimits, model: str, on_usage: OnUsage) -> None:
        super().__init__()
        self._on_usage = on_usage
        self._model = model
        self._limits = limits
        self.calls = 0
        self.tokens = 0
        self.stopped: str | None = None

    async def awrap_model_call(self, request: Request, handler: Handler) -> Response:
        if self.calls >= self._limits.model_calls:
            return self._end(f"The model did not come to an end in {self.calls} steps.")
        if self.tokens >= self._limits.tokens:
            return self._end(f"The model used up {self.tokens} tokens without an answer.")
        self.calls += 1
        if self.calls == self._limits.model_calls:
            request = request.override(tools=[])
        call = ChatSpan(self._model, self._limits.reply_tokens, 0.0, ())
        used = ModelUsage(model=self._model, metered=False)
        try:
            response = await handler(request)
            used = _usage(self._model, response)
            call.used(used, None)
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            call.end()
            self._on_usage(used)
        _refuse_cut_short(response)
        self.tokens += _used(request, response)
        return response

    def _end(self, why: str) -> Response:
        self.stopped = why
        return ModelResponse(result=[AIMessage(content="")])


class Calls(AgentMiddleware[Any, None]):
    """Every tool call goes to our own desk, whatever its name and arguments; LangChain runs none."""

    def __init__(self, tools: AskTools) -> None:
        super().__init__()
        self._tools = tools

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],  # noqa: ARG002
    ) -> ToolMessage | Command[Any]:
        call = request.tool_call
        arguments = call["args"] if isinstance(call["args"], dict) else {}
        reply = await self._tools.call(call["name"], arguments)
        return ToolMessage(
            content=reply.text,
            name=call["name"],
            tool_call_id=call["id"] or "",
            status="success" if reply.ok else "error",
        )


class WrittenCalls(AgentMiddleware[Any, None]):
    """For models that write calls as text: they are asked for one JSON object, by schema.

    From the first question on with `from_start`, else as soon as the model shows that it needs it.
    """

    def __init__(self, specs: Sequence[ToolSpec], *, from_start: bool) -> None:
        super().__init__()
        self._specs = specs
        self._needed = from_start
        self._count = 0

    async def awrap_model_call(self, request: Request, handler: Handler) -> Response:
        if not self._needed:
            response = await handler(request)
            message = response.result[-1]
            if not isinstance(message, AIMessage) or not _is_written(message):
                return _few_calls(response)
            self._needed = True
            if (found := self._as_message(message.text)) is not None:
                return ModelResponse(result=[found])
        return await self._ask_by_schema(request, handler)

    async def _ask_by_schema(self, request: Request, handler: Handler) -> Response:
        """Asked once more when the answer does not hold to the schema, then refused."""
        asked = request.override(
            messages=_as_text(request.messages),
            system_message=SystemMessage(
                content=f"{request.system_message.text if request.system_message else ''}\n"
                f"{explain(self._specs)}"
            ),
            tools=[],
            model_settings={
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "step", "schema": reply_schema(self._specs)},
                }
            },
        )
        for _ in range(2):
            response = await handler(asked)
            message = response.result[-1]
            if not message.text:  # the bounds have ended it
                return response
            if (found := self._as_message(message.text)) is not None:
                return ModelResponse(result=[found])
        raise InvalidDraft("The model's answer is not the JSON that was asked for.")

    def _as_message(self, text: str) -> AIMessage | None:
        match parse_reply(text):
            case (str() as name, dict() as arguments):
                self._count += 1
                call = {"name": name, "args": arguments, "id": f"written_{self._count}", "type": "tool_call"}
                return AIMessage(content="", tool_calls=[call])
            case str() as answer:
                return AIMessage(content=answer)
            case _:
                return None


def _is_written(message: AIMessage) -> bool:
    return not message.tool_calls and (bool(message.invalid_tool_calls) or looks_like_call(message.text))


def _refuse_cut_short(response: Response) -> None:
    """LangChain mends arguments that break off in the middle: "12" for 12.50 must not become a call."""
    message = response.result[-1]
    if not isinstance(message, AIMessage):
        return
    ended = message.response_metadata.get("finish_reason")
    if ended is None:
        raise DependencyUnavailable("The model broke off in the middle of its answer.")
    if ended == "length" and (message.tool_calls or message.invalid_tool_calls):
        raise InvalidDraft("The model's tool call is too long.")


def _few_calls(response: Response) -> Response:
    """A message with a hundred calls is cut: the rest was not thought over."""
    message = response.result[-1]
    if isinstance(message, AIMessage) and len(message.tool_calls) > _MOST_CALLS_AT_ONCE:
        kept = message.model_copy(
            update={"tool_calls": message.tool_calls[:_MOST_CALLS_AT_ONCE], "additional_kwargs": {}}
        )
        return ModelResponse(result=[*response.result[:-1], kept])
    return response


def _as_text(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The same history for a model whose template knows neither tool calls nor tool messages."""
    told: list[AnyMessage] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            told.append(HumanMessage(content=f"Result of {message.name}:\n{message.text}"))
        elif isinstance(message, AIMessage) and message.tool_calls:
            call = message.tool_calls[0]
            told.append(AIMessage(content=json.dumps({"tool": call["name"], "arguments": call["args"]})))
        else:
            told.append(message)
    return told


def _used(request: Request, response: Response) -> int:
    """What the endpoint reports, else an estimate: a silent endpoint must not be an unbounded one."""
    message = response.result[-1]
    if isinstance(message, AIMessage) and message.usage_metadata:
        return int(message.usage_metadata["total_tokens"])
    told = sum(len(m.text) for m in [*request.messages, *response.result])
    return told // _CHARACTERS_PER_TOKEN


def _usage(model: str, response: Response) -> ModelUsage:
    message = response.result[-1]
    told = message.usage_metadata if isinstance(message, AIMessage) else None
    if told is None:
        return ModelUsage(model=model, metered=False)
    return ModelUsage(
        model=model,
        prompt_tokens=told["input_tokens"],
        cached_tokens=told.get("input_token_details", {}).get("cache_read") or 0,
        completion_tokens=told["output_tokens"],
    )


async def run_agent(
    model: Any,  # noqa: ANN401 - a LangChain chat model
    system: str,
    user: str,
    tools: AskTools,
    limits: AskLimits,
    *,
    written: bool,
    on_usage: OnUsage,
) -> tuple[str, Bounds]:
    """The model's last words, and what they cost. Vendor errors pass through."""
    from langchain.agents import create_agent  # noqa: PLC0415
    from langchain_core.tools import StructuredTool  # noqa: PLC0415
    from langsmith import tracing_context  # noqa: PLC0415

    async def never(**_: object) -> str:
        raise AssertionError("tool calls go to the desk")

    specs = tools.specs()
    bounds = Bounds(limits, getattr(model, "model_name", ""), on_usage)
    agent = create_agent(
        model,
        [
            StructuredTool.from_function(
                coroutine=never, name=s.name, description=s.description, args_schema=s.parameters
            )
            for s in specs
        ],
        system_prompt=system,
        middleware=[Calls(tools), WrittenCalls(specs, from_start=written), bounds],
    )
    # LangChain would send every step to its own service where an environment variable says so.
    with tracing_context(enabled=False):
        async with asyncio.timeout(limits.seconds):
            state = await agent.ainvoke(
                {"messages": [HumanMessage(content=user)]},
                {"recursion_limit": 4 * (limits.model_calls + limits.steps) + 10},
            )
    last = state["messages"][-1]
    return (last.text if isinstance(last, AIMessage) else ""), bounds
