"""An outside order system over HTTP that misbehaves as real ones do, and a client for it.

It keeps idempotency keys as Stripe does: the same key never acts twice, and answers 409 while the first call
with it still runs. What it does with an answer is left to the dice: late, dropped, or never.
"""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

from tests.faults import world
from tests.unit.tools.shop import LANTERN, NOW, TENT

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.order_system import FakeOrderSystem
from copilot.domain.commerce import Customer, Money, Order, Refund
from copilot.domain.errors import CopilotError, DependencyUnavailable, NotFound, OutcomeUnknown, ToolFailed

CLIENT_SECONDS = 0.25
_LATE_SECONDS = (0.1, 0.6)
_CHANGES = ("refund", "cancel_order")


class SlowProvider:
    """Serves until its process is ended; its state is only in memory, and the harness never kills it."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311
        self._running: set[str] = set()
        self._shop = FakeOrderSystem(
            FixedClock(NOW), customers=world.customers(), orders=world.orders(), products=(LANTERN, TENT)
        )

    async def serve(self, on_port: Any) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        on_port(server.sockets[0].getsockname()[1])
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            request = json.loads(await reader.readexactly(length))
            # The work goes on when the caller hangs up, as it does at a real provider.
            answer = await asyncio.create_task(self._answer(request["method"], request["arguments"]))
            if answer is not None:
                status, body = answer
                text = json.dumps(body).encode()
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(text)) + text)
                await writer.drain()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async def _answer(self, method: str, arguments: dict[str, Any]) -> tuple[int, Any] | None:
        """Status and body; None: hang up without a word."""
        if method not in _CHANGES:
            if self._dice.random() < 0.02:
                return 503, {"error": "try again"}
            return await self._do(method, arguments)
        key = arguments["key"]
        if key in self._running:
            return 409, {"error": "a call with this idempotency key is still running"}
        self._running.add(key)
        try:
            return await self._change(method, arguments)
        finally:
            self._running.discard(key)

    async def _change(self, method: str, arguments: dict[str, Any]) -> tuple[int, Any] | None:
        mood = self._dice.choices(
            ("good", "late answer", "lost answer", "late commit", "lost request", "busy"),
            (55, 9, 12, 9, 9, 6),
        )[0]
        if mood == "busy":
            return 503, {"error": "try again"}
        if mood == "lost request":
            return None
        if mood == "late commit":
            await self._late()
        answer = await self._do(method, arguments)
        if mood == "late answer":
            await self._late()
        return None if mood == "lost answer" else answer

    async def _do(self, method: str, arguments: dict[str, Any]) -> tuple[int, Any]:
        if "amount" in arguments:
            arguments = arguments | {"amount": Money.model_validate(arguments["amount"])}
        try:
            found = await getattr(self._shop, method)(**arguments)
        except NotFound as error:
            return 404, {"error": error.message}
        except CopilotError as error:
            return 422, {"error": error.message}
        if isinstance(found, list):
            return 200, [one.model_dump(mode="json") for one in found]
        return 200, found.model_dump(mode="json")

    async def _late(self) -> None:
        await asyncio.sleep(self._dice.uniform(*_LATE_SECONDS))


class HttpShop:
    """The part of an `OrderSystem` that refunds and cancellations need."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def get_customer(self, customer_id: str) -> Customer:
        return Customer.model_validate(await self._ask("get_customer", customer_id=customer_id))

    async def get_order(self, order_id: str) -> Order:
        return Order.model_validate(await self._ask("get_order", order_id=order_id))

    async def refunds(self, order_id: str) -> list[Refund]:
        return [Refund.model_validate(r) for r in await self._ask("refunds", order_id=order_id)]

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        done = await self._ask(
            "refund", order_id=order_id, amount=amount.model_dump(mode="json"), reason=reason, key=key
        )
        return Refund.model_validate(done)

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order:
        return Order.model_validate(
            await self._ask("cancel_order", order_id=order_id, reason=reason, key=key)
        )

    async def _ask(self, method: str, **arguments: Any) -> Any:
        unsure = OutcomeUnknown if method in _CHANGES else DependencyUnavailable
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            raise DependencyUnavailable("no connection") from error
        try:
            async with asyncio.timeout(CLIENT_SECONDS):
                writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b"content-length: ")[1])
                answer = json.loads(await reader.readexactly(length))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise unsure("no answer") from error
        finally:
            writer.close()
        status = int(head.split()[1])
        if status == 200:
            return answer
        raise {404: NotFound, 409: OutcomeUnknown, 422: ToolFailed}.get(status, DependencyUnavailable)(
            answer["error"]
        )
