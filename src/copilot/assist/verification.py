"""Who the customer is: bound to the conversation once their words, or the representative's, prove it."""

import logging

from copilot.assist.identity import Claim, IdentityCheck
from copilot.assist.profile import TenantProfiles
from copilot.assist.understanding import entities_of
from copilot.assist.workbench import Workbench
from copilot.domain.access import Principal, Scope, require
from copilot.domain.actions import LedgerRecord
from copilot.domain.commerce import Customer
from copilot.domain.conversation import Conversation
from copilot.domain.errors import CopilotError, NoOrderSystem
from copilot.ports import Clock, ConversationStore, LedgerStore, OrderSystems

_log = logging.getLogger(__name__)


class Verification:
    """Checks claims and binds customers; every binding makes a new revision."""

    def __init__(
        self,
        check: IdentityCheck,
        orders: OrderSystems,
        store: ConversationStore,
        ledger: LedgerStore,
        workbench: Workbench,
        profiles: TenantProfiles,
        clock: Clock,
    ) -> None:
        self._check = check
        self._orders = orders
        self._store = store
        self._ledger = ledger
        self._workbench = workbench
        self._profiles = profiles
        self._clock = clock

    async def known_customer(self, tenant_id: str, email: str | None) -> str | None:
        """The id of the customer whom the CRM has authenticated; None: they can still be verified later."""
        if not email:
            return None
        try:
            return (await self._orders.of(tenant_id).find_customer_by_email(email)).id
        except CopilotError:
            return None

    async def recognise(self, conversation: Conversation) -> Conversation:
        """Binds the customer whom the customer's own words prove; a failure here costs nothing else."""
        if conversation.customer_id is not None:
            return conversation
        profile = await self._profiles.of(conversation.tenant_id)
        memory = await self._workbench.memory(conversation)
        entities = entities_of(conversation, profile)
        try:
            customer = await self._check.check_own_words(conversation, entities, memory.crm_email)
        except NoOrderSystem:
            return conversation
        except CopilotError as error:
            _log.warning("customer not recognised in %s: %s", conversation.id, error.code)
            return conversation
        return conversation if customer is None else await self.bind(conversation, customer.id)

    async def prove(self, principal: Principal, conversation: Conversation, claim: Claim) -> Customer:
        """The customer whom the claim fits; `CustomerNotVerified` when it fits none, or too many failed."""
        return await self._check.check(conversation.tenant_id, conversation.id, claim, principal.id)

    async def bind(self, conversation: Conversation, customer_id: str) -> Conversation:
        return await self._store.set_customer(
            conversation.tenant_id, conversation.id, customer_id, self._clock.now()
        )

    async def unlock(self, principal: Principal, conversation_id: str) -> None:
        """Lets verification be tried again, for what this conversation's attempts were about."""
        require(principal, Scope.CUSTOMERS_UNLOCK)
        conversation = await self._store.get(principal.tenant_id, conversation_id)
        subjects = await self._check.unlock(principal.tenant_id, conversation.id, principal.id)
        body = {"by": principal.id, "subjects": subjects}
        record = LedgerRecord(kind="unlock", subject_id=conversation.id, body=body, at=self._clock.now())
        await self._ledger.append(principal.tenant_id, record)
