"""A shop's JSON objects as our values, by the rules of its mapping file."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from copilot.adapters.rest_mapping import FieldRule, MoneyRule, MoneyUnit
from copilot.adapters.shop_http import decimal_string, dig, minor_units
from copilot.domain.commerce import Money

ValueT = TypeVar("ValueT", bound=BaseModel)
_ABSENT = FieldRule()
_MOST_TIMES = 1_000


class Unreadable(ValueError):
    """An answer that does not fit the mapping; says the field, never its content."""


def read_value(
    model: type[ValueT], found: object, rules: Mapping[str, FieldRule], money: MoneyRule
) -> ValueT:
    """`Unreadable` when the object does not hold what the model needs."""
    try:
        return model.model_validate(_plain(model, found, rules, money, model.__name__.lower()))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (model.__name__.lower(), *first["loc"])))
        raise Unreadable(f"{place}: {first['msg']}") from error


def write_money(amount: Money, rule: MoneyRule) -> Any:  # noqa: ANN401 - a JSON value
    written = amount.minor if rule.unit is MoneyUnit.MINOR else decimal_string(amount.minor)
    if rule.amount_field is None:
        return written
    return {rule.amount_field: written, (rule.currency_field or "currency"): amount.currency}


def _plain(
    model: type[BaseModel], found: object, rules: Mapping[str, FieldRule], money: MoneyRule, place: str
) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise Unreadable(f"{place}: an object was expected")
    plain = {}
    for name, field in model.model_fields.items():
        rule = rules.get(name, _ABSENT)
        value = dig(found, rule.field if rule.field is not None else name)
        if value is None:
            value = rule.default
        if value is not None:
            plain[name] = _converted(field.annotation, value, rule, money, f"{place}.{name}")
    return plain


def _converted(
    annotation: Any,  # noqa: ANN401 - any type annotation
    value: Any,  # noqa: ANN401 - any JSON value
    rule: FieldRule,
    money: MoneyRule,
    place: str,
) -> Any:  # noqa: ANN401
    if get_origin(annotation) is tuple:
        return _list(get_args(annotation)[0], value, rule, money, place)
    model = _model(annotation)
    if model is Money:
        return _money(value, money, place)
    if model is not None:
        return _plain(model, value, rule.fields, money, place)
    if isinstance(value, str) and value in rule.values:
        return rule.values[value]
    # Identifiers are text here, whatever they are there.
    return str(value) if annotation is str and isinstance(value, int) else value


def _list(
    member: Any,  # noqa: ANN401
    value: Any,  # noqa: ANN401
    rule: FieldRule,
    money: MoneyRule,
    place: str,
) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"{place}: a list was expected")
    each = FieldRule(fields=rule.fields, values=rule.values)
    members = []
    for index, one in enumerate(value):
        times = dig(one, rule.times) if rule.times else 1
        if isinstance(times, bool) or not isinstance(times, int) or not 0 <= times <= _MOST_TIMES:
            raise Unreadable(f"{place}.{index}: a quantity was expected at {rule.times}")
        members += [_converted(member, one, each, money, f"{place}.{index}")] * times
    return members


def _model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _money(value: Any, rule: MoneyRule, place: str) -> dict[str, Any]:  # noqa: ANN401
    amount, currency = value, rule.currency
    if rule.amount_field is not None:
        amount = dig(value, rule.amount_field)
        currency = dig(value, rule.currency_field or "currency")
        currency = currency.upper() if isinstance(currency, str) else currency
    if rule.unit is MoneyUnit.MINOR:
        if isinstance(amount, bool) or not isinstance(amount, int):
            raise Unreadable(f"{place}: whole minor units were expected")
        return {"minor": amount, "currency": currency}
    try:
        return {"minor": minor_units(amount), "currency": currency}
    except ValueError as error:
        raise Unreadable(f"{place}: {error}") from error
