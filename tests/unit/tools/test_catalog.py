from decimal import Decimal

import pytest
from tests.unit.tools.shop import TOM, line, order, session, shop

from copilot.domain.actions import ToolEffect
from copilot.domain.commerce import Money, PaymentRecord
from copilot.domain.errors import CustomerNotVerified, InvalidInput, NotFound
from copilot.tools.arguments import RefundOrder, dump_arguments, parse_arguments
from copilot.tools.catalog import Catalog

CATALOG = Catalog()


async def read(name, arguments, of=None):
    tool = CATALOG.read_tool(name)
    return await tool.run(shop(), of or session(), parse_arguments(tool.arguments, arguments, tool=name))


async def plan(name, arguments):
    tool = CATALOG.write_tool(name)
    return await tool.plan(shop(), session(), parse_arguments(tool.arguments, arguments, tool=name))


def test_holds_the_whole_retail_schema():
    names = {tool.name: tool.effect for tool in CATALOG}
    assert len(names) == 17
    assert {n for n, e in names.items() if e is ToolEffect.MONEY} == {
        "cancel_pending_order",
        "modify_pending_order_items",
        "modify_pending_order_payment",
        "refund_order",
    }


def test_knows_no_other_tool():
    with pytest.raises(NotFound, match="drop_tables"):
        CATALOG.get("drop_tables")
    with pytest.raises(InvalidInput, match="changes something"):
        CATALOG.read_tool("refund_order")


async def test_looks_up_the_customers_own_order():
    data = await read("get_order_details", {"order_id": "LF-1004820"})
    assert data["order"]["status"] == "delivered"


async def test_anothers_order_looks_like_one_that_does_not_exist():
    with pytest.raises(NotFound) as anothers:
        await read("get_order_details", {"order_id": "LF-2000006"})
    with pytest.raises(NotFound) as nobodys:
        await read("get_order_details", {"order_id": "LF-9999999"})
    assert str(anothers.value).replace("LF-2000006", "LF-9999999") == str(nobodys.value)


async def test_reads_nothing_before_the_customer_is_verified():
    for name, arguments in (("get_order_details", {"order_id": "LF-1004820"}), ("get_user_details", {})):
        with pytest.raises(CustomerNotVerified):
            await read(name, arguments, of=session(None))


async def test_an_argument_cannot_name_another_customer():
    with pytest.raises(CustomerNotVerified):
        await read("get_user_details", {"user_id": TOM.id})


async def test_finds_a_customer_by_email_but_nobody_else_once_one_is_verified():
    assert await read("find_user_id_by_email", {"email": "TOM@example.com"}, of=session(None)) == {
        "user_id": "tom"
    }
    with pytest.raises(NotFound):
        await read("find_user_id_by_email", {"email": "tom@example.com"})


async def test_calculates_exactly_and_nothing_but_arithmetic():
    assert await read("calculate", {"expression": "(0.1 + 0.2) * 3"}) == {"result": "0.90"}
    for evil in ("2**99999999", "1/0", "((", "__import__('os')"):
        with pytest.raises(InvalidInput):
            await read("calculate", {"expression": evil})


async def test_previews_say_what_will_change():
    previews = {
        "refund_order": {
            "order_id": "LF-1004820", "amount": "42.10", "reason": "damaged_or_defective", "note": "broken",
        },
        "return_delivered_order_items": {
            "order_id": "LF-1004846", "item_ids": ["t-1"], "payment_method_id": "card_1",
        },
        "modify_pending_order_items": {
            "order_id": "LF-1004838", "item_ids": ["l-red"], "new_item_ids": ["l-blue"],
            "payment_method_id": "gift_1",
        },
        "cancel_pending_order": {"order_id": "LF-1004838", "reason": "no longer needed"},
    }  # fmt: skip
    shown = {name: (await plan(name, arguments)).preview for name, arguments in previews.items()}
    assert shown == {
        "refund_order": "Refund $42.10 to Visa …8421 for LF-1004820: damaged or defective (broken)",
        "return_delivered_order_items": (
            "Return 1 of 2 items of LF-1004846 (Trailhead 2 Tent), "
            "refund $189.00 to Visa …8421 once they are back"
        ),
        "modify_pending_order_items": (
            "Change 1 of 2 items of LF-1004838: Northlight Lantern for Northlight Lantern (blue), "
            "charge $10.00 to gift card"
        ),
        "cancel_pending_order": "Cancel LF-1004838 (no longer needed), refund $238.00 to Visa …8421",
    }


async def test_money_towards_the_customer_is_positive():
    swap = {
        "order_id": "LF-1004838",
        "item_ids": "l-red",
        "new_item_ids": "l-blue",
        "payment_method_id": "card_1",
    }
    assert (await plan("modify_pending_order_items", swap)).amount == Money.of(-10)


async def test_a_refund_goes_to_one_payment_method():
    split = order(items=(line("t-1"), line())).model_copy(
        update={
            "payments": (
                PaymentRecord(transaction_type="payment", amount=Money.of(38), payment_method_id="gift_1"),
                PaymentRecord(transaction_type="payment", amount=Money.of(200), payment_method_id="card_1"),
            )
        }
    )
    tool = CATALOG.write_tool("refund_order")

    async def refund(amount):
        arguments = {"order_id": split.id, "amount": amount, "reason": "goodwill"}
        return await tool.plan(
            shop(split), session(), parse_arguments(RefundOrder, arguments, tool=tool.name)
        )

    assert "to gift card" in (await refund("38")).preview
    assert "to Visa …8421" in (await refund("38.01")).preview
    with pytest.raises(InvalidInput, match="one payment method"):
        await refund("201")


async def test_items_must_be_in_the_order_as_often_as_named():
    with pytest.raises(InvalidInput, match="t-1"):
        await plan(
            "return_delivered_order_items",
            {"order_id": "LF-1004846", "item_ids": ["t-1"] * 3, "payment_method_id": "card_1"},
        )


@pytest.mark.parametrize(
    ("written", "meant"), [("42.1", "42.10"), ("$1,234.50", "1234.50"), (42, "42.00"), (42.1, "42.10")]
)
def test_amounts_may_be_written_in_many_ways_and_are_sealed_in_one(written, meant):
    arguments = {"order_id": "LF-1", "amount": written, "reason": "goodwill"}
    parsed = parse_arguments(RefundOrder, arguments, tool="refund_order")
    assert parsed.amount == Decimal(meant)
    assert dump_arguments(parsed)["amount"] == meant


@pytest.mark.parametrize(
    "evil", ["-5", "0", "1e3", "NaN", "inf", "4.999", "", None, True, "٤٢", [5], "1 000", "99999999"]
)
def test_amounts_that_are_none_are_refused(evil):
    with pytest.raises(InvalidInput, match="amount"):
        parse_arguments(
            RefundOrder, {"order_id": "LF-1", "amount": evil, "reason": "goodwill"}, tool="refund_order"
        )


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(InvalidInput, match="customer_id"):
        parse_arguments(
            RefundOrder,
            {"order_id": "LF-1", "amount": "5", "reason": "goodwill", "customer_id": "tom"},
            tool="refund_order",
        )
