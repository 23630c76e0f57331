"""What a tool is: a name, its arguments, its effect, and functions over the order system."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from copilot.domain.access import Principal, Scope
from copilot.domain.actions import ToolEffect
from copilot.domain.commerce import Customer, LineItem, Money, Order
from copilot.domain.errors import CustomerNotVerified, NotFound
from copilot.domain.value import Value
from copilot.ports import OrderSystem

Json = dict[str, Any]


class Session(Value):
    """On whose behalf tools run: tenant, customer and person come from here, never from arguments."""

    tenant_id: str
    conversation_id: str
    customer_id: str | None
    """The customer the representative has verified."""
    principal: Principal | None = None
    """Who asks; None where the system drives on what people have approved."""

    def verified_customer(self) -> str:
        """`CustomerNotVerified` while nobody is."""
        if self.customer_id is None:
            raise CustomerNotVerified(
                "No customer is verified in this conversation.",
                hint="Verify the customer first: e-mail, or name and ZIP code.",
            )
        return self.customer_id

    def refuse_other_customer(self, user_id: str | None) -> None:
        """`CustomerNotVerified` when an argument names anybody but the verified customer."""
        if user_id is not None and user_id != self.verified_customer():
            raise CustomerNotVerified(
                "The arguments name a customer who is not the verified one.",
                hint="Leave user_id out: tools act for the verified customer only.",
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call would do, worked out before anybody decides.

    `amount` is the money it moves towards the customer, negative when the customer pays; None: none.
    """

    preview: str
    customer: Customer
    order: Order | None = None
    items: tuple[LineItem, ...] = ()
    amount: Money | None = None
    reason: str | None = None
    counts_as_refund: bool = False
    """Whether it is a refund without a return, of which a customer may get so much a year."""


A = TypeVar("A", bound=Value)


@dataclass(frozen=True, slots=True)
class ReadTool(Generic[A]):
    """Looks something up; runs without being asked for consent."""

    name: str
    description: str
    arguments: type[A]
    run: Callable[[OrderSystem, Session, A], Awaitable[Json]]
    claims: Callable[[A], tuple[str, ...]] | None = None
    """What the arguments claim about who a customer is: such a look-up counts towards the lock-out."""
    version: str = "1"
    effect: ToolEffect = field(default=ToolEffect.READ, init=False)
    scope: Scope = Scope.CONVERSATIONS_READ
    outside: bool = False
    """Whether it belongs to somebody else's server."""


B_contra = TypeVar("B_contra", bound=Value, contravariant=True)


class RunWrite(Protocol[B_contra]):
    """Does it. With the same `key` it never does anything twice."""

    def __call__(
        self, orders: OrderSystem, customer_id: str, arguments: B_contra, /, *, key: str
    ) -> Awaitable[Json]: ...


class FindDone(Protocol[B_contra]):
    """The receipt of the call with that key if the order system has one, else None."""

    def __call__(
        self, orders: OrderSystem, arguments: B_contra, /, *, key: str
    ) -> Awaitable[Json | None]: ...


@dataclass(frozen=True, slots=True)
class WriteTool(Generic[A]):
    """Changes something: is only proposed, and runs once a person has approved exactly this call.

    The shop refuses for its own reasons what `plan` lets through: a plan says what the call means, the
    policy whether it may be, and the order system whether it can.
    """

    name: str
    description: str
    arguments: type[A]
    effect: ToolEffect
    plan: Callable[[OrderSystem, Session, A], Awaitable[Plan]]
    run: RunWrite[A]
    find_done: FindDone[A] | None = None
    version: str = "1"
    scope: Scope = Scope.ACTIONS_APPROVE
    repeatable: bool = True
    """Whether a second call with the same key does nothing twice; if not, it is never called twice."""
    outside: bool = False


Tool = ReadTool[Any] | WriteTool[Any]


async def own_order(orders: OrderSystem, session: Session, order_id: str) -> Order:
    """The order if it is the verified customer's; whether anybody else has it does not show."""
    customer_id = session.verified_customer()
    try:
        order = await orders.get_order(order_id)
    except NotFound:
        order = None
    if order is None or order.customer_id != customer_id:
        raise NotFound(
            f"The verified customer has no order {order_id}.",
            hint="Ask the customer to check the order number.",
        )
    return order
