"""The executor's exactly-once promise over real sockets: a REST shop, a Shopify shop, a shop with Stripe."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from tests.servers.faults import BEFORE
from tests.servers.rest_shop import MAPPING, rest_server
from tests.servers.rest_shop import SECRET as REST_SECRET
from tests.servers.shopify import DOMAIN, TOKEN, shopify_server
from tests.servers.stripe import SECRET as STRIPE_SECRET
from tests.servers.stripe import stripe_server
from tests.unit.tools.desk import desk
from tests.unit.tools.shop import shop

from copilot.adapters.rest_mapping import load_mapping
from copilot.adapters.rest_shop import RestShop
from copilot.adapters.shop_http import HttpLimits
from copilot.adapters.shopify import ShopifyShop
from copilot.adapters.stripe_refunds import StripeRefundingShop, StripeRefunds
from copilot.domain.actions import ActionStatus
from copilot.domain.commerce import Money
from copilot.domain.errors import (
    ConfigurationError,
    DependencyUnavailable,
    NotFound,
    OutcomeUnknown,
    ToolFailed,
)
from copilot.tools.limits import Limits

# Long enough for a busy machine, shorter than the servers hang.
QUICK = HttpLimits(connect=1.0, total=1.2, answer_bytes=2_000_000)
PATIENT = Limits(call_seconds=8)
ORDER = "LF-1004820"
KINDS = ("rest", "shopify", "stripe")
COMMITTED = ("hang_after", "drop_after", "truncated_after", "malformed_after", "huge_after", "error_after")


@dataclass
class Wire:
    """A system under test with the server behind it."""

    kind: str
    orders: object
    server: object

    @property
    def faults(self):
        return self.server.faults

    def made(self):
        """What the provider has really given back, in cents, read behind the adapter's back."""
        if self.kind == "rest":
            return [r.amount.minor for r in self.server.shop._orders[ORDER].refunds]
        if self.kind == "stripe":
            return [r["amount"] for r in self.server.refunds]
        back = (
            r["totalRefundedSet"]["presentmentMoney"]["amount"] for r in self.server.orders[ORDER]["refunds"]
        )
        return [round(float(amount) * 100) for amount in back]


@asynccontextmanager
async def wire(kind, *, limits=QUICK, secret=None, hang_seconds=2.5):
    async def no_wait(_seconds):
        pass

    if kind == "rest":
        with rest_server(shop(), hang_seconds=hang_seconds) as server:
            orders = RestShop(
                load_mapping(MAPPING), secret=secret or REST_SECRET, base_url=server.url, limits=limits
            )
            yield Wire(kind, orders, server)
            await orders.close()
    elif kind == "shopify":
        with shopify_server(shop(), hang_seconds=hang_seconds) as server:
            orders = ShopifyShop(
                DOMAIN, access_token=secret or TOKEN, base_url=server.url, limits=limits, sleep=no_wait
            )
            yield Wire(kind, orders, server)
            await orders.close()
    else:
        with stripe_server(hang_seconds=hang_seconds) as server:
            elsewhere = shop()
            for order in elsewhere._orders.values():
                server.paid(order.id, order.total.minor)
            stripe = StripeRefunds(secret_key=secret or STRIPE_SECRET, base_url=server.url, limits=limits)
            yield Wire(kind, StripeRefundingShop(elsewhere, stripe), server)
            await stripe.close()


@pytest.fixture(params=KINDS)
async def system(request):
    async with wire(request.param) as found:
        yield found


async def executed(system):
    d = desk(orders=system.orders, limits=PATIENT)
    return d, await d.executor.execute(await d.approved())


# ---------------------------------------------------------------- through the executor


async def test_an_approved_refund_is_made_once(system):
    _, done = await executed(system)
    assert done.status is ActionStatus.SUCCEEDED, done.result
    assert done.result.data["refund"]["idempotency_key"] == done.call.id
    assert system.made() == [2000]


@pytest.mark.parametrize("fault", COMMITTED)
async def test_a_refund_whose_answer_was_lost_is_found_not_repeated(system, fault):
    system.faults.add(fault)
    _, done = await executed(system)
    assert done.status is ActionStatus.SUCCEEDED, done.result
    assert done.result.data["refund"]["amount"] == {"minor": 2000, "currency": "USD"}
    assert system.made() == [2000]
    assert len(system.faults.requests) == 1


