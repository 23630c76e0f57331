"""Playbook timers: what is offered when nobody has spoken for a while."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from tests.unit.assist.world import NOW, RITA, SHIPPING, world

from copilot.adapters.fakes.clock import FixedClock
from copilot.domain.playbook import Playbook, PlaybookStep

PATIENT = Playbook.model_validate(
    SHIPPING.model_dump(by_alias=True)
    | {
        "steps": [
            {"id": "tell", "kind": "inform", "title": "Tell them", "why": "They asked."},
            {
                "id": "still-there",
                "kind": "ask",
                "title": "Ask whether they are still there",
                "why": "Nobody has spoken for ten minutes.",
                "after": "10m",
                "when": {"fact": "conversation.last_speaker", "is": "representative"},
                "say": "Are you still there?",
            },
            {
                "id": "hurry",
                "kind": "inform",
                "title": "Answer the customer",
                "why": "They have been waiting.",
                "after": "2m",
                "when": {"fact": "conversation.last_speaker", "is": "customer"},
            },
            {
                "id": "close",
                "kind": "close",
                "title": "Close the conversation",
                "why": "Nobody has spoken for half an hour.",
                "after": "30m",
            },
        ]
    }
)


class Hours:
    """A world in which time passes only when we say so."""

    def __init__(self, w, clock) -> None:
        self.w, self._clock = w, clock

    async def pass_(self, **span):
        self._clock.forward(timedelta(**span))
        await self.w.live.nudges.round()

    async def offered(self):
        return [a.step for a in (await self.w.snapshot()).next_actions]


async def waiting(store=None, clock=None):
    clock = clock or FixedClock(NOW)
    return Hours(await world(playbooks=(PATIENT,), clock=clock, store=store), clock)


async def test_a_silent_customer_is_asked_whether_they_are_there_and_then_let_go():
    desk = await waiting()
    await desk.w.customer("how long does standard shipping take?")
    await desk.w.representative("3 to 5 business days.")
    assert await desk.offered() == ["tell"]
    await desk.pass_(minutes=9)
    assert await desk.offered() == ["tell"]
    await desk.pass_(minutes=1)
    assert await desk.offered() == ["still-there", "tell"]
    await desk.pass_(minutes=20)
    assert await desk.offered() == ["close", "still-there", "tell"]


async def test_a_customer_who_waits_is_pointed_out():
    desk = await waiting()
    await desk.w.customer("how long does standard shipping take?")
    await desk.pass_(minutes=2)
    assert await desk.offered() == ["hurry", "tell"]


async def test_who_speaks_sets_the_timer_anew():
    desk = await waiting()
    await desk.w.customer("how long does standard shipping take?")
    await desk.pass_(minutes=1, seconds=50)
    await desk.w.customer("to Chicago, how long does shipping take?")
    await desk.pass_(seconds=30)
    assert await desk.offered() == ["tell"]
    await desk.pass_(seconds=90)
    assert await desk.offered() == ["hurry", "tell"]


async def test_a_timer_fires_once():
    desk = await waiting()
    await desk.w.customer("how long does standard shipping take?")
    await desk.pass_(minutes=2)
    count = (await desk.w.types()).count("next_actions")
    await desk.pass_(minutes=1)
    assert (await desk.w.types()).count("next_actions") == count


async def test_nothing_is_offered_in_a_conversation_that_has_been_wrapped_up():
    desk = await waiting()
    await desk.w.customer("how long does standard shipping take?")
    await desk.w.live.wrap_up(RITA, desk.w.conversation.id)
    count = (await desk.w.types()).count("next_actions")
    await desk.pass_(hours=1)
    assert (await desk.w.types()).count("next_actions") == count


async def test_a_restart_finds_the_timers_again():
    clock = FixedClock(NOW)
    desk = await waiting(clock=clock)
    await desk.w.customer("how long does standard shipping take?")
    await desk.w.representative("3 to 5 business days.")

    again = await waiting(store=desk.w.store, clock=clock)
    again.w.conversation = desk.w.conversation
    await again.w.live.nudges.resume("larkfield")
    await again.pass_(minutes=10)
    assert (await again.offered())[0] == "still-there"


async def test_a_conversation_that_was_left_days_ago_is_left_alone():
    clock = FixedClock(NOW)
    desk = await waiting(clock=clock)
    await desk.w.customer("how long does standard shipping take?")
    clock.forward(timedelta(days=2))
    again = await waiting(store=desk.w.store, clock=clock)
    again.w.conversation = desk.w.conversation
    await again.w.live.nudges.resume("larkfield")
    await again.pass_(minutes=1)
    assert await again.offered() == ["tell"]


@pytest.mark.parametrize(("written", "seconds"), [("90s", 90), ("10m", 600), ("2 h", 7200), ("PT5M", 300)])
def test_a_wait_is_written_shortly(written, seconds):
    step = {"id": "s", "kind": "ask", "title": "t", "why": "w", "after": written}
    assert PlaybookStep.model_validate(step).after == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["soon", "0m", "-5m", "10 minutes"])
def test_a_wait_that_is_none_is_refused(written):
    with pytest.raises(ValidationError):
        PlaybookStep.model_validate({"id": "s", "kind": "ask", "title": "t", "why": "w", "after": written})
