"""Shopify's Admin GraphQL API over HTTP: throttling is waited for, errors say whether anything was done.

Queries and mutations are of version 2026-10 (shopify.dev/docs/api/admin-graphql/2026-10).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from copilot.adapters.shop_http import Answer, ShopHttp, dig
from copilot.domain.errors import (
    ConfigurationError,
    DependencyUnavailable,
    OutcomeUnknown,
    ToolFailed,
)

API_VERSION: Final = "2026-10"
_LONGEST_WAIT = 2.0
_TRIES = 3
_NOT_ALLOWED = frozenset({"ACCESS_DENIED"})
_TOO_FAST = frozenset({"THROTTLED"})
_NEVER_RUN = frozenset({"MAX_COST_EXCEEDED", "BAD_REQUEST", "INVALID_VARIABLE"})
_UNAUTHORISED, _FORBIDDEN, _TOO_MANY = 401, 403, 429
_IN_PROGRESS = "currently in progress"
_OTHER_PARAMETERS = "same idempotency key"

MONEY = "presentmentMoney { amount currencyCode }"

ORDER = f"""
fragment OrderFields on Order {{
  id name createdAt cancelledAt returnStatus displayFulfillmentStatus
  cancellation {{ staffNote }}
  customer {{ id }}
  shippingAddress {{ firstName lastName address1 address2 city provinceCode countryCodeV2 zip }}
  totalShippingPriceSet {{ {MONEY} }}
  lineItems(first: 100) {{
    nodes {{
      id title quantity variantTitle
      variant {{ id selectedOptions {{ name value }} }}
      product {{ id productType tags }}
      discountedUnitPriceAfterAllDiscountsSet {{ {MONEY} }}
    }}
  }}
  fulfillments(first: 10) {{
    createdAt deliveredAt estimatedDeliveryAt displayStatus
    trackingInfo(first: 5) {{ company number }}
  }}
  transactions(first: 50) {{
    id kind status gateway
    amountSet {{ {MONEY} }}
    parentTransaction {{ id }}
    paymentDetails {{ ... on CardPaymentDetails {{ company number }} }}
  }}
  refunds(first: 50) {{
    id createdAt note
    totalRefundedSet {{ {MONEY} }}
    transactions(first: 5) {{ nodes {{ status parentTransaction {{ id }} }} }}
  }}
  returns(first: 5) {{
    nodes {{
      id status
      returnLineItems(first: 25) {{
        nodes {{ quantity returnReasonNote ... on ReturnLineItem {{
          fulfillmentLineItem {{ lineItem {{ id variant {{ id }} }} }}
        }} }}
      }}
    }}
  }}
}}
"""

ORDER_BY_NAME = f"""
query OrderByName($query: String!) {{
  orders(first: 5, query: $query) {{ nodes {{ ...OrderFields }} }}
}}
{ORDER}"""

_CUSTOMER = """
fragment CustomerFields on Customer {
  id firstName lastName
  defaultEmailAddress { emailAddress }
  defaultPhoneNumber { phoneNumber }
  defaultAddress { address1 address2 city provinceCode countryCodeV2 zip }
  orders(first: 25, sortKey: CREATED_AT, reverse: true) {
    nodes {
      name
      transactions(first: 5) {
        id kind status gateway
        paymentDetails { ... on CardPaymentDetails { company number } }
      }
    }
  }
}
"""

CUSTOMER = f"""
query Customer($id: ID!) {{ customer(id: $id) {{ ...CustomerFields }} }}
{_CUSTOMER}"""

CUSTOMER_BY_EMAIL = f"""
query CustomerByEmail($email: String!) {{
  customerByIdentifier(identifier: {{emailAddress: $email}}) {{ ...CustomerFields }}
}}
{_CUSTOMER}"""

CUSTOMERS_BY_NAME = f"""
query CustomersByName($query: String!) {{
  customers(first: 5, query: $query) {{ nodes {{ ...CustomerFields }} }}
}}
{_CUSTOMER}"""

_PRODUCT = """
fragment ProductFields on Product {
  id title productType
  variants(first: 20) { nodes { id price availableForSale selectedOptions { name value } } }
}
"""

PRODUCT = f"""
query Product($id: ID!) {{ shop {{ currencyCode }} product(id: $id) {{ ...ProductFields }} }}
{_PRODUCT}"""

PRODUCTS = f"""
query Products($after: String) {{
  shop {{ currencyCode }}
  products(first: 20, after: $after, query: "status:active") {{
    nodes {{ ...ProductFields }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
{_PRODUCT}"""

RETURNABLE = """
query Returnable($orderId: ID!) {
  returnableFulfillments(orderId: $orderId, first: 10) {
    nodes {
      returnableFulfillmentLineItems(first: 50) {
        nodes { quantity fulfillmentLineItem { id lineItem { id variant { id } } } }
      }
    }
  }
}
"""

REFUND = f"""
mutation Refund($input: RefundInput!, $key: String!) {{
  refundCreate(input: $input) @idempotent(key: $key) {{
    refund {{
      id createdAt note
      totalRefundedSet {{ {MONEY} }}
      transactions(first: 5) {{ nodes {{ status parentTransaction {{ id }} }} }}
    }}
    userErrors {{ field message }}
  }}
}}
"""

CANCEL = """
mutation Cancel($orderId: ID!, $staffNote: String!) {
  orderCancel(
    orderId: $orderId, reason: CUSTOMER, restock: true, notifyCustomer: true,
    refundMethod: {originalPaymentMethodsRefund: true}, staffNote: $staffNote
  ) {
    job { id done }
    orderCancelUserErrors { field message code }
  }
}
"""

RETURN = """
mutation Return($input: ReturnInput!) {
  returnCreate(returnInput: $input) {
    return { id status }
    userErrors { field message code }
  }
}
"""

ADDRESS = """
mutation Address($input: OrderInput!) {
  orderUpdate(input: $input) { order { id } userErrors { field message } }
}
"""


class ShopifyGraphql:
    """`sleep` waits for the quota to fill again; tests pass one that does not."""

    def __init__(self, http: ShopHttp, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._http = http
        self._sleep = sleep

    async def close(self) -> None:
        await self._http.close()

    async def query(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._run(document, variables, changes=False)

    async def mutate(
        self, document: str, variables: Mapping[str, Any], *, field: str, errors: str = "userErrors"
    ) -> Mapping[str, Any]:
        """The mutation's payload. `ToolFailed` carries what Shopify's user errors say."""
        data = await self._run(document, variables, changes=True)
        payload = data.get(field)
        if not isinstance(payload, Mapping):
            raise self._http.trouble("answered without saying what was done", changes=True)
        self._refuse_user_errors(payload.get(errors) or ())
        return payload

    async def _run(self, document: str, variables: Mapping[str, Any], *, changes: bool) -> Mapping[str, Any]:
        for attempt in range(_TRIES):
            answer = await self._http.send(
                "POST",
                f"/admin/api/{API_VERSION}/graphql.json",
                changes=changes,
                json_body={"query": document, "variables": dict(variables)},
            )
            wait = self._throttled(answer)
            if wait is None:
                return self._data(answer, changes=changes)
            if attempt + 1 < _TRIES:
                await self._sleep(min(wait, _LONGEST_WAIT))
        raise DependencyUnavailable("Shopify has asked us to go slower.", hint="Nothing was done.")

    def _throttled(self, answer: Answer) -> float | None:
        """Seconds until the quota suffices, None when it did."""
        if answer.status == _TOO_MANY:
            return _LONGEST_WAIT
        if not _codes(answer) & _TOO_FAST:
            return None
        cost = dig(answer.body, "extensions.cost") or {}
        try:
            missing = float(cost["requestedQueryCost"]) - float(cost["throttleStatus"]["currentlyAvailable"])
            return max(0.0, missing / float(cost["throttleStatus"]["restoreRate"]))
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return _LONGEST_WAIT

    def _data(self, answer: Answer, *, changes: bool) -> Mapping[str, Any]:
        codes = _codes(answer)
        if answer.status in {_UNAUTHORISED, _FORBIDDEN} or codes & _NOT_ALLOWED:
            raise ConfigurationError(
                "Shopify does not allow this with our access token.",
                hint="Check COPILOT_ORDER_SYSTEM_SECRET and the app's access scopes.",
            )
        if not answer.ok:
            raise self._http.trouble(f"answered HTTP {answer.status}", changes=changes)
        if not isinstance(answer.body, Mapping):
            raise self._http.trouble("answered with something that is not JSON", changes=changes)
        if errors := answer.body.get("errors"):
            self._refuse_errors(errors, codes, changes=changes)
        data = answer.body.get("data")
        if not isinstance(data, Mapping):
            raise self._http.trouble("answered without data", changes=changes)
        return data

    def _refuse_errors(self, errors: object, codes: set[str], *, changes: bool) -> NoReturn:
        said = self._http.reason(dig(errors, "0.message"), "no reason given")
        self._refuse_key_errors(said)
        # Their validation's codes are in camel case (undefinedField, …): such a document was never run.
        if codes & _NEVER_RUN or any(code[:1].islower() for code in codes):
            raise ToolFailed(f"Shopify did not understand the request: {said}")
        raise self._http.trouble(f"reported an error of its own ({said})", changes=changes)

    def _refuse_user_errors(self, errors: Sequence[Mapping[str, Any]]) -> None:
        if not errors:
            return
        said = self._http.reason(errors[0].get("message"), "Shopify refused without a reason.")
        self._refuse_key_errors(said)
        raise ToolFailed(said)

    def _refuse_key_errors(self, said: str) -> None:
        """`UserError` has no code: their published sentences are all there is to go by."""
        if _IN_PROGRESS in said:
            raise OutcomeUnknown("Shopify is still working on this very request.")
        if _OTHER_PARAMETERS in said.lower():
            raise ToolFailed("This idempotency key was used for another request.")


def _codes(answer: Answer) -> set[str]:
    errors = dig(answer.body, "errors")
    if not isinstance(errors, list):
        return set()
    return {code for error in errors if isinstance(code := dig(error, "extensions.code"), str)}
