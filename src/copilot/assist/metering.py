"""Puts every request to a language model on the account of the conversation it was made for."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from copilot.domain.errors import CopilotError
from copilot.domain.usage import ConversationUsage, ModelPrice, ModelUsage, UsageTotals
from copilot.ports import UsageStore

_log = logging.getLogger(__name__)
Listener = Callable[[UsageTotals], None]


class Account(NamedTuple):
    """Whose request it is."""

    tenant_id: str
    conversation_id: str


# A context variable reaches the adapter through every task that work for a conversation starts, so that
# no drafter, planner or summary has to pass it on, and none can forget to.
_account: ContextVar[Account | None] = ContextVar("account of model usage", default=None)


@contextmanager
def on_account_of(tenant_id: str, conversation_id: str) -> Iterator[None]:
    """Requests made inside, and in tasks begun inside, are the conversation's."""
    token = _account.set(Account(tenant_id, conversation_id))
    try:
        yield
    finally:
        _account.reset(token)


class Metering:
    """Prices usage, tells listeners, and keeps it; keeping never holds up whoever made the request."""

    def __init__(self, store: UsageStore, prices: Mapping[str, ModelPrice] | None = None) -> None:
        """`prices` are by model; a model without one costs nothing, and its requests say so."""
        self._store = store
        self._prices = prices or {}
        self._listeners: list[Listener] = []
        self._writing: set[asyncio.Task[None]] = set()

    def listen(self, listener: Listener) -> None:
        """Called with every request's usage, also of those that are no conversation's."""
        self._listeners.append(listener)

    def note(self, usage: ModelUsage) -> None:
        """Takes what one request used; called by the model's adapter on the event loop."""
        used = UsageTotals.of(usage, self._prices.get(usage.model))
        for listener in self._listeners:
            listener(used)
        if (account := _account.get()) is not None:
            task = asyncio.create_task(self._keep(account, used))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def of(self, tenant_id: str, conversation_id: str) -> ConversationUsage:
        """What models did for the conversation so far."""
        await self.settle()
        models = tuple(await self._store.of(tenant_id, conversation_id))
        cost = sum(m.cost_microdollars for m in models)
        return ConversationUsage(conversation_id=conversation_id, models=models, cost_microdollars=cost)

    async def settle(self) -> None:
        """Waits until all that was noted is kept."""
        if self._writing:
            await asyncio.wait(set(self._writing))

    async def _keep(self, account: Account, used: UsageTotals) -> None:
        try:
            await self._store.add(*account, used)
        except CopilotError as error:
            _log.warning("usage of %s in %s is lost: %s", used.model, account.conversation_id, error.code)
