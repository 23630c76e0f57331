import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.servers.rest_shop import MAPPING

from copilot.adapters.rest_mapping import FieldRule, Mapped, MoneyRule, MoneyUnit, load_mapping
from copilot.adapters.rest_objects import Unreadable, read_value, write_money
from copilot.adapters.shop_http import ShopHttp, checked_key, decimal_string, dig, minor_units, path_part
from copilot.domain.commerce import LineItem, Money, Refund
from copilot.domain.errors import ConfigurationError, InvalidInput, NotFound

CENTS = MoneyRule(unit=MoneyUnit.MINOR)
DECIMALS = MoneyRule(unit=MoneyUnit.DECIMAL)


def files(tmp_path, change=lambda text: text):
    """The example's two files, the mapping changed."""
    openapi = MAPPING.with_name("rest_shop.openapi.yaml")
    (tmp_path / openapi.name).write_text(openapi.read_text())
    (tmp_path / "mapping.yaml").write_text(change(MAPPING.read_text()))
    return tmp_path / "mapping.yaml"


def test_the_example_maps_every_operation(tmp_path):
    mapping = load_mapping(files(tmp_path))
    assert mapping.base_url == "http://127.0.0.1:9/v1"
    assert len(mapping.endpoints) == 15
    assert (mapping.endpoints["refund"].method, mapping.endpoints["refund"].path) == (
        "POST",
        "/orders/{number}/refunds",
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("operation: createRefund", "operation: makeRefund", r"no operation 'makeRefund'; did you mean"),
        ("  refund:\n    operation", "  refnd:\n    operation", "no operation is called 'refnd'"),
        ("{total: amount,", "{total: amonut,", "refund has no argument 'amonut'"),
        ("{total: amount,", "{sum: amount,", "createRefund takes no field 'sum'"),
        ("{number: order_id}\n    body: {total", "{}\n    body: {total", "createRefund needs the parameter"),
        ("{code: product_id}", "{cod: product_id}", "getProduct has no parameter 'cod'"),
        ("unit: decimal_string", "unit: dollars", "money.unit is 'dollars'"),
        ("  get_order: {", "  # get_order: {", "get_order has to be mapped"),
        ("idempotency_header: Idempotency-Key", "idempotency_header: 'a b'", "idempotency_header"),
        ("rest_shop.openapi.yaml", "none.yaml", "OpenAPI file cannot be read"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path, before, after, said):
    assert before in MAPPING.read_text()
    with pytest.raises(ConfigurationError, match=said):
        load_mapping(files(tmp_path, lambda text: text.replace(before, after)))


def test_fields_are_found_under_other_names_in_other_words_and_as_often_as_sold():
    rules = {
        "item_id": FieldRule(field="sku.code"),
        "product_id": FieldRule(field="sku.of"),
        "category": FieldRule(field="group", values={"A": "camping"}),
        "name": FieldRule(default="unnamed"),
    }
    found = {"sku": {"code": 17, "of": "tent"}, "group": "A", "price": "189.00", "added_later": True}
    assert read_value(LineItem, found, rules, DECIMALS) == LineItem(
        item_id="17", product_id="tent", name="unnamed", price=Money.of(189), category="camping"
    )


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        ("49.001", DECIMALS),
        ("NaN", DECIMALS),
        ("1e400", DECIMALS),
        ("49.00000000000000000000000000000001", DECIMALS),
        (True, DECIMALS),
        ("49", CENTS),
        (49.0, CENTS),
    ],
)
def test_money_is_never_rounded_or_guessed(price, rule):
    found = {"item_id": "1", "product_id": "p", "name": "n", "price": price}
    with pytest.raises(Unreadable, match=r"lineitem\.price"):
        read_value(LineItem, found, {}, rule)


def test_what_cannot_be_read_is_named_without_its_content():
    found = {"id": "r", "amount": 1, "reason": "x", "order_id": ["secret"]}
    with pytest.raises(Unreadable) as wrong:
        read_value(Refund, found, {}, CENTS)
    assert "refund.order_id" in str(wrong.value)
    assert "secret" not in str(wrong.value)


def test_money_goes_out_as_the_shop_writes_it():
    as_object = MoneyRule(unit=MoneyUnit.DECIMAL, amount_field="value", currency_field="currency")
    assert write_money(Money.of("20.50"), CENTS) == 2050
    assert write_money(Money.of("20.50"), DECIMALS) == "20.50"
    assert write_money(Money.of("20.50"), as_object) == {"value": "20.50", "currency": "USD"}


def test_cents_and_decimals_are_exact():
    assert [minor_units(a) for a in ("0.1", "19.99", 7, Decimal("1.10"), "-3")] == [10, 1999, 700, 110, -300]
    assert [decimal_string(m) for m in (0, 5, 1999, 10**12)] == ["0.00", "0.05", "19.99", "10000000000.00"]
    assert minor_units(json.loads("0.29", parse_float=Decimal)) == 29


def test_a_path_leads_nowhere_quietly():
    found = {"error": [{"message": "no"}]}
    assert dig(found, "error.0.message") == "no"
    assert dig(found, "error.7.message") is None
    assert dig(found, "error.message") is None
    assert dig(found, "") == found


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "a\\b", "a\nb", "x" * 201])
def test_what_could_leave_its_place_in_a_path_is_no_entry(part):
    with pytest.raises(NotFound):
        path_part(part)


def test_signs_of_a_url_lose_their_meaning_in_a_path():
    assert path_part("#W1?x=1&y=%2F") == "%23W1%3Fx%3D1%26y%3D%252F"


@pytest.mark.parametrize("key", ["", " call_1", "call_1\r\nX: y", "ключ", "k" * 256])
def test_a_key_stays_inside_its_header(key):
    with pytest.raises(InvalidInput):
        checked_key(key)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example",
        "ftp://127.0.0.1",
        "https://user:pw@shop.example",
        "https://shop.example/?a=1",
        "shop",
    ],
)
def test_credentials_go_over_https_only_or_stay_on_this_machine(url):
    with pytest.raises(ConfigurationError) as refused:
        ShopHttp(url, name="The shop", credentials={"Authorization": "Bearer s3cret"})
    assert "pw" not in str(refused.value)


async def test_a_providers_words_are_one_bounded_line_without_our_secret():
    http = ShopHttp("http://127.0.0.1:9", name="The shop", credentials={"Authorization": "Bearer s3cret"})
    assert http.reason("No\x1b[31m\r\n  with s3cret", "-") == "No [31m with …"
    assert len(http.reason("x" * 5000, "-")) == 301
    assert http.reason({"a": 1}, "otherwise") == "otherwise"
    await http.close()


def test_the_mapping_in_the_documentation_is_valid():
    page = (Path(__file__).parents[3] / "docs" / "order-systems.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert set(Mapped.model_validate(yaml.safe_load(shown)).operations) == {
        "get_order",
        "refund",
        "return_items",
    }
