"""Finds out who the customer is: e-mail with an order number, or name with ZIP code, and not by guessing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from copilot.domain.assist import Entity, EntityKind
from copilot.domain.commerce import Customer
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.errors import CustomerNotVerified, InvalidInput, NotFound
from copilot.ports import OrderSystem

MAX_FAILURES = 5
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


class IdentityCheck:
    """Counts failures per conversation and locks after five, whoever asks."""

    def __init__(self, orders: OrderSystem, max_failures: int = MAX_FAILURES) -> None:
        self._orders = orders
        self._max_failures = max_failures
        self._failures: dict[str, int] = {}
        self._refused: dict[str, set[Claim]] = {}

    def is_locked(self, conversation_id: str) -> bool:
        return self._failures.get(conversation_id, 0) >= self._max_failures

    async def check(self, conversation_id: str, claim: Claim) -> Customer:
        """The customer whom the claim fits. `CustomerNotVerified` when none does or after five failures.

        The message never says which half was wrong.
        """
        if not claim.is_complete:
            raise InvalidInput(
                "Too little to verify a customer.",
                hint="Give e-mail and order number, or first name, last name and ZIP code.",
            )
        if self.is_locked(conversation_id):
            raise CustomerNotVerified(
                "Verification is locked after too many failed attempts.",
                hint="Open a new conversation, or ask a supervisor.",
            )
        customer = await self._find(claim)
        if customer is None:
            self._failures[conversation_id] = self._failures.get(conversation_id, 0) + 1
            self._refused.setdefault(conversation_id, set()).add(claim)
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
        for claim in claims_in(conversation, entities, crm_email):
            if self.is_locked(conversation.id):
                return None
            if claim in self._refused.get(conversation.id, ()):
                continue
            try:
                return await self.check(conversation.id, claim)
            except CustomerNotVerified:
                continue
        return None

    def forget(self, conversation_id: str) -> None:
        self._failures.pop(conversation_id, None)
        self._refused.pop(conversation_id, None)

    async def _find(self, claim: Claim) -> Customer | None:
        try:
            if claim.email and claim.order_id:
                customer = await self._orders.find_customer_by_email(claim.email)
                own = {o.casefold() for o in customer.order_ids}
                return customer if claim.order_id.casefold() in own else None
            return await self._orders.find_customer_by_name_zip(
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
