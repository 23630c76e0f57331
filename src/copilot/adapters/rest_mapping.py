"""The mapping file of a REST shop: which operation of its OpenAPI file serves what, and where its fields are.

`docs/order-systems.md` shows one. Everything it says is checked against the OpenAPI file when it is loaded.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import yaml
from pydantic import Field, model_validator

from copilot.adapters.shop_http import dig
from copilot.adapters.yaml_source import YamlSource, raise_for, read_all, suggest
from copilot.domain.errors import ConfigurationError
from copilot.domain.value import Value

_METHODS = ("get", "put", "post", "patch", "delete")
_SWAP = frozenset({"order_id", "item_ids", "new_item_ids", "payment_method_id", "key"})

READS: Mapping[str, frozenset[str]] = {
    "find_customer_by_email": frozenset({"email"}),
    "find_customer_by_name_zip": frozenset({"first_name", "last_name", "zip"}),
    "get_customer": frozenset({"customer_id"}),
    "get_order": frozenset({"order_id"}),
    "get_product": frozenset({"product_id"}),
    "list_products": frozenset(),
    "refunds": frozenset({"order_id"}),
}
WRITES: Mapping[str, frozenset[str]] = {
    "cancel_order": frozenset({"order_id", "reason", "key"}),
    "return_items": frozenset({"order_id", "item_ids", "payment_method_id", "key"}),
    "exchange_items": _SWAP,
    "modify_items": _SWAP,
    "modify_order_address": frozenset({"order_id", "address", "key"}),
    "modify_order_payment": frozenset({"order_id", "payment_method_id", "key"}),
    "modify_customer_address": frozenset({"customer_id", "address", "key"}),
    "refund": frozenset({"order_id", "amount", "currency", "reason", "key"}),
}


class MoneyUnit(StrEnum):
    """`4900`, or `"49.00"`."""

    MINOR = "minor_units"
    DECIMAL = "decimal_string"


class MoneyRule(Value):
    """How the shop writes an amount: alone, in `currency`; or as an object with these two fields."""

    unit: MoneyUnit
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    amount_field: str | None = None
    currency_field: str | None = None


class FieldRule(Value):
    """Where one of our fields is in the shop's object; a bare string in the file is the `field` alone."""

    field: str | None = None
    """Dotted path; None: under our own name."""
    values: dict[str, str] = Field(default_factory=dict)
    """The shop's word → ours."""
    default: str | None = None
    times: str | None = None
    """Of a list: the field that says how often its element stands there (a quantity)."""
    fields: "dict[str, FieldRule]" = Field(default_factory=dict)
    """Of an object, or of each object of a list."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, given: object) -> object:
        return {"field": given} if isinstance(given, str) else given


class Operation(Value):
    """One operation of the OpenAPI file. `parameters` and `body`: its name → our argument."""

    operation: str
    parameters: dict[str, str] = Field(default_factory=dict)
    body: dict[str, str] = Field(default_factory=dict)
    """Dotted names make objects within objects."""
    result: str = ""
    """Dotted path to what is asked for; empty: the whole answer."""
    reread: bool = False
    """Of a change: its answer holds nothing useful, so the order or customer is read afterwards."""


class Answers(Value):
    """What statuses mean for a change. 4xx that stand nowhere refuse; all else that is not 2xx is unknown."""

    not_found: tuple[int, ...] = (404, 410)
    not_done: tuple[int, ...] = (429, 503)
    """Surely without effect: it is tried again with the same key."""
    unknown: tuple[int, ...] = (408, 409, 425)
    """May have had an effect, e.g. because the same key is just being worked on."""
    misconfigured: tuple[int, ...] = (401,)
    reason: str = "message"
    """Dotted path to the shop's own words."""


class Authentication(Value):
    """The header that carries the secret, which itself comes from the environment or a file."""

    header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$")
    scheme: str | None = "Bearer"


