"""Live events of a conversation, as server-sent events."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request

from copilot.api.access import ConversationReader, MetricsDep, ServicesDep, permit_of
from copilot.api.routing import v1_router
from copilot.domain.conversation import Conversation
from copilot.web.sse import EventStream

_MAX_ID_DIGITS = 18

router: APIRouter = v1_router("events")


async def _existing(
    conversation_id: str, principal: ConversationReader, services: ServicesDep
) -> Conversation:
    """Looked up before the stream starts, while an error can still be answered as one."""
    return await services.conversations.get(principal.tenant_id, conversation_id)


@router.get(
    "/conversations/{conversation_id}/events",
    status_code=200,
    response_class=EventStream,
    operation_id="stream_events",
)
async def stream_events(
    request: Request,
    conversation: Annotated[Conversation, Depends(_existing)],
    services: ServicesDep,
    metrics: MetricsDep,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID", description="The id of the last event seen: the stream goes on after it."
        ),
    ] = None,
) -> EventStream:
    """A snapshot, then events as they happen; with `Last-Event-ID`, first the events missed since.

    Each has `id`, `event` (its type) and `data` (an AssistEvent as JSON). A comment comes every 15 s. When
    too much was missed to be replayed, a snapshot comes instead. A client that is too slow is cut off and
    reconnects; the stream ends when what opened it is good no longer (a key, a token).
    """
    after = _event_id(last_event_id)
    events = services.events.subscribe(conversation.tenant_id, conversation.id, after)
    return EventStream(metrics.counting(events), permit=permit_of(request))


def _event_id(header: str | None) -> int | None:
    """None, which leads to a snapshot, for anything that we have not given: refusing would end a panel."""
    good = header is not None and header.isascii() and header.isdecimal() and len(header) <= _MAX_ID_DIGITS
    return int(header) if header is not None and good else None
