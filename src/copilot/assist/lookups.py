"""READ tools that run by themselves, for the verified customer only."""

from collections.abc import Mapping
from typing import Any

from copilot.assist.collaborators import ToolDesk
from copilot.assist.entities import last_of
from copilot.assist.next_actions import reads_to_run
from copilot.assist.revision import Revision
from copilot.assist.situation import gather
from copilot.domain.actions import ToolEffect, ToolResult
from copilot.domain.assist import OrderView, ToolResultShown
from copilot.domain.commerce import Customer, Order
from copilot.domain.errors import NotFound
from copilot.domain.understanding import EntityKind
from copilot.ports import Clock
from copilot.ports import trace_names as names
from copilot.ports.tracing import traced

_CUSTOMER_TOOL, _ORDER_TOOL = "get_user_details", "get_order_details"
_LATEST_ORDERS = 3
_MAX_PLAYBOOK_READS = 3


class LookUps:
    """Brings the order card up to date; a result that is as before is not shown again."""

    def __init__(self, desk: ToolDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    @traced(names.ORDERS)
    async def run(self, revision: Revision) -> None:
        """Customer, then the order named (else the latest ones), then what the playbook asks for."""
        customer_id = revision.conversation.customer_id
        if customer_id is None:
            revision.memory.view, revision.memory.results = None, ()
            return
        view = revision.memory.view
        if view is not None and (view.customer is None or view.customer.id != customer_id):
            revision.memory.view, revision.memory.results = None, ()
        customer = await self._customer(revision)
        if customer is not None:
            for order_id in _orders_to_show(revision, customer):
                await self._read(revision, _ORDER_TOOL, {"order_id": order_id})
        await self._playbook_reads(revision)

    async def _customer(self, revision: Revision) -> Customer | None:
        await self._read(revision, _CUSTOMER_TOOL, {})
        return revision.memory.view.customer if revision.memory.view else None

    async def _playbook_reads(self, revision: Revision) -> None:
        situation = gather(
            revision.conversation,
            revision.memory.understanding,
            sentiments=revision.memory.sentiments,
            view=revision.memory.view,
            results=revision.memory.results,
            now=self._clock.now(),
        )
        tools = {s.tool for s in (revision.playbook.steps if revision.playbook else ()) if s.tool}
        reads = {t: self._is_read(t) for t in tools if t not in {_CUSTOMER_TOOL, _ORDER_TOOL}}
        calls = reads_to_run(revision.playbook, situation.facts, reads)
        for tool, arguments in calls[:_MAX_PLAYBOOK_READS]:
            await self._read(revision, tool, arguments)

    def _is_read(self, tool: str) -> bool:
        try:
            return self._desk.effect_of(tool) is ToolEffect.READ
        except NotFound:
            return False

    async def _read(self, revision: Revision, tool: str, arguments: Mapping[str, Any]) -> None:
        result = await self._desk.read(revision.principal, revision.conversation, tool, arguments)
        memory = revision.memory
        before = next((r for r in memory.results if _same_call(r, result)), None)
        if before is not None and (before.ok, before.data, before.error) == (
            result.ok,
            result.data,
            result.error,
        ):
            return
        memory.results = (*(r for r in memory.results if r is not before), result)
        memory.view = _with(memory.view, result)
        await revision.publish(ToolResultShown(result=result, order_view=memory.view))


def _same_call(left: ToolResult, right: ToolResult) -> bool:
    return (left.call.tool, left.call.arguments) == (right.call.tool, right.call.arguments)


def _orders_to_show(revision: Revision, customer: Customer) -> tuple[str, ...]:
    """The order named last; with none named, the latest few, if the playbook is about an order."""
    understanding = revision.memory.understanding
    named = last_of(understanding.entities if understanding else (), EntityKind.ORDER_ID)
    if named is not None:
        return (named.value,)
    if revision.playbook is not None and not revision.playbook.needs_order:
        return ()
    return customer.order_ids[-_LATEST_ORDERS:]


def _with(view: OrderView | None, result: ToolResult) -> OrderView | None:
    """The order card with what a result adds to it, the order looked up last first."""
    view = view or OrderView()
    if not result.ok:
        return view
    if isinstance(found := result.data.get("customer"), dict):
        return view.model_copy(update={"customer": Customer.model_validate(found)})
    if isinstance(found := result.data.get("order"), dict):
        order = Order.model_validate(found)
        others = tuple(o for o in view.orders if o.id != order.id)
        return view.model_copy(update={"orders": (order, *others)})
    return view
