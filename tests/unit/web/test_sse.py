"""The event stream on the wire."""

import asyncio
from datetime import UTC, datetime

from copilot.domain.assist import Degraded
from copilot.domain.assist_events import DegradedEvent
from copilot.domain.errors import DependencyUnavailable, NotAuthenticated
from copilot.web.sse import EventStream, Permit

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def event(number):
    data = Degraded(component="drafter", message="line one\nline two")
    return DegradedEvent(id=number, conversation_id="conv_1", revision=1, created_at=NOW, data=data)


class Source:
    """Events that come when told, and that know whether they were closed."""

    def __init__(self) -> None:
        self.queue = asyncio.Queue()
        self.closed = False

    async def events(self):
        try:
            while (item := await self.queue.get()) is not None:
                yield item
        finally:
            self.closed = True


class Browser:
    """One ASGI connection that collects what is sent, and may leave."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.received = b""
        self.stuck = False

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.stuck:
            await asyncio.sleep(60)
        self.received += message.get("body", b"")

    async def watch(self, source, heartbeat=15.0, permit=None):
        scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
        await EventStream(source.events(), heartbeat, permit=permit)(scope, self.receive, self.send)


async def test_an_event_has_its_id_type_and_data_on_one_line():
    source, browser = Source(), Browser()
    source.queue.put_nowait(event(7))
    source.queue.put_nowait(None)
    await browser.watch(source)

    assert browser.received.decode().split("\n") == [
        "event: degraded", f"data: {event(7).model_dump_json()}", "id: 7", "", "",
    ]  # fmt: skip


async def test_a_comment_comes_when_nothing_happens_and_no_event_is_lost_by_it():
    source, browser = Source(), Browser()
    watching = asyncio.create_task(browser.watch(source, heartbeat=0.02))
    await asyncio.sleep(0.1)
    quiet = browser.received
    source.queue.put_nowait(event(1))
    source.queue.put_nowait(None)
    await watching

    assert quiet.startswith(b": ping\n\n: ping\n\n")
    assert browser.received.count(b"id: 1") == 1


async def test_a_client_that_leaves_while_nothing_happens_ends_the_subscription():
    source, browser = Source(), Browser()
    watching = asyncio.create_task(browser.watch(source))
    await asyncio.sleep(0.01)
    browser.left.set()
    await asyncio.wait_for(watching, 20)
    await asyncio.sleep(0)

    assert source.closed


async def test_a_client_that_leaves_while_an_event_is_sent_ends_the_subscription_without_an_error():
    source, browser = Source(), Browser()
    watching = asyncio.create_task(browser.watch(source))
    await asyncio.sleep(0.01)
    browser.stuck = True
    for number in range(5):
        source.queue.put_nowait(event(number))
    await asyncio.sleep(0.01)
    browser.left.set()
    await asyncio.wait_for(watching, 20)

    assert source.closed


async def test_a_stream_ends_when_what_it_was_opened_with_is_refused_however_much_comes():
    source, browser, asked = Source(), Browser(), []

    async def check():
        asked.append(len(asked))
        source.queue.put_nowait(event(len(asked)))
        if len(asked) == 2:
            raise DependencyUnavailable("the database did not answer")  # refuses nobody
        if len(asked) == 4:
            raise NotAuthenticated("revoked")

    async def chatter():
        while True:
            source.queue.put_nowait(event(0))
            await asyncio.sleep(0.002)

    talking = asyncio.create_task(chatter())
    async with asyncio.timeout(20):
        await browser.watch(source, permit=Permit(check, every=0.01))
    talking.cancel()

    assert asked == [0, 1, 2, 3]
    await asyncio.sleep(0)
    assert source.closed


async def test_a_stream_is_good_no_longer_than_was_said():
    source, browser = Source(), Browser()
    source.queue.put_nowait(event(1))

    async def check():
        raise AssertionError("nobody needs to ask")

    async with asyncio.timeout(20):
        await browser.watch(source, permit=Permit(check, seconds=0.05))

    assert b"id: 1" in browser.received
    await asyncio.sleep(0)
    assert source.closed


async def test_a_dependency_that_goes_away_ends_the_stream_as_any_other_end_does():
    async def events():
        yield event(1)
        raise DependencyUnavailable("The database did not answer.")

    browser = Browser()
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    await EventStream(events())(scope, browser.receive, browser.send)
    assert browser.received.count(b"id: ") == 1
