"""What every order system does."""

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager, nullcontext
from datetime import date
from pathlib import Path

import pytest
from tests.servers.rest_shop import MAPPING, SECRET, rest_server
from tests.servers.shopify import DOMAIN, TOKEN, shopify_server
from tests.servers.stripe import SECRET as STRIPE_SECRET
from tests.servers.stripe import stripe_server
from tests.unit.tools.shop import GIFT_CARD, LANTERN, MAYA, NOW, TENT, TOM, VISA, line, order, shop

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.rest_mapping import load_mapping
from copilot.adapters.rest_shop import RestShop
from copilot.adapters.shop_generator import order_number
from copilot.adapters.shop_seed import seed_shop
from copilot.adapters.shopify import ShopifyShop
from copilot.adapters.sqlite_shop import SCHEMA, SqliteShop, connect, save_order
from copilot.adapters.stripe_refunds import StripeRefundingShop, StripeRefunds
from copilot.adapters.tau_shop import TauShop
from copilot.domain.commerce import Money, OrderStatus
from copilot.domain.errors import ConfigurationError, CopilotError, NotFound, ToolFailed

SHOP = Path(__file__).parents[2] / "knowledge" / "shop"
ELSEWHERE = {
    "address1": "9 Oak",
    "address2": "",
    "city": "Ely",
    "state": "MN",
    "country": "USA",
    "zip": "55731",
}
ORDERS = (
    order(),
    order("LF-1004838", items=(line("t-1"), line()), status=OrderStatus.PENDING),
    order("LF-1004846", items=(line("t-1"), line("t-1"))),
    order("LF-2000006", customer=TOM),
)


def as_tau_database():
    """The same shop in tau-bench's shape, which knows no dates, categories and loyalty tiers."""
    return {
        "products": {p.id: tau_product(p) for p in (LANTERN, TENT)},
        "users": {c.id: tau_user(c) for c in (MAYA, TOM)},
        "orders": {o.id: tau_order(o) for o in ORDERS},
    }


def tau_product(product):
    variants = {
        v.item_id: v.model_dump(exclude={"product_id"}) | {"price": v.price.minor / 100}
        for v in product.variants
    }
    return {"product_id": product.id, "name": product.name, "variants": variants}


def tau_user(customer):
    methods = {}
    for method in customer.payment_methods:
        methods[method.id] = method.model_dump(mode="json", exclude={"balance"}, exclude_none=True)
        if method.balance is not None:
            methods[method.id]["balance"] = method.balance.minor / 100
    return {
        "user_id": customer.id,
        "name": {"first_name": customer.first_name, "last_name": customer.last_name},
        "email": customer.email,
        "address": customer.address.model_dump(),
        "payment_methods": methods,
        "orders": list(customer.order_ids),
    }


def tau_order(known):
    item_fields = {"item_id", "product_id", "name", "options"}
    return {
        "order_id": known.id,
        "user_id": known.customer_id,
        "status": known.status.value,
        "address": known.address.model_dump(),
        "items": [i.model_dump(include=item_fields) | {"price": i.price.minor / 100} for i in known.items],
        "fulfillments": [],
        "payment_history": [p.model_dump() | {"amount": p.amount.minor / 100} for p in known.payments],
    }


# What a system cannot do by itself says so (tests/integration/test_order_systems_over_the_wire.py).
LACKS = {
    "shopify": {
        "test_looks_up_orders_and_products": "shows payments by their transaction, and no wallet",
        "test_a_refund_is_recorded_and_never_more_than_was_paid": "names payments by their transaction",
        "test_the_same_key_does_nothing_twice": "knows keys per order and mutation only",
        "test_a_return_is_only_a_request": "returns to the original payment only",
        "test_an_exchange_is_only_a_request_for_another_option_in_stock": "no exchanges",
        "test_changed_items_are_settled_at_once_and_only_once": "no changes of items",
        "test_a_gift_card_pays_no_more_than_it_holds": "no changes of payment",
        "test_another_address_only_before_it_is_sent": "no changes of a customer's address",
    },
    "stripe": {
        "test_the_same_key_does_nothing_twice": "cancels nothing that was paid",
        "test_cancelling_gives_everything_back_as_it_was_paid": "cancels nothing that was paid",
        "test_only_two_reasons_cancel_an_order": "cancels nothing that was paid",
        "test_changed_items_are_settled_at_once_and_only_once": "no changes of items",
        "test_a_gift_card_pays_no_more_than_it_holds": "no changes of payment",
    },
}


