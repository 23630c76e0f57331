"""Which order system the product works with: chosen by `COPILOT_ORDER_SYSTEM`, opened here.

::

    embedded                     the demo shop in SQLite
    rest:PATH_TO_MAPPING         any REST API that an OpenAPI file describes
    shopify:NAME.myshopify.com   a Shopify shop
    stripe+REST_OF_THE_CHOICE    one of these, whose payments are refunded through Stripe
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from copilot.adapters.clock import SystemClock
from copilot.adapters.rest_mapping import load_mapping
from copilot.adapters.rest_shop import RestShop
from copilot.adapters.shop_seed import seed_shop
from copilot.adapters.shopify import ShopifyShop
from copilot.adapters.sqlite_shop import SqliteShop
from copilot.adapters.stripe_refunds import BASE_URL, StripeRefundingShop, StripeRefunds
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError, NotFound, ToolFailed
from copilot.ports import Clock, OrderSystem

_STRIPE = "stripe+"
_NO_ORDER = "LF-0000000"


@dataclass(frozen=True)
class OpenOrderSystem:
    """`check` raises when it cannot be asked."""

    orders: OrderSystem
    check: Callable[[], Awaitable[None]]


@asynccontextmanager
async def open_order_system(settings: Settings, clock: Clock) -> AsyncIterator[OpenOrderSystem]:
    """The chosen one, closed on leaving. `ConfigurationError` names the setting that is wrong."""
    choice = settings.order_system
    async with AsyncExitStack() as stack:
        opened = await _open(settings, clock, choice.removeprefix(_STRIPE), stack)
        if choice.startswith(_STRIPE):
            secret = _needed(settings.stripe_secret, settings.stripe_secret_file, "COPILOT_STRIPE_SECRET")
            stripe = StripeRefunds(secret_key=secret, base_url=settings.stripe_url or BASE_URL)
            stack.push_async_callback(stripe.close)
            opened = OpenOrderSystem(
                StripeRefundingShop(opened.orders, stripe), _both(opened.check, _asks_payment(stripe))
            )
        yield opened


async def _open(settings: Settings, clock: Clock, choice: str, stack: AsyncExitStack) -> OpenOrderSystem:
    kind, _, which = choice.partition(":")
    if kind == "embedded":
        await seed_shop_once(settings)
        shop = await SqliteShop.open(settings.shop_path, clock)
        stack.push_async_callback(shop.close)

        async def ask_shop() -> None:
            await shop.anchor()

        return OpenOrderSystem(shop, ask_shop)
    over_the_wire: RestShop | ShopifyShop
    if kind == "rest":
        secret = _secret(
            settings.order_system_secret, settings.order_system_secret_file, "COPILOT_ORDER_SYSTEM_SECRET"
        )
        over_the_wire = RestShop(load_mapping(Path(which)), secret=secret, base_url=settings.order_system_url)
    else:
        token = _needed(
            settings.order_system_secret, settings.order_system_secret_file, "COPILOT_ORDER_SYSTEM_SECRET"
        )
        over_the_wire = ShopifyShop(which, access_token=token, base_url=settings.order_system_url)
    stack.push_async_callback(over_the_wire.close)
    return OpenOrderSystem(over_the_wire, _asks_order(over_the_wire))


async def seed_shop_once(settings: Settings, *, afresh: bool = False) -> None:
    """Makes the demo shop where there is none; `afresh` also where its dates count back from an older day."""
    today = SystemClock().now().date()
    if afresh and settings.shop_path.is_file():
        shop = await SqliteShop.open(settings.shop_path, SystemClock())
        afresh = await shop.anchor() != today
        await shop.close()
    folder = settings.knowledge_dir / "shop"
    products, customers = folder / "products.yaml", folder / "scenario_customers.yaml"
    await asyncio.to_thread(seed_shop, settings.shop_path, products, customers, today, force=afresh)


def _asks_order(orders: OrderSystem) -> Callable[[], Awaitable[None]]:
    """That it answers is enough: there need be no such order."""

    async def ask() -> None:
        try:
            await orders.get_order(_NO_ORDER)
        except (NotFound, ToolFailed):
            return

    return ask


def _asks_payment(stripe: StripeRefunds) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        try:
            await stripe.payment_of(_NO_ORDER)
        except (NotFound, ToolFailed):
            return

    return ask


def _both(
    first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        await asyncio.gather(first(), second())

    return ask


def _needed(value: SecretStr | None, file: Path | None, name: str) -> str:
    secret = _secret(value, file, name)
    if not secret:
        raise ConfigurationError(
            f"{name} is not set.", hint=f"Set it, or {name}_FILE to a file that holds it."
        )
    return secret


def _secret(value: SecretStr | None, file: Path | None, name: str) -> str | None:
    if value is not None and file is not None:
        raise ConfigurationError(f"{name} and {name}_FILE are both set.", hint="Set one of them.")
    if file is None:
        return value.get_secret_value() if value is not None else None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("The secret cannot be read.", where=str(file)) from error
