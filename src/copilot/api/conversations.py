"""Conversations: open, read, list, verify the customer, wrap up."""

from fastapi import APIRouter

from copilot.api.access import ConversationReader, ConversationWriter, CustomerUnlocker, ServicesDep
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import (
    HandOverConversation,
    OpenConversation,
    Page,
    ReportGap,
    VerifyCustomer,
    WrapUpConversation,
)
from copilot.domain.commerce import Customer
from copilot.domain.conversation import Conversation
from copilot.domain.usage import ConversationUsage
from copilot.domain.wrap_up import HandOver, WrapUp

router: APIRouter = v1_router("conversations")


@router.post("/conversations", status_code=201, operation_id="open_conversation")
async def open_conversation(
    body: OpenConversation, principal: ConversationWriter, services: ServicesDep
) -> Conversation:
    """Opens a conversation."""
    return await services.assist.open(
        principal,
        body.channel,
        body.subject,
        body.customer_email,
        customer_verified=body.customer_verified,
    )


@router.get("/conversations", operation_id="list_conversations")
async def list_conversations(
    principal: ConversationReader, services: ServicesDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[Conversation]:
    """Open conversations, newest first, without their turns."""
    return await page_of(services.conversations.list_open, principal.tenant_id, cursor, limit)


@router.get("/conversations/{conversation_id}", operation_id="get_conversation")
async def get_conversation(
    conversation_id: str, principal: ConversationReader, services: ServicesDep
) -> Conversation:
    """The conversation with all its turns."""
    return await services.conversations.get(principal.tenant_id, conversation_id)


@router.get("/conversations/{conversation_id}/usage", operation_id="get_usage")
async def get_usage(
    conversation_id: str, principal: ConversationReader, services: ServicesDep
) -> ConversationUsage:
    """Tokens, cache hits and cost of the language models that worked for the conversation."""
    await services.conversations.get(principal.tenant_id, conversation_id)
    return await services.usage.of(principal.tenant_id, conversation_id)


@router.post("/conversations/{conversation_id}/customer", operation_id="verify_customer")
async def verify_customer(
    conversation_id: str, body: VerifyCustomer, principal: ConversationWriter, services: ServicesDep
) -> Customer:
    """Binds the customer whom the proof identifies; tools act for nobody else from then on."""
    return await services.assist.verify_customer(
        principal,
        conversation_id,
        email=body.email,
        order_id=body.order_id,
        first_name=body.first_name,
        last_name=body.last_name,
        zip_code=body.zip,
    )


@router.post(
    "/conversations/{conversation_id}/customer/unlock", status_code=204, operation_id="unlock_customer"
)
async def unlock_customer(conversation_id: str, principal: CustomerUnlocker, services: ServicesDep) -> None:
    """Lets verification be tried again after too many failures; for a supervisor who has not tried it."""
    await services.assist.unlock_customer(principal, conversation_id)


@router.post("/conversations/{conversation_id}/hand-over", operation_id="hand_over_conversation")
async def hand_over_conversation(
    conversation_id: str, body: HandOverConversation, principal: ConversationWriter, services: ServicesDep
) -> HandOver:
    """Writes what a colleague or team needs who takes the conversation over; it stays open."""
    return await services.assist.hand_over(principal, conversation_id, body.to, body.reason)


@router.post("/conversations/{conversation_id}/gaps", status_code=204, operation_id="report_knowledge_gap")
async def report_knowledge_gap(
    conversation_id: str, body: ReportGap, principal: ConversationWriter, services: ServicesDep
) -> None:
    """Tells the knowledge managers of a question that nothing answers; see `GET /v1/knowledge/gaps`."""
    await services.gap_reports.report(principal, conversation_id, body.question)


@router.post("/conversations/{conversation_id}/wrap-up", operation_id="wrap_up_conversation")
async def wrap_up_conversation(
    conversation_id: str,
    principal: ConversationWriter,
    services: ServicesDep,
    _body: WrapUpConversation | None = None,
) -> WrapUp:
    """Ends the conversation and writes its summary, disposition and case note."""
    return await services.assist.wrap_up(principal, conversation_id)