@asynccontextmanager
async def sqlite(tmp_path):
    path = tmp_path / "shop.db"
    connection = connect(path)
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO meta VALUES ('anchor', '2026-11-23')")
    for product in (LANTERN, TENT):
        connection.execute("INSERT INTO products VALUES (?, ?)", (product.id, product.model_dump_json()))
    for person in (MAYA, TOM):
        names = (person.id, person.email, person.first_name, person.last_name, person.address.zip)
        connection.execute(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", (*names, person.model_dump_json())
        )
    for known in ORDERS:
        save_order(connection, known)
    connection.close()
    opened = await SqliteShop.open(path, FixedClock(NOW))
    yield opened
    await opened.close()


@asynccontextmanager
async def rest(_tmp_path):
    with rest_server(shop(*ORDERS)) as server:
        opened = RestShop(load_mapping(MAPPING), secret=SECRET, base_url=server.url)
        yield opened
        await opened.close()


@asynccontextmanager
async def shopify(_tmp_path):
    with shopify_server(shop(*ORDERS)) as server:
        opened = ShopifyShop(DOMAIN, access_token=TOKEN, base_url=server.url)
        yield opened
        await opened.close()


@asynccontextmanager
async def stripe(_tmp_path):
    with stripe_server() as server:
        for known in ORDERS:
            server.paid(known.id, known.total.minor)
        opened = StripeRefunds(secret_key=STRIPE_SECRET, base_url=server.url)
        yield StripeRefundingShop(shop(*ORDERS), opened)
        await opened.close()


OPENERS = {
    "fake": lambda _: nullcontext(shop(*ORDERS)),
    "sqlite": sqlite,
    "tau": lambda _: nullcontext(TauShop(as_tau_database())),
    "rest": rest,
    "shopify": shopify,
    "stripe": stripe,
}


@pytest.fixture(params=list(OPENERS))
async def orders(request, tmp_path):
    if why := LACKS.get(request.param, {}).get(request.node.originalname):
        pytest.skip(why)
    async with OPENERS[request.param](tmp_path) as opened:
        yield opened


async def balance(orders, method_id="gift_1"):
    customer = await orders.get_customer("maya")
    return next(m.balance for m in customer.payment_methods if m.id == method_id)


async def test_finds_customers_whatever_the_case(orders):
    assert (await orders.find_customer_by_email("MAYA@Example.com")).id == "maya"
    assert (await orders.find_customer_by_name_zip("tom", "REED", "50010")).id == "tom"
    for wrong in ("nobody@example.com", "%", "' OR 1=1 --"):
        with pytest.raises(NotFound):
            await orders.find_customer_by_email(wrong)


async def test_looks_up_orders_and_products(orders):
    found = await orders.get_order("LF-1004820")
    for field in ("id", "customer_id", "status", "address", "payments", "refunds"):
        assert getattr(found, field) == getattr(ORDERS[0], field)
    assert [i.model_copy(update={"category": "camping"}) for i in found.items] == [line()]
    assert (await orders.get_customer("maya")).payment_methods == MAYA.payment_methods
    assert (await orders.get_product("lantern")).variants == LANTERN.variants
    assert {p.id for p in await orders.list_products()} == {"lantern", "tent"}
    for ask in (orders.get_order, orders.get_customer, orders.get_product, orders.refunds):
        with pytest.raises(NotFound):
            await ask("nothing")


