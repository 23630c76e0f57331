"""Which conversation of ours stands for which one of a helpdesk."""

import asyncio
from typing import Protocol

from copilot.domain.access import Principal
from copilot.domain.conversation import Channel, Conversation, ConversationStatus
from copilot.domain.helpdesk import ExternalContact
from copilot.ports import Clock, ConversationStore, HelpdeskStore


class OpensConversations(Protocol):
    """The part of LiveAssist that is needed here."""

    async def open(
        self,
        principal: Principal,
        channel: Channel,
        subject: str = "",
        customer_email: str | None = None,
        *,
        customer_verified: bool = False,
    ) -> Conversation: ...


class ConversationLinks:
    """One per process, so that two who ask at once get one conversation."""

    def __init__(
        self,
        store: HelpdeskStore,
        conversations: ConversationStore,
        assist: OpensConversations,
        clock: Clock,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._assist = assist
        self._clock = clock
        self._opening = asyncio.Lock()

    async def conversation_for(self, principal: Principal, contact: ExternalContact) -> str:
        """The open conversation that stands for it, opened when there is none.

        When the last one was wrapped up, a new one takes its place.
        """
        tenant_id, external_id = principal.tenant_id, contact.external_id
        async with self._opening:
            former = await self._store.conversation_of(tenant_id, external_id)
            if former is not None:
                conversation = await self._conversations.get(tenant_id, former)
                if conversation.status is ConversationStatus.OPEN:
                    return former
            opened = await self._assist.open(
                principal,
                contact.channel,
                contact.subject,
                contact.customer_email,
                customer_verified=contact.customer_verified,
            )
            return await self._store.link(
                tenant_id, external_id, opened.id, self._clock.now(), instead_of=former
            )
