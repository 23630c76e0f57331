"""What a call would do and whether policy allows it: worked out for display, to propose and to execute."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from copilot.domain.actions import PolicyDecision, ToolCall, ToolEffect
from copilot.domain.commerce import Customer, Order
from copilot.domain.errors import NotFound
from copilot.ports import ActionStore, Clock, OrderSystem, OrderSystems
from copilot.tools.arguments import REASONS_WITH_RETURN, dump_arguments, parse_arguments
from copilot.tools.catalog import Catalog
from copilot.tools.facts import call_facts, order_facts
from copilot.tools.policy import Policies, combine
from copilot.tools.refunds import counts_as_refund
from copilot.tools.settlement import refuse_settled, settles
from copilot.tools.tool import Json, Plan, Session, WriteTool

_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Assessment:
    """`arguments` is the JSON form that would be sealed."""

    tool: WriteTool[Any]
    arguments: Json
    plan: Plan
    decision: PolicyDecision


class Assessor:
    """Assesses calls of WRITE and MONEY tools on behalf of a session's verified customer."""

    def __init__(
        self, catalog: Catalog, orders: OrderSystems, policy: Policies, store: ActionStore, clock: Clock
    ) -> None:
        self.catalog = catalog
        self._orders = orders
        self._policy = policy
        self._store = store
        self._clock = clock

    async def assess(
        self, session: Session, tool: str, arguments: Mapping[str, Any], *, besides: str | None = None
    ) -> Assessment:
        """`besides` is the id of the action that this call belongs to, when it is in flight itself.

        Raises `InvalidInput`, `CustomerNotVerified`, `NotFound` or `DependencyUnavailable`, and `Conflict`
        for what settles goods a second time; what policy denies is an assessment too.
        """
        write_tool = self.catalog.write_tool(tool)
        parsed = parse_arguments(write_tool.arguments, arguments, tool=tool)
        call = ToolCall(id=besides or "", tool=tool, arguments=dump_arguments(parsed))
        # Before the order, as in `_refunded_with`.
        under_way = await self._under_way(session, besides) if settles(call) else []
        plan = await write_tool.plan(self._orders.of(session.tenant_id), session, parsed)
        if plan.order is not None:
            refuse_settled(plan.order, call, under_way)
        decision = await self._decide(session, write_tool, plan, besides)
        return Assessment(write_tool, call.arguments, plan, decision)

    async def _under_way(self, session: Session, besides: str | None) -> list[ToolCall]:
        actions = await self._store.in_flight(session.tenant_id, session.verified_customer())
        return [action.call for action in actions if action.id != besides]

    async def _decide(
        self, session: Session, tool: WriteTool[Any], plan: Plan, besides: str | None
    ) -> PolicyDecision:
        now, policy = self._clock.now(), await self._policy.engine(session.tenant_id)
        refunded = await self._refunded_with(session, plan, besides, now) if plan.counts_as_refund else None
        call = call_facts(plan.amount, plan.reason, refunded)
        placed_at = plan.order.placed_at if plan.order else None
        placed_on = placed_at.astimezone(UTC).date() if placed_at else None
        return combine(
            [
                policy.decide(
                    tool.name,
                    order_facts(plan.customer, plan.order, item, now) | call,
                    placed_on,
                    now,
                    moves_money=tool.effect is ToolEffect.MONEY,
                )
                for item in (plan.items or (None,))
            ]
        )

    async def _refunded_with(self, session: Session, plan: Plan, besides: str | None, now: datetime) -> int:
        """Cents refunded without a return in the last 365 days, or about to be, with this call."""
        # Before the orders: what ends in between is then in both, and counted once by its key; the other way
        # round another process could finish a refund unseen.
        in_flight = await self._store.in_flight(session.tenant_id, plan.customer.id)
        orders = await _orders_of(plan.customer, self._orders.of(session.tenant_id))
        refunds = [r for order in orders for r in order.refunds]
        recent = sum(
            r.amount.minor
            for r in refunds
            if r.created_at >= now - _YEAR and r.reason not in REASONS_WITH_RETURN
        )
        known = {r.idempotency_key for r in refunds}
        under_way = sum(
            action.amount.minor
            for action in in_flight
            if action.id != besides
            and action.call.id not in known
            and action.amount is not None
            and counts_as_refund(action.call)
        )
        return recent + under_way + (plan.amount.minor if plan.amount else 0)


async def _orders_of(customer: Customer, orders: OrderSystem) -> list[Order]:
    async def one(order_id: str) -> Order | None:
        try:
            return await orders.get_order(order_id)
        except NotFound:
            return None

    return [o for o in await asyncio.gather(*map(one, customer.order_ids)) if o is not None]
