"""`COPILOT_ORDER_SYSTEM` opens what it names, with secrets from the environment or a file only."""

import json

import pytest
from pydantic import ValidationError
from tests.servers.rest_shop import MAPPING, rest_server
from tests.servers.rest_shop import SECRET as REST_SECRET
from tests.servers.shopify import DOMAIN, TOKEN, shopify_server
from tests.servers.stripe import SECRET as STRIPE_SECRET
from tests.servers.stripe import stripe_server
from tests.unit.tools.shop import NOW, shop

from copilot.adapters.fakes.clock import FixedClock
from copilot.config import Settings
from copilot.domain.commerce import Money
from copilot.domain.errors import ConfigurationError, DependencyUnavailable, NoOrderSystem, NotFound
from copilot.order_systems import open_order_systems

CLOCK = FixedClock(NOW)


def settings(monkeypatch, tmp_path, **given):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path / "state"))
    for name, value in given.items():
        monkeypatch.setenv(f"COPILOT_{name.upper()}", str(value))
    return Settings()


async def test_the_demo_shop_is_the_default(monkeypatch, tmp_path):
    async with open_order_systems(settings(monkeypatch, tmp_path), CLOCK) as opened:
        await opened.check()
        assert (await opened.of_tenants.of("larkfield").get_order("LF-1004829")).id == "LF-1004829"


async def test_a_rest_shop_with_its_secret_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text(f"{REST_SECRET}\n")
    with rest_server(shop()) as server:
        chosen = settings(
            monkeypatch,
            tmp_path,
            order_system=f"rest:{MAPPING}",
            order_system_url=server.url,
            order_system_secret_file=tmp_path / "secret",
        )
        async with open_order_systems(chosen, CLOCK) as opened:
            await opened.check()
            assert (await opened.of_tenants.of("larkfield").get_order("LF-1004820")).customer_id == "maya"
    async with open_order_systems(chosen, CLOCK) as opened:
        with pytest.raises(DependencyUnavailable):
            await opened.check()


async def test_a_shopify_shop(monkeypatch, tmp_path):
    with shopify_server(shop()) as server:
        chosen = settings(
            monkeypatch,
            tmp_path,
            order_system=f"shopify:{DOMAIN}",
            order_system_url=server.url,
            order_system_secret=TOKEN,
        )
        assert TOKEN not in repr(chosen)
        async with open_order_systems(chosen, CLOCK) as opened:
            await opened.check()
            assert (await opened.of_tenants.of("larkfield").get_order("LF-1004820")).customer_id == "maya"


async def test_the_demo_shop_refunding_through_stripe(monkeypatch, tmp_path):
    with stripe_server() as server:
        server.paid("LF-1004829", 900_000)
        chosen = settings(
            monkeypatch,
            tmp_path,
            order_system="stripe+embedded",
            stripe_url=server.url,
            stripe_secret=STRIPE_SECRET,
        )
        async with open_order_systems(chosen, CLOCK) as opened:
            await opened.check()
            shop_of_larkfield = opened.of_tenants.of("larkfield")
            await shop_of_larkfield.refund("LF-1004829", Money.of(5), "goodwill", key="call_1")
        assert [r["amount"] for r in server.refunds] == [500]


async def test_each_tenant_has_its_own_and_no_other(monkeypatch, tmp_path):
    with rest_server(shop()) as server:
        acme = {"order_system": f"rest:{MAPPING}", "url": server.url, "secret": REST_SECRET}
        chosen = settings(monkeypatch, tmp_path, order_systems=json.dumps({"acme": acme}))
        async with open_order_systems(chosen, CLOCK) as opened:
            await opened.check()
            assert (await opened.of_tenants.of("acme").get_order("LF-1004820")).customer_id == "maya"
            with pytest.raises(NotFound):
                await opened.of_tenants.of("larkfield").get_order("LF-1004820")
            with pytest.raises(NoOrderSystem, match="connected for intruders"):
                opened.of_tenants.of("intruders")
    async with open_order_systems(chosen, CLOCK) as opened:
        with pytest.raises(DependencyUnavailable):
            await opened.check()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"order_system": "rest:nowhere.yaml"}, "nowhere.yaml"),
        ({"order_system": f"rest:{MAPPING}"}, "COPILOT_ORDER_SYSTEM_SECRET"),
        ({"order_system": "shopify:larkfield.myshopify.com"}, "COPILOT_ORDER_SYSTEM_SECRET"),
        ({"order_system": "shopify:evil.example", "order_system_secret": "s"}, "myshopify.com"),
        ({"order_system": "stripe+embedded"}, "COPILOT_STRIPE_SECRET"),
        (
            {"order_systems": '{"acme": {"order_system": "shopify:acme.myshopify.com"}}'},
            "secret in COPILOT_ORDER_SYSTEMS for acme is not set",
        ),
        (
            {"order_systems": '{"larkfield": {"order_system": "rest:shop.yaml"}}'},
            "names larkfield, whose order system is COPILOT_ORDER_SYSTEM",
        ),
        ({"order_system": "stripe+embedded", "stripe_secret_file": "none"}, "cannot be read"),
        (
            {
                "order_system": f"rest:{MAPPING}",
                "order_system_secret": "s",
                "order_system_url": "http://shop.example",
            },
            "https",
        ),
    ],
)
async def test_what_is_missing_is_named(monkeypatch, tmp_path, given, said):
    with pytest.raises(ConfigurationError, match=said):
        async with open_order_systems(settings(monkeypatch, tmp_path, **given), CLOCK):
            pass


def test_the_demo_shop_is_no_other_tenants(monkeypatch, tmp_path):
    with pytest.raises(ValidationError, match="order_system"):
        settings(monkeypatch, tmp_path, order_systems='{"acme": {"order_system": "embedded"}}')


def test_another_kind_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ValidationError, match="order_system"):
        settings(monkeypatch, tmp_path, order_system="magento:shop")