@pytest.mark.parametrize("fault", ["throttled", "drop_before", "redirect_before"])
async def test_a_refund_that_surely_or_perhaps_was_not_made_is_tried_again_with_its_key(system, fault):
    system.faults.add(fault)
    _, done = await executed(system)
    assert done.status is ActionStatus.SUCCEEDED, done.result
    assert system.made() == [2000]
    assert len(system.faults.requests) == 2


async def test_a_refund_that_is_made_long_after_the_timeout_is_still_made_once():
    """The worst case: the first call commits while the second is already under way with the same key."""
    for kind in KINDS:
        async with wire(kind, hang_seconds=1.5) as system:
            system.faults.add("hang_before")
            _, done = await executed(system)
            await asyncio.sleep(1.5)
            assert system.made() == [2000], kind
            assert done.status in {ActionStatus.SUCCEEDED, ActionStatus.UNRESOLVED}


async def test_what_stays_unknown_is_parked_and_reconciled_by_its_key(system):
    system.faults.add(*["drop_before"] * 5)
    d, parked = await executed(system)
    assert parked.status is ActionStatus.UNRESOLVED
    assert system.made() == []
    assert (await d.executor.reconcile("larkfield", parked.id)).status is ActionStatus.UNRESOLVED
    await system.orders.refund(ORDER, Money.of(20), "goodwill", key=parked.call.id)
    assert (await d.executor.reconcile("larkfield", parked.id)).status is ActionStatus.SUCCEEDED
    assert system.made() == [2000]


async def test_a_system_that_says_it_did_nothing_ends_in_a_failure():
    async with wire("rest") as system:
        system.faults.add(*["unavailable_before"] * 5)
        _, done = await executed(system)
        assert done.status is ActionStatus.FAILED
        assert done.result.error.startswith("Nothing was done.")
        assert system.made() == []


async def test_stripes_own_error_is_replayed_so_it_is_parked_and_no_new_key_is_made():
    async with wire("stripe") as system:
        system.faults.add("error_before")
        _, parked = await executed(system)
        assert parked.status is ActionStatus.UNRESOLVED
        assert system.made() == []
        assert {r.headers["idempotency-key"] for r in system.faults.requests} == {parked.call.id}


async def test_a_second_call_while_the_first_runs_is_an_unknown_outcome():
    async with wire("stripe", hang_seconds=2.0) as system:
        system.faults.add("hang_before")
        with pytest.raises(OutcomeUnknown, match="in time"):
            await system.orders.refund(ORDER, Money.of(20), "goodwill", key="call_1")
        with pytest.raises(OutcomeUnknown, match="still working"):
            await system.orders.refund(ORDER, Money.of(20), "goodwill", key="call_1")
        await asyncio.sleep(1.5)
        assert (await system.orders.refund(ORDER, Money.of(20), "goodwill", key="call_1")).amount == Money.of(
            20
        )
        assert system.made() == [2000]


async def test_sixteen_executions_of_one_approval_refund_once(system):
    system.faults.add("hang_after", "slow")
    d = desk(orders=system.orders, limits=PATIENT)
    action = await d.approved()
    ends = await asyncio.gather(*(d.executor.execute(action) for _ in range(16)), return_exceptions=True)
    assert [e.status for e in ends if not isinstance(e, Exception)] == [ActionStatus.SUCCEEDED]
    assert system.made() == [2000]


# ---------------------------------------------------------------- what each outcome is called


@pytest.mark.parametrize("fault", [*BEFORE, *COMMITTED])
async def test_every_fault_has_the_error_that_is_true_of_it(system, fault):
    surely_not = {"throttled"} | ({"unavailable_before"} if system.kind == "rest" else set())
    system.faults.add(*[fault] * (3 if (system.kind, fault) == ("shopify", "throttled") else 1))
    with pytest.raises(DependencyUnavailable) as raised:
        await system.orders.refund(ORDER, Money.of(20), "goodwill", key="call_1")
    assert isinstance(raised.value, OutcomeUnknown) == (fault not in surely_not)
    assert system.made() == ([2000] if fault in COMMITTED else [])


