"""The live path in this process: says what a customer says, and sees what the panel would show."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from copilot.bootstrap import Services, running
from copilot.bootstrap.live import MakeComposer
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.domain.assist_events import ConversationSnapshot
from copilot.domain.conversation import Channel, Speaker
from copilot.domain.errors import InvalidInput
from copilot.domain.value import Value

_CUSTOMER = frozenset({"user", "customer"})


class Said(Value):
    """One message; `role` is `user` or `customer`, or whoever answers them."""

    role: str
    text: str

    @property
    def speaker(self) -> Speaker:
        return Speaker.CUSTOMER if self.role.casefold() in _CUSTOMER else Speaker.REPRESENTATIVE


class LiveDesk:
    """One conversation at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, tenant_id: str, turns: Sequence[Said]) -> ConversationSnapshot:
        """What is shown after the last turn, the customer's. Earlier ones are read as its context.

        They are kept without work of their own, as turns are that came while nobody could look at them.
        """
        if not turns or turns[-1].speaker is not Speaker.CUSTOMER:
            raise InvalidInput("the last turn is not the customer's.")
        services = self._services
        principal = Principal(
            id="evaluation", tenant_id=tenant_id, name="Evaluation", role=Role.REPRESENTATIVE
        )
        conversation = await services.assist.open(principal, Channel.CHAT)
        for number, turn in enumerate(turns[:-1]):
            if turn.text.strip():
                await services.conversations.append_turn(
                    tenant_id,
                    conversation.id,
                    turn_id=f"{conversation.id}.{number}",
                    speaker=turn.speaker,
                    text=turn.text,
                    at=services.clock.now(),
                )
        await services.assist.add_turn(principal, conversation.id, Speaker.CUSTOMER, turns[-1].text)
        await services.assist.idle()
        return await services.conversations.snapshot(tenant_id, conversation.id)


@asynccontextmanager
async def open_live_desk(
    settings: Settings, make_composer: MakeComposer | None = None
) -> AsyncIterator[LiveDesk]:
    """Over what has been taken into the settings' data folder."""
    async with running(settings, make_composer) as services:
        yield LiveDesk(services)
