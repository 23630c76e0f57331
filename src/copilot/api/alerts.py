"""Alerts: conversations that a supervisor should look at."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from copilot.api.access import AlertReader, ServicesDep, permit_of
from copilot.api.paging import Cursor, Limit, page_of
from copilot.api.routing import v1_router
from copilot.api.schemas import Page
from copilot.domain.signals import Alert
from copilot.web.sse import EventStream

_MAX_ID = 100

router: APIRouter = v1_router("alerts")


@router.get("/alerts", operation_id="list_alerts")
async def list_alerts(
    principal: AlertReader, services: ServicesDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[Alert]:
    """Alerts of all conversations, newest first; one for each conversation and reason."""
    return await page_of(services.conversations.list_alerts, principal.tenant_id, cursor, limit)


@router.get("/alerts/events", status_code=200, response_class=EventStream, operation_id="stream_alerts")
async def stream_alerts(
    request: Request,
    principal: AlertReader,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=_MAX_ID,
            description="The id of the last alert seen: the stream goes on after it.",
        ),
    ] = None,
) -> EventStream:
    """Alerts as they are raised; with `Last-Event-ID`, first those missed since.

    Each has `id` (the alert's), `event` (alert) and `data` (an Alert as JSON). An alert is in the list before
    it is in the stream: whoever connects first and lists then misses none.
    """
    watched = services.events.watch_alerts(principal.tenant_id, last_event_id)
    return EventStream(watched, permit=permit_of(request))
