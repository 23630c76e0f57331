"""The one table of tools: name → arguments, effect, what it does."""

from collections.abc import Iterable, Iterator
from typing import Any

from copilot.domain.actions import ToolEffect
from copilot.domain.errors import ConfigurationError, InvalidInput, NotFound
from copilot.tools import arguments as a
from copilot.tools import orders, refunds
from copilot.tools.identity import email_claim, name_claim
from copilot.tools.tool import ReadTool, Tool, WriteTool

RETAIL_TOOLS: tuple[Tool, ...] = (
    ReadTool(
        "find_user_id_by_email",
        "Find a customer's id by e-mail address.",
        a.ByEmail,
        orders.find_by_email,
        lambda by: email_claim(by.email),
    ),
    ReadTool(
        "find_user_id_by_name_zip",
        "Find a customer's id by first name, last name and ZIP code.",
        a.ByNameAndZip,
        orders.find_by_name_zip,
        lambda by: name_claim(by.first_name, by.last_name, by.zip),
    ),
    ReadTool(
        "get_user_details",
        "The verified customer's profile, payment methods and order numbers.",
        a.OfCustomer,
        orders.customer_details,
    ),
    ReadTool(
        "get_order_details",
        "Status, items, payments and delivery of one of the verified customer's orders.",
        a.OfOrder,
        orders.order_details,
    ),
    ReadTool(
        "get_product_details",
        "The options, prices and stock of a product.",
        a.OfProduct,
        orders.product_details,
    ),
    ReadTool("get_item_details", "Price, options and stock of one item.", a.OfItem, orders.item_details),
    ReadTool(
        "list_all_product_types", "The id of every product, by name.", a.NoArguments, orders.product_types
    ),
    ReadTool("calculate", "Work out a sum exactly.", a.Calculation, orders.calculate),
    ReadTool(
        "transfer_to_human_agents",
        "Offer to hand the conversation over to a colleague, with a summary.",
        a.Transfer,
        orders.transfer,
    ),
    WriteTool(
        "cancel_pending_order",
        "Cancel an order that is still pending; all of it is refunded as it was paid.",
        a.CancelOrder,
        ToolEffect.MONEY,
        orders.plan_cancel,
        orders.cancel,
        refunds.find_cancellation,
    ),
    WriteTool(
        "modify_pending_order_address",
        "Change where a pending order is sent.",
        a.ModifyOrderAddress,
        ToolEffect.WRITE,
        orders.plan_order_address,
        orders.modify_order_address,
    ),
    WriteTool(
        "modify_pending_order_items",
        "Swap items of a pending order for other options of the same products, once; the difference is paid.",
        a.SwapItems,
        ToolEffect.MONEY,
        orders.plan_modify_items,
        orders.modify_items,
    ),
    WriteTool(
        "modify_pending_order_payment",
        "Charge a pending order to another payment method.",
        a.ModifyOrderPayment,
        ToolEffect.MONEY,
        orders.plan_order_payment,
        orders.modify_order_payment,
    ),
    WriteTool(
        "modify_user_address",
        "Change the verified customer's own address.",
        a.ModifyCustomerAddress,
        ToolEffect.WRITE,
        orders.plan_customer_address,
        orders.modify_customer_address,
    ),
    WriteTool(
        "return_delivered_order_items",
        "Start the return of items of a delivered order; they are refunded once they are back.",
        a.ReturnItems,
        ToolEffect.WRITE,
        orders.plan_return,
        orders.return_items,
    ),
    WriteTool(
        "exchange_delivered_order_items",
        "Exchange items of a delivered order for other options of the same products, once.",
        a.SwapItems,
        ToolEffect.WRITE,
        orders.plan_exchange,
        orders.exchange_items,
    ),
    WriteTool(
        "refund_order",
        "Refund part or all of an order to the payment method it was paid with.",
        a.RefundOrder,
        ToolEffect.MONEY,
        refunds.plan_refund,
        refunds.refund,
        refunds.find_refund,
    ),
)


IDENTIFYING = frozenset({"find_user_id_by_email", "find_user_id_by_name_zip"})
"""Tools that find out who somebody is: for people and playbooks, never for a model to try addresses with."""


class Catalog:
    """Tools by name."""

    def __init__(self, tools: Iterable[Tool] = RETAIL_TOOLS) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ConfigurationError(f"Two tools are called {tool.name}.", hint="Rename one of them.")
            self._tools[tool.name] = tool

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def get(self, name: str) -> Tool:
        """`NotFound` for a name that is not in the table."""
        try:
            return self._tools[name]
        except KeyError:
            raise NotFound(
                f"There is no tool {name[:64]!r}.", hint=f"Tools: {', '.join(self._tools)}."
            ) from None

    def read_tool(self, name: str) -> ReadTool[Any]:
        """`InvalidInput` for a tool that changes something."""
        tool = self.get(name)
        if not isinstance(tool, ReadTool):
            raise InvalidInput(f"{name} changes something.", hint="Propose it; a person has to approve it.")
        return tool

    def write_tool(self, name: str) -> WriteTool[Any]:
        """`InvalidInput` for a tool that only reads."""
        tool = self.get(name)
        if not isinstance(tool, WriteTool):
            raise InvalidInput(f"{name} only reads.", hint="Run it; there is nothing to approve.")
        return tool
