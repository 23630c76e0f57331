"""Finds out who the customer is: e-mail with an order number, or name with ZIP code, and not by guessing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from copilot.domain.commerce import Customer
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.errors import CustomerNotVerified, InvalidInput, NotFound
from copilot.domain.understanding import Entity, EntityKind
from copilot.ports import OrderSystems
from copilot.tools.identity import IdentityGuard, name_claim, order_claim

_NAME = re.compile(
    r"\b(?:my (?:full )?name is|my name's|name is|name:|this is|i am|i'm|it's|under the name(?: of)?)\s+"
    r"([A-Za-z][A-Za-z'’-]+)\s+([A-Za-z][A-Za-z'’-]+)",
    re.IGNORECASE,
)
_BARE_NAME = re.compile(r"^\s*([A-Z][a-z'’-]+)\s+([A-Z][A-Za-z'’-]+)\s*(?:,|;|\.|-|and|zip|$)")


@dataclass(frozen=True)
class Claim:
    """Who somebody says they are, with the second thing that only they should know."""

    email: str | None = None
    order_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    zip_code: str | None = None

    @property
    def is_complete(self) -> bool:
        return bool((self.email and self.order_id) or (self.first_name and self.last_name and self.zip_code))

    @property
    def parts(self) -> tuple[str, ...]:
        """What failures are counted by, of a complete claim."""
        if self.email and self.order_id:
            return order_claim(self.email, self.order_id)
        return name_claim(self.first_name or "", self.last_name or "", self.zip_code or "")


class IdentityCheck:
    """Nobody guesses: the guard counts failures and locks, over restarts, conversations and people."""

    def __init__(self, orders: OrderSystems, guard: IdentityGuard) -> None:
        self._orders = orders
        self._guard = guard

    async def check(
        self, tenant_id: str, conversation_id: str, claim: Claim, principal_id: str | None = None
    ) -> Customer:
        """The customer whom the claim fits. `CustomerNotVerified` when none does, or it is locked.

        The message never says which half was wrong. `principal_id` is who of ours asks, None: the customer.
        """
        if not claim.is_complete:
            raise InvalidInput(
                "Too little to verify a customer.",
                hint="Give e-mail and order number, or first name, last name and ZIP code.",
            )
        async with self._guard.attempt(tenant_id, conversation_id, principal_id, claim.parts):
            customer = await self._find(tenant_id, claim)
            if customer is None:
                raise CustomerNotVerified(
                    "These details do not belong together.", hint="Ask the customer to check them."
                )
        return customer

    async def check_own_words(
        self, conversation: Conversation, entities: tuple[Entity, ...], crm_email: str | None = None
    ) -> Customer | None:
        """The customer that the customer's own turns prove; the same failed claim is not tried twice.

        `crm_email`, who the CRM says is writing, stands in for an e-mail address; it proves nothing alone.
        """
        tenant_id = conversation.tenant_id
        for claim in claims_in(conversation, entities, crm_email):
            if await self._guard.has_failed(tenant_id, conversation.id, claim.parts):
                continue
            try:
                return await self.check(tenant_id, conversation.id, claim)
            except CustomerNotVerified:
                continue
        return None

    async def unlock(self, tenant_id: str, conversation_id: str, by: str) -> int:
        """See `IdentityGuard.unlock`."""
        return await self._guard.unlock(tenant_id, conversation_id, by)

    async def _find(self, tenant_id: str, claim: Claim) -> Customer | None:
        orders = self._orders.of(tenant_id)
        try:
            if claim.email and claim.order_id:
                customer = await orders.find_customer_by_email(claim.email)
                own = {o.casefold() for o in customer.order_ids}
                return customer if claim.order_id.casefold() in own else None
            return await orders.find_customer_by_name_zip(
                claim.first_name or "", claim.last_name or "", claim.zip_code or ""
            )
        except NotFound:
            return None


def claims_in(
    conversation: Conversation, entities: tuple[Entity, ...], crm_email: str | None = None
) -> Iterator[Claim]:
    """What the customer, and nobody else, has said about themselves, the latest first."""
    own = {t.id for t in conversation.turns if t.speaker is Speaker.CUSTOMER}
    said = [e for e in reversed(entities) if e.turn_id in own and not e.doubt]
    email = next((e.value for e in said if e.kind is EntityKind.EMAIL), crm_email)
    order_id = next((e.value for e in said if e.kind is EntityKind.ORDER_ID), None)
    if email and order_id:
        yield Claim(email=email, order_id=order_id)
    zip_code = next((e.value for e in said if e.kind is EntityKind.ZIP), None)
    name = _name_in(conversation)
    if zip_code and name:
        yield Claim(first_name=name[0], last_name=name[1], zip_code=zip_code)


def _name_in(conversation: Conversation) -> tuple[str, str] | None:
    for turn in reversed(conversation.turns):
        if turn.speaker is not Speaker.CUSTOMER:
            continue
        match = next((m for m in _NAME.finditer(turn.text) if m[1].casefold() not in _NOT_NAMES), None)
        match = match or _BARE_NAME.match(turn.text)
        if match is not None and match[1].casefold() not in _NOT_NAMES:
            return match[1], match[2]
    return None


_NOT_NAMES = frozenset(
    [
        "a",
        "an",
        "the",
        "not",
        "so",
        "very",
        "still",
        "just",
        "really",
        "calling",
        "writing",
        "trying",
        "looking",
        "having",
        "getting",
        "sorry",
        "sure",
        "about",
        "in",
        "on",
        "at",
        "to",
        "my",
        "your",
        "out",
        "waiting",
        "wondering",
        "happy",
        "sad",
        "angry",
        "fed",
        "been",
        "going",
        "hello",
        "hi",
        "thank",
        "thanks",
        "good",
    ]
)
