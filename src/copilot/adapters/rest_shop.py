"""Any shop with a REST API: an `OrderSystem` described by an OpenAPI file and a mapping file."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from copilot.adapters.rest_mapping import Endpoint, FieldRule, RestMapping
from copilot.adapters.rest_objects import Unreadable, read_value, write_money
from copilot.adapters.shop_http import Answer, HttpLimits, ShopHttp, checked_key, dig, path_part
from copilot.domain.commerce import Customer, Money, Order, Product, Refund
from copilot.domain.errors import (
    ConfigurationError,
    CopilotError,
    DependencyUnavailable,
    NotFound,
    OutcomeUnknown,
    ToolFailed,
)

ValueT = TypeVar("ValueT", bound=BaseModel)
ReadT = TypeVar("ReadT")
_SERVER_ERROR = 500


class RestShop:
    """`secret` fills the header that the mapping's `authentication` names."""

    def __init__(
        self,
        mapping: RestMapping,
        *,
        secret: str | None = None,
        base_url: str | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        self._endpoints = mapping.endpoints
        self._rules = mapping.rules
        self._http = ShopHttp(
            base_url or mapping.base_url,
            name="The order system",
            credentials=_credentials(mapping, secret),
            limits=limits,
        )

    async def close(self) -> None:
        await self._http.close()

    # ------------------------------------------------------------ looking up

    async def find_customer_by_email(self, email: str) -> Customer:
        found = await self._read("find_customer_by_email", {"email": email})
        return _only([c for c in self._customers(found) if c.email.lower() == email.lower()])

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer:
        arguments = {"first_name": first_name, "last_name": last_name, "zip": zip_code}
        found = await self._read("find_customer_by_name_zip", arguments)
        wanted = (first_name.lower(), last_name.lower(), zip_code)
        return _only(
            [
                c
                for c in self._customers(found)
                if (c.first_name.lower(), c.last_name.lower(), c.address.zip) == wanted
            ]
        )

    async def get_customer(self, customer_id: str) -> Customer:
        found = await self._read("get_customer", {"customer_id": customer_id})
        customer = self._value(Customer, found, self._rules.customer, changes=False)
        return self._same(customer, customer.id, customer_id)

    async def get_order(self, order_id: str) -> Order:
        order = self._order(await self._read("get_order", {"order_id": order_id}), changes=False)
        return self._same(order, order.id, order_id)

    async def get_product(self, product_id: str) -> Product:
        found = await self._read("get_product", {"product_id": product_id})
        product = self._value(Product, found, self._rules.product, changes=False)
        return self._same(product, product.id, product_id)

    async def list_products(self) -> list[Product]:
        found = await self._read("list_products", {})
        return [self._value(Product, p, self._rules.product, changes=False) for p in self._list(found)]

    async def refunds(self, order_id: str) -> list[Refund]:
        if "refunds" not in self._endpoints:
            return list((await self.get_order(order_id)).refunds)
        found = await self._read("refunds", {"order_id": order_id})
        return [self._value(Refund, r, self._rules.refund, changes=False) for r in self._list(found)]

    # ------------------------------------------------------------ changing

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order:
        return await self._change_order("cancel_order", order_id, key, {"reason": reason})

    async def return_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str, *, key: str
    ) -> Order:
        arguments = {"item_ids": list(item_ids), "payment_method_id": payment_method_id}
        return await self._change_order("return_items", order_id, key, arguments)

    async def exchange_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order:
        arguments = _swap(item_ids, new_item_ids, payment_method_id)
        return await self._change_order("exchange_items", order_id, key, arguments)

    async def modify_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order:
        arguments = _swap(item_ids, new_item_ids, payment_method_id)
        return await self._change_order("modify_items", order_id, key, arguments)

    async def modify_order_address(self, order_id: str, address: Mapping[str, str], *, key: str) -> Order:
        return await self._change_order("modify_order_address", order_id, key, {"address": dict(address)})

    async def modify_order_payment(self, order_id: str, payment_method_id: str, *, key: str) -> Order:
        arguments = {"payment_method_id": payment_method_id}
        return await self._change_order("modify_order_payment", order_id, key, arguments)

    async def modify_customer_address(
        self, customer_id: str, address: Mapping[str, str], *, key: str
    ) -> Customer:
        arguments = {"customer_id": customer_id, "address": dict(address), "key": key}
        found = await self._write("modify_customer_address", arguments, key)
        if self._endpoints["modify_customer_address"].operation.reread:
            return await self._afterwards(self.get_customer(customer_id))
        return self._value(Customer, found, self._rules.customer, changes=True)

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund:
        arguments = {
            "order_id": order_id,
            "amount": write_money(amount, self._rules.money),
            "currency": amount.currency,
            "reason": reason,
            "key": key,
        }
        found = await self._write("refund", arguments, key)
        if not self._endpoints["refund"].operation.reread:
            return self._value(Refund, found, self._rules.refund, changes=True)
        for done in await self._afterwards(self.refunds(order_id)):
            if done.idempotency_key == key:
                return done
        raise OutcomeUnknown(f"The order system accepted a refund on {order_id} that it does not list.")

    # ------------------------------------------------------------ parts

    async def _change_order(self, name: str, order_id: str, key: str, arguments: Mapping[str, Any]) -> Order:
        found = await self._write(name, {**arguments, "order_id": order_id, "key": key}, key)
        if self._endpoints[name].operation.reread:
            return await self._afterwards(self.get_order(order_id))
        return self._order(found, changes=True)

    async def _read(self, name: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        endpoint = self._endpoint(name)
        answer = await self._send(endpoint, arguments, {}, changes=False)
        if answer.ok and answer.body is not None:
            return dig(answer.body, endpoint.operation.result)
        if answer.ok:
            raise self._http.trouble("answered with something that is not JSON", changes=False)
        rules = self._rules.answers
        if answer.status in rules.not_found:
            raise NotFound(self._reason(answer, "There is no such entry."))
        self._refuse_misconfigured(answer)
        if answer.redirects or answer.status >= _SERVER_ERROR or answer.status in rules.not_done:
            raise DependencyUnavailable(f"The order system answered HTTP {answer.status}.", hint="Try again.")
        raise ToolFailed(self._reason(answer, f"The order system refused (HTTP {answer.status})."))

    async def _write(self, name: str, arguments: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - JSON
        endpoint = self._endpoint(name)
        header = {self._rules.idempotency_header: checked_key(key)}
        answer = await self._send(endpoint, arguments, header, changes=True)
        if answer.ok and (answer.body is not None or endpoint.operation.reread):
            return dig(answer.body, endpoint.operation.result)
        if answer.ok:
            raise self._http.trouble("answered with something that is not JSON", changes=True)
        rules = self._rules.answers
        if answer.status in rules.not_done:
            raise DependencyUnavailable(
                self._reason(answer, f"The order system is not ready (HTTP {answer.status})."),
                hint="Nothing was done.",
            )
        if answer.redirects or answer.status >= _SERVER_ERROR or answer.status in rules.unknown:
            raise self._http.trouble(f"answered HTTP {answer.status}", changes=True)
        if answer.status in rules.not_found:
            raise NotFound(self._reason(answer, "There is no such entry."))
        self._refuse_misconfigured(answer)
        raise ToolFailed(self._reason(answer, f"The order system refused (HTTP {answer.status})."))

    async def _send(
        self, endpoint: Endpoint, arguments: Mapping[str, Any], headers: Mapping[str, str], *, changes: bool
    ) -> Answer:
        path, query, extra = endpoint.path, {}, dict(headers)
        for name, argument in endpoint.operation.parameters.items():
            value = str(dig(arguments, argument))
            if name in endpoint.in_path:
                path = path.replace(f"{{{name}}}", path_part(value))
            elif name in endpoint.in_header:
                extra[name] = checked_key(value)
            else:
                query[name] = value
        body = _nested({name: dig(arguments, argument) for name, argument in endpoint.operation.body.items()})
        return await self._http.send(
            endpoint.method, path, changes=changes, params=query, headers=extra, json_body=body or None
        )

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self._endpoints:
            raise ToolFailed(f"{name.replace('_', ' ').capitalize()}: not supported by this shop.")
        return self._endpoints[name]

    def _refuse_misconfigured(self, answer: Answer) -> None:
        if answer.status in self._rules.answers.misconfigured:
            raise ConfigurationError(
                f"The order system does not accept our credentials (HTTP {answer.status}).",
                hint="Check COPILOT_ORDER_SYSTEM_SECRET.",
            )

    def _reason(self, answer: Answer, otherwise: str) -> str:
        return self._http.reason(dig(answer.body, self._rules.answers.reason), otherwise)

    def _order(self, found: object, *, changes: bool) -> Order:
        rules = dict(self._rules.order)
        refunds = rules.get("refunds", FieldRule())
        # A refund reads the same whether it is asked for alone or stands in its order.
        rules["refunds"] = refunds.model_copy(update={"fields": {**self._rules.refund, **refunds.fields}})
        return self._value(Order, found, rules, changes=changes)

    def _customers(self, found: object) -> list[Customer]:
        found = found if isinstance(found, list) else [found] if found is not None else []
        return [self._value(Customer, c, self._rules.customer, changes=False) for c in found]

    def _list(self, found: object) -> list[object]:
        if not isinstance(found, list):
            raise self._http.trouble("answered without the list asked for", changes=False)
        return found

    def _value(
        self, model: type[ValueT], found: object, rules: Mapping[str, FieldRule], *, changes: bool
    ) -> ValueT:
        try:
            return read_value(model, found, rules, self._rules.money)
        except Unreadable as error:
            raise self._http.trouble(
                f"sent what the mapping file does not describe ({error})", changes=changes
            ) from error

    def _same(self, found: ValueT, its_id: str, wanted: str) -> ValueT:
        if its_id != wanted:
            raise self._http.trouble(f"answered about something else than {wanted}", changes=False)
        return found

    async def _afterwards(self, reading: Awaitable[ReadT]) -> ReadT:
        """What is read after a change: failing to read does not mean that nothing was done."""
        try:
            return await reading
        except CopilotError as error:
            raise OutcomeUnknown(f"The change was accepted, but not read back: {error.message}") from error


def _credentials(mapping: RestMapping, secret: str | None) -> dict[str, str]:
    authentication = mapping.rules.authentication
    if authentication is None:
        return {}
    if not secret:
        raise ConfigurationError(
            "The order system needs a secret.", hint="Set COPILOT_ORDER_SYSTEM_SECRET (or …_SECRET_FILE)."
        )
    return {authentication.header: f"{authentication.scheme} {secret}" if authentication.scheme else secret}


def _swap(item_ids: Sequence[str], new_item_ids: Sequence[str], payment_method_id: str) -> dict[str, Any]:
    return {
        "item_ids": list(item_ids),
        "new_item_ids": list(new_item_ids),
        "payment_method_id": payment_method_id,
    }


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        here = result
        for parent in parents:
            here = here.setdefault(parent, {})
        here[last] = value
    return result


def _only(found: Sequence[Customer]) -> Customer:
    """The one customer found; when several fit, none of them is shown."""
    if not found:
        raise NotFound("No customer fits.")
    if len(found) > 1:
        raise ToolFailed("More than one customer fits.", hint="Ask for the e-mail address.")
    return found[0]
