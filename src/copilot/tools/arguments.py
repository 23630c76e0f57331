"""The arguments of every catalog tool: the names of the de-facto retail schema (tau-bench).

Arguments may come from a model, a playbook or a form, and in the end from a customer's words: every field
has a shape and a length, unknown fields are refused, and amounts are exact decimals.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from copilot.domain.commerce import Address, Money
from copilot.domain.errors import InvalidInput
from copilot.domain.value import Value

_AMOUNT = re.compile(r"\$?(\d{1,7}|\d{1,3}(,\d{3}){1,2})(\.\d{1,2})?", re.ASCII)


def _plain_amount(value: object) -> Decimal:
    """A decimal from "42.10", "$1,234.50", 42 or 42.1; nothing else: no exponent, no sign."""
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("expected an amount such as 42.10")  # noqa: TRY004 - pydantic wants a ValueError
    if not _AMOUNT.fullmatch(text):
        raise ValueError("expected an amount in major units with at most two decimals, such as 42.10")
    return Decimal(text.lstrip("$").replace(",", "")).quantize(Decimal("0.01"))


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_Id = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^#?[\w.:-]+$")
]
_Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\r\n]*$")
]
_MaybeLine = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\r\n]*$")]
_Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\r\n]*$")]
_Ids = Annotated[tuple[_Id, ...], BeforeValidator(_one_or_many), Field(min_length=1, max_length=50)]
_Amount = Annotated[Decimal, BeforeValidator(_plain_amount), Field(gt=0)]

OrderId = Annotated[_Id, Field(description="The order number, such as LF-1004820.")]
ItemIds = Annotated[_Ids, Field(description="The item ids, each as often as it is meant.")]
NewItemIds = Annotated[_Ids, Field(description="The new item ids, in the order of item_ids.")]
MethodId = Annotated[_Id, Field(description="The id of one of the customer's payment methods.")]
OwnId = Annotated[_Id | None, Field(description="The verified customer's own id; anybody else's is refused.")]


class RefundReason(StrEnum):
    RETURNED_ITEM = "returned_item"
    DAMAGED_OR_DEFECTIVE = "damaged_or_defective"
    LOST_PARCEL = "lost_parcel"
    LATE_DELIVERY = "late_delivery"
    GOODWILL = "goodwill"
    CANCELLED = "cancelled"
    PRICE_MATCH = "price_match"
    OTHER = "other"

    def __str__(self) -> str:
        return self.value.replace("_", " ")


REASONS_WITH_RETURN = frozenset({RefundReason.RETURNED_ITEM, RefundReason.CANCELLED})
"""The shop gets the goods back, or never sent them."""


class NoArguments(Value):
    pass


class ByEmail(Value):
    email: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254, pattern=r"^\S+@\S+$")
    ]


class ByNameAndZip(Value):
    first_name: _Line
    last_name: _Line
    zip: _Line


class OfCustomer(Value):
    user_id: OwnId = None


class OfOrder(Value):
    order_id: OrderId


class OfProduct(Value):
    product_id: _Id


class OfItem(Value):
    item_id: _Id


class Calculation(Value):
    expression: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200, pattern=r"^[0-9+\-*/(). ]+$"),
        Field(description="Numbers with + - * / and parentheses, such as 2 * (19.99 + 5)."),
    ]


class Transfer(Value):
    summary: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class _WithAddress(Value):
    address1: _Line
    address2: _MaybeLine = ""
    city: _Line
    state: _Line
    country: _Line
    zip: _Line

    @property
    def address(self) -> Address:
        return Address(**{name: getattr(self, name) for name in Address.model_fields})


class CancelOrder(Value):
    order_id: OrderId
    reason: Literal["no longer needed", "ordered by mistake"]


class ReturnItems(Value):
    order_id: OrderId
    item_ids: ItemIds
    payment_method_id: MethodId


class SwapItems(Value):
    order_id: OrderId
    item_ids: ItemIds
    new_item_ids: NewItemIds
    payment_method_id: MethodId

    @model_validator(mode="after")
    def _one_new_for_each(self) -> Self:
        if len(self.item_ids) != len(self.new_item_ids):
            raise ValueError("new_item_ids needs exactly one id for each of item_ids")
        return self


class ModifyOrderAddress(_WithAddress):
    order_id: OrderId


class ModifyOrderPayment(Value):
    order_id: OrderId
    payment_method_id: MethodId


class ModifyCustomerAddress(_WithAddress):
    user_id: OwnId = None


class RefundOrder(Value):
    order_id: OrderId
    amount: Annotated[_Amount, Field(description="In major units of the order's currency, such as 42.10.")]
    reason: RefundReason
    note: Annotated[_Note, Field(description="A few words for the record.")] = ""

    def money(self, currency: str) -> Money:
        return Money.of(self.amount, currency)


A = TypeVar("A", bound=Value)


def parse_arguments(model: type[A], arguments: Mapping[str, Any], *, tool: str) -> A:
    """The validated arguments; `InvalidInput` names every field that is wrong, without echoing values."""
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        )
        known = ", ".join(model.model_fields) or "none"
        raise InvalidInput(problems, where=tool, hint=f"Arguments of this tool: {known}.") from None


def dump_arguments(arguments: Value) -> dict[str, Any]:
    """The JSON form in which arguments are sealed: defaults spelled out, amounts with two decimals."""
    return arguments.model_dump(mode="json", exclude_none=True)