async def test_a_refund_is_recorded_and_never_more_than_was_paid(orders):
    done = await orders.refund("LF-1004820", Money.of(30), "goodwill", key="k1")
    assert (done.idempotency_key, done.payment_method_id) == ("k1", "card_1")
    assert await orders.refunds("LF-1004820") == [done]
    assert (await orders.get_order("LF-1004820")).refundable == Money.of(19)
    with pytest.raises(ToolFailed, match="more than"):
        await orders.refund("LF-1004820", Money.of("19.01"), "goodwill", key="k2")
    await orders.refund("LF-1004820", Money.of(19), "goodwill", key="k3")
    for amount in (Money.of("0.01"), Money.of(-5), Money.of(1, "EUR")):
        with pytest.raises(ToolFailed):
            await orders.refund("LF-1004820", amount, "goodwill", key=f"k {amount.minor} {amount.currency}")


async def test_the_same_key_does_nothing_twice(orders):
    first = await orders.refund("LF-1004820", Money.of(10), "goodwill", key="k1")
    assert await orders.refund("LF-1004820", Money.of(10), "goodwill", key="k1") == first
    assert len(await orders.refunds("LF-1004820")) == 1
    cancelled = await orders.cancel_order("LF-1004838", "no longer needed", key="k2")
    assert await orders.cancel_order("LF-1004838", "no longer needed", key="k2") == cancelled
    for other in (
        lambda: orders.refund("LF-1004820", Money.of(11), "goodwill", key="k1"),
        lambda: orders.cancel_order("LF-1004838", "ordered by mistake", key="k1"),
    ):
        with pytest.raises(ToolFailed, match="key"):
            await other()


async def test_a_refused_request_leaves_its_key_free(orders):
    with pytest.raises(ToolFailed):
        await orders.refund("LF-1004820", Money.of(500), "goodwill", key="k1")
    assert (await orders.refund("LF-1004820", Money.of(5), "goodwill", key="k1")).amount == Money.of(5)


async def test_racing_refunds_never_exceed_what_was_paid(orders):
    async def ten(n):
        try:
            return await orders.refund("LF-1004820", Money.of(10), "goodwill", key=f"k{n}")
        except CopilotError:
            return None

    done = [r for r in await asyncio.gather(*(ten(n) for n in range(16))) if r]
    assert len(done) == 4  # of $49
    assert (await orders.get_order("LF-1004820")).refunded == Money.of(40)


async def test_cancelling_gives_everything_back_as_it_was_paid(orders):
    done = await orders.cancel_order("LF-1004838", "ordered by mistake", key="k1")
    assert (done.status, done.cancel_reason) == (OrderStatus.CANCELLED, "ordered by mistake")
    assert done.refundable == Money.of(0)
    assert [(r.amount, r.reason) for r in await orders.refunds("LF-1004838")] == [
        (Money.of(238), "cancelled")
    ]
    for reason, order_id in (("no longer needed", "LF-1004838"), ("no longer needed", "LF-1004820")):
        with pytest.raises(ToolFailed):
            await orders.cancel_order(order_id, reason, key=f"k {order_id}")


async def test_only_two_reasons_cancel_an_order(orders):
    with pytest.raises(ToolFailed, match="no reason"):
        await orders.cancel_order("LF-1004838", "because", key="k1")


async def test_a_return_is_only_a_request(orders):
    done = await orders.return_items("LF-1004846", ["t-1"], "gift_1", key="k1")
    assert done.status is OrderStatus.RETURN_REQUESTED
    assert done.request.item_ids == ("t-1",)
    assert done.refunded == Money.of(0)
    with pytest.raises(ToolFailed):
        await orders.return_items("LF-1004846", ["t-1"], "gift_1", key="k2")


async def test_an_exchange_is_only_a_request_for_another_option_in_stock(orders):
    for new in ("l-gone", "t-1", "nothing"):
        with pytest.raises(ToolFailed, match="not available"):
            await orders.exchange_items("LF-1004820", ["l-red"], [new], "card_1", key=f"k {new}")
    done = await orders.exchange_items("LF-1004820", ["l-red"], ["l-blue"], "gift_1", key="k1")
    assert done.status is OrderStatus.EXCHANGE_REQUESTED
    assert done.request.price_difference == Money.of(10)
    assert await balance(orders) == Money.of(20)


