"""Whose order system is whose."""

from collections.abc import Mapping

from copilot.domain.errors import NoOrderSystem
from copilot.ports import OrderSystem


class TenantOrderSystems:
    """As the settings name them, by tenant."""

    def __init__(self, by_tenant: Mapping[str, OrderSystem]) -> None:
        self._by_tenant = dict(by_tenant)

    def of(self, tenant_id: str) -> OrderSystem:
        try:
            return self._by_tenant[tenant_id]
        except KeyError:
            raise NoOrderSystem(
                f"No order system is connected for {tenant_id}.",
                hint="Whoever runs the server names it in COPILOT_ORDER_SYSTEMS.",
            ) from None