async def test_a_refusal_is_told_in_the_providers_words_as_one_line(system):
    await system.orders.refund(ORDER, Money.of(40), "goodwill", key="call_1")
    with pytest.raises(ToolFailed, match="more than is left") as refused:
        await system.orders.refund(ORDER, Money.of(10), "goodwill", key="call_2")
    assert "\n" not in str(refused.value)
    assert system.made() == [4000]


async def test_a_key_is_good_for_one_request_only(system):
    first = await system.orders.refund(ORDER, Money.of(10), "goodwill", key="call_1")
    again = await system.orders.refund(ORDER, Money.of(10), "goodwill", key="call_1")
    assert (again.id, again.amount) == (first.id, first.amount)
    with pytest.raises(ToolFailed, match="key"):
        await system.orders.refund(ORDER, Money.of(11), "goodwill", key="call_1")
    assert system.made() == [1000]


@pytest.mark.parametrize("kind", KINDS)
async def test_racing_refunds_never_exceed_what_was_paid(kind):
    async with wire(kind, limits=replace(QUICK, total=8.0)) as system:

        async def ten(n):
            try:
                return await system.orders.refund(ORDER, Money.of(10), "goodwill", key=f"call_{n}")
            except ToolFailed:
                return None

        done = [r for r in await asyncio.gather(*(ten(n) for n in range(16))) if r]
        assert len(done) == 4  # of $49
        assert system.made() == [1000] * 4