async def test_changed_items_are_settled_at_once_and_only_once(orders):
    done = await orders.modify_items("LF-1004838", ["l-red"], ["l-blue"], "gift_1", key="k1")
    assert done.status is OrderStatus.PENDING_ITEM_MODIFIED
    assert [i.item_id for i in done.items] == ["t-1", "l-blue"]
    assert await balance(orders) == Money.of(10)
    with pytest.raises(ToolFailed):
        await orders.modify_items("LF-1004838", ["l-blue"], ["l-red"], "gift_1", key="k2")


async def test_a_gift_card_pays_no_more_than_it_holds(orders):
    with pytest.raises(ToolFailed, match="gift card"):
        await orders.modify_order_payment("LF-1004838", "gift_1", key="k1")
    assert await balance(orders) == GIFT_CARD.balance


async def test_another_address_only_before_it_is_sent(orders):
    moved = await orders.modify_order_address("LF-1004838", ELSEWHERE, key="k1")
    assert moved.address.city == "Ely"
    assert (await orders.get_order("LF-1004838")).address == moved.address
    with pytest.raises(ToolFailed):
        await orders.modify_order_address("LF-1004820", ELSEWHERE, key="k2")
    customer = await orders.modify_customer_address("maya", ELSEWHERE, key="k3")
    assert (await orders.get_customer("maya")).address == customer.address == moved.address


async def test_a_payment_method_must_be_the_customers_own(orders):
    for method in ("card_2", VISA.id):
        with pytest.raises(ToolFailed):
            await orders.modify_order_payment("LF-1004838", method, key=f"k {method}")


# ---------------------------------------------------------------- the seeded shop


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    report = seed_shop(path, SHOP / "products.yaml", SHOP / "scenario_customers.yaml", date(2026, 11, 23))
    return path, report


def documents(path, table):
    connection = sqlite3.connect(path)
    rows = [json.loads(row[0]) for row in connection.execute(f"SELECT document FROM {table} ORDER BY id")]  # noqa: S608
    connection.close()
    return rows


def test_the_seeded_shop_has_orders_in_every_state(seeded):
    path, report = seeded
    assert report.customers >= 300
    assert report.orders >= 1_000
    assert {o["status"] for o in documents(path, "orders")} == {s.value for s in OrderStatus}


def test_order_numbers_carry_their_check_digit(seeded):
    assert order_number(100482) == "LF-1004829"
    for known in documents(seeded[0], "orders"):
        assert known["id"] == order_number(int(known["id"][3:9]))


def test_nothing_has_happened_after_the_day_of_seeding(seeded):
    for known in documents(seeded[0], "orders"):
        for moment in ("placed_at", "shipped_at", "delivered_at"):
            assert known[moment] is None or known[moment][:10] <= "2026-11-23", known["id"]
        happened = [known[m] for m in ("placed_at", "shipped_at", "delivered_at") if known[m]]
        assert happened == sorted(happened), known["id"]


def test_seeding_again_is_the_same_and_keeps_what_is_there(seeded, tmp_path):
    path, report = seeded
    files = (SHOP / "products.yaml", SHOP / "scenario_customers.yaml")
    twin = tmp_path / "shop.db"
    seed_shop(twin, *files, date(2026, 11, 23))
    for table in ("customers", "orders", "products"):
        assert documents(twin, table) == documents(path, table)
    assert seed_shop(path, *files, date(2027, 1, 1)) == report.model_copy(update={"created": False})


async def test_what_was_refunded_survives_a_restart(seeded):
    for _ in range(2):
        opened = await SqliteShop.open(seeded[0], FixedClock(NOW))
        done = await opened.refund("LF-1004829", Money.of(5), "goodwill", key="call_1")
        assert await opened.refunds("LF-1004829") == [done]
        assert await opened.anchor() == date(2026, 11, 23)
        await opened.close()


async def test_a_wrong_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no shop"):
        await SqliteShop.open(tmp_path / "none.db", FixedClock(NOW))
    products = tmp_path / "products.yaml"
    products.write_text("- {id: p, name: n, category: c, colour: red, variants: []}")
    with pytest.raises(
        ConfigurationError, match=r"products.yaml: .*0.colour.*0.variants|0.variants.*0.colour"
    ):
        seed_shop(tmp_path / "shop.db", products, products, date(2026, 11, 23))
    assert not (tmp_path / "shop.db").exists()
