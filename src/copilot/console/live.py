"""Conversations under way, the risky ones first, and one conversation as a supervisor sees it."""

from collections.abc import Iterable
from typing import Annotated, Self

from fastapi import Path, Query
from fastapi.responses import Response

from copilot.console.page import PageDep
from copilot.console.paging import listed
from copilot.console.routing import page_router
from copilot.domain.access import Scope
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.assist_events import ConversationSnapshot
from copilot.domain.conversation import Conversation
from copilot.domain.signals import Alert
from copilot.domain.value import Value
from copilot.web.sse import EventStream

router = page_router("live", Scope.ALERTS_READ)
ConversationId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]
_PER_PAGE = 25
_ALERTS = 10
_WAITING = {ActionStatus.PROPOSED, ActionStatus.AWAITING_SECOND_APPROVAL}


class LiveRow(Value):
    """One open conversation in the list; `risk` orders it: what a supervisor was alerted to counts most."""

    conversation: Conversation
    alerts: tuple[Alert, ...]
    signals: tuple[str, ...]
    mood: str
    trend: str
    last_said: str
    waiting: int

    @property
    def risk(self) -> tuple[int, int]:
        return len(self.alerts), len(self.signals)

    @classmethod
    def of(cls, shown: ConversationSnapshot, actions: Iterable[Action]) -> Self:
        understood = shown.understanding
        turns = shown.conversation.turns
        return cls(
            conversation=shown.conversation.model_copy(update={"turns": ()}),
            alerts=shown.alerts,
            signals=tuple(signal.kind.value for signal in understood.signals) if understood else (),
            mood=understood.sentiment.label if understood else "",
            trend=understood.trend.value if understood else "",
            last_said=turns[-1].text if turns else "",
            waiting=sum(action.status in _WAITING for action in actions),
        )


@router.get("")
async def list_live(page: PageDep, cursor: Annotated[str, Query(max_length=500)] = "") -> Response:
    """The page, or its list alone where htmx asks for it again."""
    services, tenant_id = page.services, page.tenant_id

    async def find(after: str | None, limit: int) -> list[Conversation]:
        return await services.conversations.list_open(tenant_id, after=after, limit=limit)

    found = await listed(find, lambda one: one.id, "/console/live", {}, cursor, _PER_PAGE)
    rows = [
        LiveRow.of(
            await services.conversations.snapshot(tenant_id, one.id),
            await services.actions.list_for(tenant_id, one.id),
        )
        for one in found.items
    ]
    rows.sort(key=lambda row: row.risk, reverse=True)
    return page.render(
        "live/_list.html" if page.by_htmx else "live/list.html",
        rows=rows,
        more=found.more,
        cursor=cursor,
        alerts=await services.conversations.list_alerts(tenant_id, limit=_ALERTS),
    )


@router.get("/alerts")
async def follow_alerts(page: PageDep) -> Response:
    """A line for each alert as it is raised."""

    def said(alert: Alert) -> str:
        return page.html("live/_alert.html", alert=alert)

    watched = page.services.events.watch_alerts(page.tenant_id, None)
    return EventStream(watched, data_of=said, permit=page.permit())


@router.get("/{conversation_id}")
async def show_conversation(page: PageDep, conversation_id: ConversationId) -> Response:
    shown = await page.services.conversations.snapshot(page.tenant_id, conversation_id)
    return page.render(
        "live/_conversation.html" if page.by_htmx else "live/show.html",
        shown=shown,
        conversation=shown.conversation,
        actions=await page.services.actions.list_for(page.tenant_id, conversation_id),
    )