@pytest.mark.parametrize("kind", KINDS)
async def test_wrong_credentials_are_named_without_showing_them(kind):
    async with wire(kind, secret="not-the-secret") as system:  # noqa: S106
        with pytest.raises(ConfigurationError) as refused:
            await system.orders.get_order(ORDER)
        assert "not-the-secret" not in str(refused.value)
        assert "SECRET" in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_system_that_is_not_there_did_nothing(kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    orders = {
        "rest": lambda: RestShop(load_mapping(MAPPING), secret="s", base_url=nowhere),  # noqa: S106
        "shopify": lambda: ShopifyShop(DOMAIN, access_token="s", base_url=nowhere),  # noqa: S106
        "stripe": lambda: StripeRefunds(secret_key="s", base_url=nowhere),  # noqa: S106
    }[kind]()
    payment = ("pi_1",) if kind == "stripe" else ()
    ask = orders.create if kind == "stripe" else orders.refund
    with pytest.raises(DependencyUnavailable, match="cannot be reached") as down:
        await ask(*payment, ORDER, Money.of(1), "goodwill", key="call_1")
    assert not isinstance(down.value, OutcomeUnknown)
    await orders.close()


async def test_text_that_would_be_syntax_finds_nothing(system):
    for order_id in ("../customers", "LF-1004820/refunds", 'LF" OR name:*', "*", "LF-1", "LF-1004820?x=1"):
        with pytest.raises(NotFound):
            await system.orders.get_order(order_id)
    for email in ("%", "maya", '" OR email:*', "@example.com"):
        with pytest.raises(NotFound):
            await system.orders.find_customer_by_email(email)


# ---------------------------------------------------------------- Shopify


async def test_a_shopify_cancellation_is_waited_for_and_found_by_its_key():
    async with wire("shopify") as system:
        d = desk(orders=system.orders, limits=PATIENT)
        system.faults.add("drop_after")
        arguments = {"order_id": "LF-1004838", "reason": "no longer needed"}
        done = await d.executor.execute(await d.approved(arguments, "cancel_pending_order"))
        assert done.status is ActionStatus.SUCCEEDED, done.result
        assert done.result.data["order"]["status"] == "cancelled"
        assert len(system.faults.requests) == 1
        assert [r.reason for r in await system.orders.refunds("LF-1004838")] == ["cancelled"]


async def test_a_cancellation_that_shopify_does_not_get_round_to_is_unknown():
    async with wire("shopify") as system:
        system.server.cancels_later = True
        with pytest.raises(OutcomeUnknown, match="still cancelling"):
            await system.orders.cancel_order("LF-1004838", "no longer needed", key="call_1")


async def test_a_shopify_return_is_asked_for_once_and_only_back_to_the_payment():
    async with wire("shopify") as system:
        paid_with = (await system.orders.get_order("LF-1004846")).payments[0].payment_method_id
        with pytest.raises(ToolFailed, match="not supported"):
            await system.orders.return_items("LF-1004846", ["t-1"], "gift_1", key="call_1")
        done = await system.orders.return_items("LF-1004846", ["t-1"], paid_with, key="call_1")
        assert done.status.value == "return requested"
        assert done.request.item_ids == ("t-1",)
        assert await system.orders.return_items("LF-1004846", ["t-1"], paid_with, key="call_1") == done
        assert len(system.server.orders["LF-1004846"]["returns"]["nodes"]) == 1


async def test_a_shopify_address_changes_while_the_order_is_pending():
    async with wire("shopify") as system:
        there = {
            "address1": "9 Oak",
            "address2": "",
            "city": "Ely",
            "state": "MN",
            "country": "USA",
            "zip": "55731",
        }
        moved = await system.orders.modify_order_address("LF-1004838", there, key="call_1")
        assert moved.address.model_dump() == there
        assert system.server.orders["LF-1004838"]["shippingAddress"]["lastName"] == "Berg"
        with pytest.raises(ToolFailed, match="delivered"):
            await system.orders.modify_order_address(ORDER, there, key="call_2")


async def test_what_shopify_cannot_do_is_said_plainly():
    async with wire("shopify") as system:
        for ask in (
            system.orders.exchange_items(ORDER, ["l-red"], ["l-blue"], "card_1", key="call_1"),
            system.orders.modify_items(ORDER, ["l-red"], ["l-blue"], "card_1", key="call_1"),
            system.orders.modify_order_payment(ORDER, "card_1", key="call_1"),
            system.orders.modify_customer_address("maya", {}, key="call_1"),
        ):
            with pytest.raises(ToolFailed, match="not supported by this shop"):
                await ask
        assert system.faults.requests == []


async def test_a_shopify_customer_has_the_cards_of_their_orders():
    async with wire("shopify") as system:
        customer = await system.orders.find_customer_by_name_zip("maya", "BERG", "50010")
        assert str(customer.payment_methods[0]) == "Visa …8421"
        assert customer.order_ids == ("LF-1004820", "LF-1004838", "LF-1004846")
        assert {p.id for p in await system.orders.list_products()} == {"lantern", "tent"}


# ---------------------------------------------------------------- Stripe


async def test_a_refund_that_the_bank_sends_back_counts_as_none():
    async with wire("stripe") as system:
        system.server.next_status = "failed"
        with pytest.raises(ToolFailed, match="lost_or_stolen_card"):
            await system.orders.refund(ORDER, Money.of(20), "goodwill", key="call_1")
        assert await system.orders.refunds(ORDER) == []
        assert (await system.orders.get_order(ORDER)).refundable == Money.of(49)


async def test_all_pages_of_a_payments_refunds_are_read():
    async with wire("stripe", limits=replace(QUICK, total=8.0)) as system:
        intent = system.server.paid("LF-9999999", 100_000)
        for n in range(230):
            system.server._refund(
                {"payment_intent": intent, "amount": "1", "metadata[copilot_key]": f"call_{n}"}
            )
        stripe = system.orders._stripe
        found = await stripe.of_payment(intent, "LF-9999999")
        assert [r.idempotency_key for r in found] == [f"call_{n}" for n in range(230)]


async def test_currencies_whose_minor_unit_is_not_a_hundredth_are_refused():
    async with wire("stripe") as system:
        with pytest.raises(ToolFailed, match="JPY"):
            await system.orders._stripe.create(
                "pi_1", ORDER, Money(minor=50_000, currency="JPY"), "r", key="c"
            )
        assert system.faults.requests == []


async def test_what_would_make_the_shop_move_money_itself_is_refused():
    async with wire("stripe") as system:
        with pytest.raises(ToolFailed, match="not supported"):
            await system.orders.cancel_order("LF-1004838", "no longer needed", key="call_1")
