"""A shop whose parcels are all lost, and which writes down every refund that it is asked for and makes."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.servers.rest_shop import rest_server
from tests.unit.tools.shop import LANTERN, MAYA, TENT, line, order

from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.order_system import FakeOrderSystem
from copilot.domain.commerce import Customer, Money, Order, OrderStatus, Refund

ORDERS_EACH = 4
"""Of one customer: more money than that without a return, and every refund needs a supervisor."""
LARGE_EVERY = 7
"""Every so many-th order is so dear that two people must agree."""
_LATE_DAYS = 30


@dataclass(frozen=True)
class Written:
    """One line of the shop's book: `made` is what really moved money, else it was only asked."""

    key: str
    order_id: str
    minor: int
    made: bool


class Book:
    """In SQLite, on disk before the shop answers; survives whatever becomes of anybody else."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS book (key TEXT, order_id TEXT, minor INTEGER, made INTEGER)"
        )

    def write(self, line: Written) -> None:
        values = (line.key, line.order_id, line.minor, line.made)
        self._connection.execute("INSERT INTO book VALUES (?, ?, ?, ?)", values)

    def lines(self) -> list[Written]:
        rows = self._connection.execute("SELECT key, order_id, minor, made FROM book ORDER BY rowid")
        return [Written(key, order_id, minor, bool(made)) for key, order_id, minor, made in rows]

    def close(self) -> None:
        self._connection.close()


class LostParcels(FakeOrderSystem):
    """Takes its time around a refund, so that the caller may be killed before, during and after it."""

    def __init__(self, orders: int, book: Book, pause: Callable[[], float]) -> None:
        people = [customer(n) for n in range(-(-orders // ORDERS_EACH))]
        super().__init__(
            SystemClock(),
            customers=people,
            orders=[lost_order(n) for n in range(orders)],
            products=(LANTERN, TENT),
        )
        self._by_email = {person.email: person for person in people}
        self._book = book
        self._pause = pause

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        self._book.write(Written(key, order_id, amount.minor, made=False))
        await asyncio.sleep(self._pause())
        before = self.done
        refund = await super().refund(order_id, amount, reason, key=key)
        if self.done > before:
            self._book.write(Written(key, order_id, amount.minor, made=True))
        await asyncio.sleep(self._pause())
        return refund


def customer(number: int) -> Customer:
    orders = range(number * ORDERS_EACH, (number + 1) * ORDERS_EACH)
    return MAYA.model_copy(
        update={
            "id": f"customer-{number}",
            "email": email(number),
            "last_name": f"Berg {number}",
            "order_ids": tuple(map(order_id, orders)),
        }
    )


def lost_order(number: int) -> Order:
    """Sent long ago and never delivered: a representative may refund it, a dear one with a supervisor."""
    items = (line(),) * (5 if is_large(number) else 1)
    sent = SystemClock().now() - timedelta(days=_LATE_DAYS + 5)
    dates = {"placed_at": sent, "shipped_at": sent, "expected_at": sent + timedelta(days=5)}
    made = order(order_id(number), customer=customer(owner(number)), items=items, status=OrderStatus.SHIPPED)
    return made.model_copy(update=dates)


def is_large(number: int) -> bool:
    return number % LARGE_EVERY == 0


def owner(number: int) -> int:
    return number // ORDERS_EACH


def email(customer_number: int) -> str:
    return f"customer-{customer_number}@example.com"


def order_id(number: int) -> str:
    return f"LF-{3_000_000 + number}"


@contextmanager
def lost_parcels(folder: Path, orders: int, pause: Callable[[], float]) -> Iterator[tuple[str, Book]]:
    """Serves the shop over REST on loopback; its address and its book.

    It waits for `pause` seconds before it refunds, and again before it answers.
    """
    book = Book(folder / "shop-book.db")
    with rest_server(LostParcels(orders, book, pause)) as server:
        yield server.url, book
    book.close()
