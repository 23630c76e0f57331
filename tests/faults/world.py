"""A shop with enough customers, and the streams of approved refunds and cancellations that run through it."""

import random
from pathlib import Path

from tests.unit.tools.shop import LANTERN, MAYA, NOW, TENT, line, order, person

from copilot.adapters.sqlite_shop import SCHEMA, connect, save_order
from copilot.domain.access import Role
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.commerce import Customer, Order, OrderStatus
from copilot.domain.errors import DependencyUnavailable, PolicyDenied
from copilot.tools.tool import Session

TENANT = "larkfield"
RITA = person("rita")
SAM = person("sam", Role.SUPERVISOR)
_CUSTOMERS = 120
_PENDING_EACH = 3
_TENTS = 20
_SMALL, _LARGE = 3, 120
"""In dollars; a supervisor must agree to the large one."""


def customers() -> list[Customer]:
    return [
        MAYA.model_copy(
            update={
                "id": f"customer-{n}",
                "email": f"customer-{n}@example.com",
                "last_name": f"Berg {n}",
                "order_ids": (
                    delivered_id(n),
                    *(pending_id(n, m) for m in range(_PENDING_EACH)),
                ),
            }
        )
        for n in range(_CUSTOMERS)
    ]


def orders() -> list[Order]:
    made = []
    for n, customer in enumerate(customers()):
        made.append(order(delivered_id(n), customer=customer, items=(line("t-1"),) * _TENTS))
        made += [
            order(pending_id(n, m), customer=customer, items=(line(),), status=OrderStatus.PENDING)
            for m in range(_PENDING_EACH)
        ]
    return made


def delivered_id(customer: int) -> str:
    return f"LF-{1_000_000 + customer}"


def pending_id(customer: int, number: int) -> str:
    return f"LF-{2_000_000 + 10 * customer + number}"


def seed_shop(path: Path) -> None:
    connection = connect(path)
    connection.executescript(SCHEMA)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO meta VALUES ('anchor', ?)", (NOW.date().isoformat(),))
    connection.executemany(
        "INSERT INTO products VALUES (?, ?)", [(p.id, p.model_dump_json()) for p in (LANTERN, TENT)]
    )
    connection.executemany(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)",
        [(c.id, c.email, c.first_name, c.last_name, c.address.zip, c.model_dump_json()) for c in customers()],
    )
    for one in orders():
        save_order(connection, one)
    connection.execute("COMMIT")
    connection.close()


async def propose_something(approvals, dice: random.Random) -> Action | None:
    """A small refund, a large one or a cancellation; None when policy denies it or the shop is down."""
    customer = dice.randrange(_CUSTOMERS)
    # Each in a conversation of its own, so that no two are the same proposal.
    session = Session(
        tenant_id=TENANT,
        conversation_id=f"conv_{dice.randrange(10**12)}",
        customer_id=f"customer-{customer}",
        principal=RITA,
    )
    kind = dice.random()
    try:
        if kind < 0.2:
            order_id = pending_id(customer, dice.randrange(_PENDING_EACH))
            wanted = {"order_id": order_id, "reason": "no longer needed"}
            return await approvals.propose(session, "cancel_pending_order", wanted, 1)
        amount = _LARGE if kind < 0.35 else _SMALL
        wanted = {"order_id": delivered_id(customer), "amount": amount, "reason": "goodwill"}
        return await approvals.propose(session, "refund_order", wanted, 1)
    except (PolicyDenied, DependencyUnavailable):
        return None


async def decide_and_execute(approvals, executor, action: Action) -> Action:
    """As people would: the representative first, the supervisor where policy asks for one."""
    while not (action.status.is_final or action.status is ActionStatus.UNRESOLVED):
        if action.status is ActionStatus.APPROVED:
            action = await executor.execute(action)
            continue
        person_due = SAM if action.approvals else RITA
        action = await approvals.approve(person_due, action.id, action.digest)
    return action