class Mapped(Value):
    openapi: str
    """Beside this file, or relative to it."""
    base_url: str | None = None
    """None: the first server of the OpenAPI file."""
    authentication: Authentication | None = None
    money: MoneyRule
    idempotency_header: str = Field(default="Idempotency-Key", pattern=r"^[A-Za-z0-9-]+$")
    answers: Answers = Answers()
    operations: dict[str, Operation]
    customer: dict[str, FieldRule] = Field(default_factory=dict)
    order: dict[str, FieldRule] = Field(default_factory=dict)
    product: dict[str, FieldRule] = Field(default_factory=dict)
    refund: dict[str, FieldRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_operations(self) -> Self:
        known = {**READS, **WRITES}
        for name, operation in self.operations.items():
            if name not in known:
                raise ValueError(f"no operation is called {name!r}{suggest(name, list(known))}")
            for argument in (*operation.parameters.values(), *operation.body.values()):
                if argument.split(".")[0] not in known[name]:
                    raise ValueError(
                        f"{name} has no argument {argument!r}{suggest(argument, sorted(known[name]))}"
                    )
        if "get_order" not in self.operations:
            raise ValueError("get_order has to be mapped: every tool asks for orders")
        return self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An `Operation` with what the OpenAPI file says of it."""

    method: str
    path: str
    """With `{name}` where a path parameter stands."""
    operation: Operation
    in_path: frozenset[str]
    in_header: frozenset[str]


@dataclass(frozen=True, slots=True)
class RestMapping:
    rules: Mapped
    base_url: str
    endpoints: Mapping[str, Endpoint]


def load_mapping(path: Path) -> RestMapping:
    """`ConfigurationError` names file, line and what was expected."""
    sources, problems = read_all([path], Mapped)
    raise_for(problems)
    (source,) = sources
    rules = source.value
    described = _openapi(path.parent / rules.openapi)
    known = dict(_operations(described))
    endpoints = {}
    for name, operation in rules.operations.items():
        endpoint = _endpoint(described, known, operation)
        if isinstance(endpoint, str):
            problems.append(source.problem(("operations", name), endpoint))
        else:
            endpoints[name] = endpoint
    raise_for(problems)
    return RestMapping(rules, _base_url(source, described), endpoints)


def _openapi(path: Path) -> Any:  # noqa: ANN401 - a JSON document
    try:
        text = path.read_text(encoding="utf-8")
        described = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError("The OpenAPI file cannot be read.", where=str(path)) from error
    if not isinstance(described, dict) or not str(described.get("openapi", "")).startswith("3."):
        raise ConfigurationError("This is not an OpenAPI 3 file.", where=str(path))
    return described


def _base_url(source: YamlSource[Mapped], described: Mapping[str, Any]) -> str:
    url = source.value.base_url or dig(described, "servers.0.url")
    if not isinstance(url, str) or not urljoin(url, "/").startswith("http"):
        raise ConfigurationError(
            "No address: neither `base_url` nor `servers` in the OpenAPI file holds one.", where=source.file
        )
    return url


def _operations(described: Mapping[str, Any]) -> list[tuple[str, tuple[str, str]]]:
    """(operationId, (method, path)) of every operation."""
    return [
        (operation["operationId"], (method, path))
        for path, methods in (described.get("paths") or {}).items()
        for method, operation in methods.items()
        if method in _METHODS and "operationId" in operation
    ]


def _endpoint(
    described: Mapping[str, Any], known: Mapping[str, tuple[str, str]], operation: Operation
) -> Endpoint | str:
    """The operation as the OpenAPI file has it, or what is wrong."""
    if operation.operation not in known:
        hint = suggest(operation.operation, list(known))
        return f"the OpenAPI file has no operation {operation.operation!r}{hint}"
    method, path = known[operation.operation]
    there = described["paths"][path]
    parameters = [
        _resolved(described, p) for p in (*there.get("parameters", ()), *there[method].get("parameters", ()))
    ]
    places = {p["name"]: p["in"] for p in parameters}
    if wrong := sorted(set(operation.parameters) - set(places)):
        return f"{operation.operation} has no parameter {wrong[0]!r}{suggest(wrong[0], list(places))}"
    in_path = frozenset(re.findall(r"{([^}]+)}", path))
    if missing := sorted(in_path - set(operation.parameters)):
        return f"{operation.operation} needs the parameter {missing[0]!r}"
    if (wrong_field := _unknown_field(described, there[method], operation)) is not None:
        return wrong_field
    in_header = frozenset(n for n, place in places.items() if place == "header")
    return Endpoint(method.upper(), path, operation, in_path, in_header)


def _unknown_field(
    described: Mapping[str, Any], there: Mapping[str, Any], operation: Operation
) -> str | None:
    schema = dig(_resolved(described, there.get("requestBody") or {}), "content")
    schema = (schema or {}).get("application/json", {}).get("schema", {})
    for name in operation.body:
        here = schema
        for step in name.split("."):
            properties = _resolved(described, here).get("properties")
            if properties is None:
                break
            if step not in properties:
                return f"{operation.operation} takes no field {name!r}{suggest(step, list(properties))}"
            here = properties[step]
    return None


def _resolved(described: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows a reference within the file; others are not fetched."""
    for _ in range(8):
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        target: Any = described
        for step in reference.removeprefix("#/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~"), {})
        node = target
    return {}
