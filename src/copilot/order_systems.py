"""Which order system each tenant works with: chosen by the settings, opened here.

`COPILOT_ORDER_SYSTEM` is that of the server's own tenant, `COPILOT_ORDER_SYSTEMS` has those of others.

::

    embedded                     the demo shop in SQLite
    rest:PATH_TO_MAPPING         any REST API that an OpenAPI file describes
    shopify:NAME.myshopify.com   a Shopify shop
    stripe+REST_OF_THE_CHOICE    one of these, whose payments are refunded through Stripe
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
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
from copilot.adapters.tenant_shops import TenantOrderSystems
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError, NotFound, ToolFailed
from copilot.ports import Clock, OrderSystem, OrderSystems

_STRIPE = "stripe+"
_NO_ORDER = "LF-0000000"


_Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class OpenOrderSystems:
    """`check` raises when one of them cannot be asked."""

    of_tenants: OrderSystems
    check: _Check


@dataclass(frozen=True)
class _Choice:
    """One tenant's, with the names of the settings that say so, for messages."""

    tenant: str
    order_system: str
    url: str | None
    secret: "_Secret"
    stripe_url: str | None
    stripe_secret: "_Secret"


@dataclass(frozen=True)
class _Secret:
    """`name` and `file_name` are what a person sets."""

    value: SecretStr | None
    file: Path | None
    name: str
    file_name: str


@asynccontextmanager
async def open_order_systems(settings: Settings, clock: Clock) -> AsyncIterator[OpenOrderSystems]:
    """Each tenant's, closed on leaving. `ConfigurationError` names the setting that is wrong."""
    async with AsyncExitStack() as stack:
        by_tenant, checks = {}, []
        for choice in _choices(settings):
            by_tenant[choice.tenant], its = await _open(settings, choice, clock, stack)
            checks += its
        yield OpenOrderSystems(TenantOrderSystems(by_tenant), _all(checks))


def _choices(settings: Settings) -> Iterator[_Choice]:
    yield _Choice(
        tenant=settings.tenant,
        order_system=settings.order_system,
        url=settings.order_system_url,
        secret=_Secret(
            settings.order_system_secret,
            settings.order_system_secret_file,
            "COPILOT_ORDER_SYSTEM_SECRET",
            "COPILOT_ORDER_SYSTEM_SECRET_FILE",
        ),
        stripe_url=settings.stripe_url,
        stripe_secret=_Secret(
            settings.stripe_secret,
            settings.stripe_secret_file,
            "COPILOT_STRIPE_SECRET",
            "COPILOT_STRIPE_SECRET_FILE",
        ),
    )
    for tenant, its in settings.order_systems.items():
        if tenant == settings.tenant:
            raise ConfigurationError(
                f"COPILOT_ORDER_SYSTEMS names {tenant}, whose order system is COPILOT_ORDER_SYSTEM.",
                hint="Leave it out there.",
            )
        where = f"in COPILOT_ORDER_SYSTEMS for {tenant}"
        yield _Choice(
            tenant=tenant,
            order_system=its.order_system,
            url=its.url,
            secret=_Secret(its.secret, its.secret_file, f"secret {where}", f"secret_file {where}"),
            stripe_url=its.stripe_url,
            stripe_secret=_Secret(
                its.stripe_secret,
                its.stripe_secret_file,
                f"stripe_secret {where}",
                f"stripe_secret_file {where}",
            ),
        )


async def _open(
    settings: Settings, choice: _Choice, clock: Clock, stack: AsyncExitStack
) -> tuple[OrderSystem, list[_Check]]:
    """With what asks it, and its payments."""
    orders, check = await _open_orders(settings, choice, clock, stack)
    if not choice.order_system.startswith(_STRIPE):
        return orders, [check]
    secret = _needed(choice.stripe_secret)
    stripe = StripeRefunds(secret_key=secret, base_url=choice.stripe_url or BASE_URL)
    stack.push_async_callback(stripe.close)
    return StripeRefundingShop(orders, stripe), [check, _asks_payment(stripe)]


async def _open_orders(
    settings: Settings, choice: _Choice, clock: Clock, stack: AsyncExitStack
) -> tuple[OrderSystem, _Check]:
    kind, _, which = choice.order_system.removeprefix(_STRIPE).partition(":")
    if kind == "embedded":
        await seed_shop_once(settings)
        shop = await SqliteShop.open(settings.shop_path, clock)
        stack.push_async_callback(shop.close)

        async def ask_shop() -> None:
            await shop.anchor()

        return shop, ask_shop
    over_the_wire: RestShop | ShopifyShop
    if kind == "rest":
        secret = _secret(choice.secret)
        over_the_wire = RestShop(load_mapping(Path(which)), secret=secret, base_url=choice.url)
    else:
        over_the_wire = ShopifyShop(which, access_token=_needed(choice.secret), base_url=choice.url)
    stack.push_async_callback(over_the_wire.close)
    return over_the_wire, _asks_order(over_the_wire)


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


def _asks_order(orders: OrderSystem) -> _Check:
    """That it answers is enough: there need be no such order."""

    async def ask() -> None:
        try:
            await orders.get_order(_NO_ORDER)
        except (NotFound, ToolFailed):
            return

    return ask


def _asks_payment(stripe: StripeRefunds) -> _Check:
    async def ask() -> None:
        try:
            await stripe.payment_of(_NO_ORDER)
        except (NotFound, ToolFailed):
            return

    return ask


def _all(checks: Sequence[_Check]) -> _Check:
    async def ask() -> None:
        await asyncio.gather(*(check() for check in checks))

    return ask


def _needed(secret: _Secret) -> str:
    found = _secret(secret)
    if not found:
        raise ConfigurationError(
            f"{secret.name} is not set.", hint=f"Set it, or {secret.file_name} to a file that holds it."
        )
    return found


def _secret(secret: _Secret) -> str | None:
    value, file = secret.value, secret.file
    if value is not None and file is not None:
        raise ConfigurationError(
            f"{secret.name} and {secret.file_name} are both set.", hint="Set one of them."
        )
    if file is None:
        return value.get_secret_value() if value is not None else None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("The secret cannot be read.", where=str(file)) from error
