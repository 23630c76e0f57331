"""What other programs read over MCP is audited, every tool but the search; and they may not ask too often."""

import pytest

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.read_store import MemoryReadStore
from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.assist.read_journal import ReadJournal
from copilot.domain.access import Principal, Role
from copilot.domain.actions import ToolCall, ToolEffect, ToolResult
from copilot.domain.asking import ToolSpec
from copilot.domain.conversation import Channel, Conversation
from copilot.domain.errors import InvalidInput, PolicyDenied, TooManyRequests
from copilot.domain.knowledge import SearchResult
from copilot.mcp_search import SEARCH
from copilot.mcp_server import BoundTools, McpServices
from copilot.tools.catalog import Catalog

CLOCK = FixedClock()
PROGRAM = Principal(id="usr_program", tenant_id="larkfield", name="Program", role=Role.REPRESENTATIVE)


class Desk:
    """Every tool of the catalog, without a shop behind it."""

    failure = None

    def specs(self):
        return tuple(
            ToolSpec(name=tool.name, description="", effect=tool.effect, parameters={}) for tool in Catalog()
        )

    async def read(self, principal, conversation, name, arguments):
        call = ToolCall(id="call_1", tool=name, arguments=arguments)
        answer = {"data": {"name": "Maya Lindqvist"}} if not self.failure else {"error": self.failure}
        return ToolResult(call=call, ok=not self.failure, created_at=CLOCK.now(), **answer)

    async def propose(self, principal, conversation, name, arguments, origins):
        raise PolicyDenied("Too late.")


class Search:
    async def search(self, query):
        return SearchResult(passages=(), answerable=False, confidence=0.0)


@pytest.fixture
async def services():
    conversations = MemoryConversationStore()
    conversation = Conversation(
        id="conv_1",
        tenant_id="larkfield",
        channel=Channel.CHAT,
        created_at=CLOCK.now(),
        updated_at=CLOCK.now(),
    )
    await conversations.create(conversation)
    reads = ReadJournal(MemoryReadStore(), CLOCK, SequentialIds(), seconds=0)
    rates = MemoryRateLimiter(per_minute=60, burst=50)
    return McpServices(Desk(), Search(), conversations, None, reads, rates)


async def test_every_tool_but_the_search_is_noted(services):
    tools = BoundTools(services, "conv_1")
    for spec in tools.specs():
        await tools.call(PROGRAM, spec.name, {"query": "tents"} if spec.name == SEARCH else {})
    await services.reads.settle()

    noted = {read.route: (read.data.value, read.conversation_id) for read in services.reads.store.kept}
    assert len(noted) == len(tools.specs()) - 1
    for spec in tools.specs():
        if spec.name != SEARCH:
            kind = "order" if spec.effect is ToolEffect.READ else "action"
            assert noted[spec.name] == (kind, "conv_1")
    assert "Maya" not in repr(services.reads.store.kept)


async def test_a_tool_that_fails_has_told_nothing(services):
    services.tools.failure = "There is no such order."
    with pytest.raises(InvalidInput):
        await BoundTools(services, "conv_1").call(PROGRAM, "get_order_details", {})
    await services.reads.settle()

    assert services.reads.store.kept == []


async def test_a_program_that_asks_too_often_is_told_to_wait(services):
    tools = BoundTools(services, "conv_1")
    for _ in range(50):
        await tools.call(PROGRAM, "calculate", {})

    async def goes_on():
        for _ in range(50):  # on a slow machine one more may be allowed by now
            await tools.call(PROGRAM, "calculate", {})

    with pytest.raises(TooManyRequests) as refused:
        await goes_on()
    assert 0 < refused.value.retry_after <= 1
    await tools.call(PROGRAM.model_copy(update={"id": "usr_another"}), "calculate", {})
