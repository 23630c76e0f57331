"""What every AskLoop does: the scripted fake, and LangChain with native and with written calls."""

import asyncio
import json

import pytest
from tests.servers.openai_server import Move, call, openai_server, say

from copilot.adapters.agent_loop import LangChainLoop
from copilot.adapters.fakes.ask_loop import ScriptedAskLoop
from copilot.domain.actions import ToolEffect
from copilot.domain.asking import AskLimits, LoopPrompt, ToolReply, ToolSpec
from copilot.domain.errors import DependencyUnavailable

PROMPT = LoopPrompt(system="Be brief.", user="What is it?")


class Tools:
    """One tool; remembers how it was called."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict]] = []

    def specs(self):
        parameters = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
        return (ToolSpec(name="look", description="Looks.", effect=ToolEffect.READ, parameters=parameters),)

    async def call(self, name, arguments):
        self.called.append((name, dict(arguments)))
        return ToolReply(ok=name == "look", text="a lantern")


@pytest.fixture(params=["fake", "native calls", "written calls"])
def kind(request):
    return request.param


async def run(kind, calls, text, tools):
    if kind == "fake":
        return await ScriptedAskLoop(text, calls).run(PROMPT, tools)
    if kind == "native calls":
        moves = [call(name, **arguments) for name, arguments in calls] + [say(text)]
    else:
        moves = [say(json.dumps({"tool": n, "arguments": a})) for n, a in calls]
        moves.append(say(json.dumps({"answer": text})))
    async with openai_server(*moves) as server:
        loop = LangChainLoop(
            model="m",
            base_url=server.url,
            limits=AskLimits(seconds=20),
            written_calls=kind == "written calls",
        )
        return await loop.run(PROMPT, tools)


async def test_calls_go_through_the_tools_and_the_last_words_come_back(kind):
    tools = Tools()
    answer = await run(kind, [("look", {"id": "7"})], "It is a lantern.", tools)
    assert (answer.text, answer.stopped, answer.model_calls) == ("It is a lantern.", None, 2)
    assert tools.called == [("look", {"id": "7"})]


async def test_what_is_wrong_with_a_call_is_the_tools_to_say(kind):
    tools = Tools()
    answer = await run(kind, [("steal", {"user_id": "x"}), ("look", {"wrong": 1})], "Nothing.", tools)
    assert answer.text == "Nothing."
    assert tools.called == [("steal", {"user_id": "x"}), ("look", {"wrong": 1})]


async def test_it_may_answer_without_any_call(kind):
    tools = Tools()
    assert (await run(kind, [], "I do not know.", tools)).text == "I do not know."
    assert tools.called == []


async def test_a_model_that_is_down_is_unavailable(kind):
    if kind == "fake":
        loop = ScriptedAskLoop(fails=DependencyUnavailable("It is down."))
    else:
        loop = LangChainLoop(
            model="m", base_url="http://127.0.0.1:9/v1", written_calls=kind != "native calls"
        )
    with pytest.raises(DependencyUnavailable):
        await loop.run(PROMPT, Tools())


async def test_it_can_be_cancelled(kind):
    async with openai_server(Move(hangs=True)) as server:
        loop = (
            ScriptedAskLoop(hangs=True)
            if kind == "fake"
            else LangChainLoop(model="m", base_url=server.url, written_calls=kind != "native calls")
        )
        running = asyncio.create_task(loop.run(PROMPT, Tools()))
        await asyncio.sleep(0.3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
