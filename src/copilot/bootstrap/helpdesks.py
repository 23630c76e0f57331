"""Outside helpdesks: their files read, their queues worked on."""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass

from copilot.adapters.helpdesks.settings import load_helpdesks
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.helpdesk_store import SqlHelpdeskStore
from copilot.assist.helpdesk.inbox import HelpdeskInbox
from copilot.assist.helpdesk.links import ConversationLinks
from copilot.assist.helpdesk.outbox import HelpdeskOutbox
from copilot.assist.service import LiveAssist
from copilot.config import Settings
from copilot.ports import Clock, ConversationStore, EventBus, Ids
from copilot.ports.tasks import ended
from copilot.ports.tracing import Tracer


@dataclass(frozen=True)
class Helpdesks:
    links: ConversationLinks
    inbox: HelpdeskInbox
    outbox: HelpdeskOutbox


async def open_helpdesks(
    settings: Settings,
    database: Database,
    assist: LiveAssist,
    conversations: ConversationStore,
    events: EventBus,
    clock: Clock,
    ids: Ids,
    tracer: Tracer,
    stack: AsyncExitStack,
) -> Helpdesks:
    """Begins to work on what was taken in and is to be written, also from before; ends with `stack`."""
    store = SqlHelpdeskStore(database)
    links = ConversationLinks(store, conversations, assist, clock)
    helpdesks = load_helpdesks(settings.helpdesk_descriptions, settings.tenant, os.environ.get)
    for helpdesk in helpdesks:
        stack.push_async_callback(helpdesk.close)
    inbox = HelpdeskInbox(helpdesks, store, links, assist, events, clock, ids, tracer=tracer)
    outbox = HelpdeskOutbox(helpdesks, store, events, clock, inbox.noted, tracer=tracer)
    if helpdesks and settings.background_work:
        for work in (inbox.run(), outbox.run()):
            task = asyncio.create_task(work, name="helpdesks")
            stack.push_async_callback(ended, task)
    return Helpdesks(links, inbox, outbox)
