"""An endpoint that fails in every way over the wire: seen in the events, and never the loss of a draft.

Each fault happens between the product and an OpenAI-compatible server on loopback: one that answers as it is
told, and, where it is installed, a real llama.cpp server.
"""

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.llama import MODEL, llama_server, packaged_model
from tests.servers.openai_server import openai_server, say
from tests.unit.assist.world import world

from copilot.adapters.circuit_breaker import CircuitBreaker
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.openai_chat import ChatLimits, OpenAiChat
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.grounding import Grounder
from copilot.domain.assist import Drafter

QUESTION = "how long does standard shipping take?"
QUOTE = "Standard shipping takes 3 to 5 business days and costs $6.95."
STRUCTURED = json.dumps(
    {
        "evidence": [{"passage": 1, "quote": QUOTE}],
        "reply": "Standard shipping takes 3 to 5 business days.",
    }
)
PROSE = "Standard shipping takes 3 to 5 business days [1]. It costs $6.95 [1]."
ANSWERS = {DraftStyle.STRUCTURED: STRUCTURED, DraftStyle.PROSE: PROSE}
LIMITS = ChatLimits(connect=1.0, first_token=0.3, between_tokens=0.3, total=1.5, retries=2, backoff=0.01)
both_styles = pytest.mark.parametrize("style", list(DraftStyle))


@asynccontextmanager
async def desk(
    *faults: Fault, style=DraftStyle.STRUCTURED, upstream=None, limits=LIMITS, seconds=5.0, **chat
):
    """(the world, the proxy): a desk whose model is behind the faults."""
    async with (
        openai_server(say(ANSWERS[style])) as scripted,
        fault_proxy(upstream or scripted.url, *faults) as proxy,
    ):
        model = OpenAiChat(model=MODEL, base_url=proxy.url, limits=limits, **chat)
        await model.load()
        drafter = LlmDrafter(model, Grounder(HashingEmbedder()), FakeTokenCounter(), style=style)
        try:
            yield await world(llm=drafter, llm_seconds=seconds), proxy
        finally:
            await model.close()


async def shown(w) -> list[Drafter]:
    return [e.data.drafter for e in await w.events() if e.type == "suggestion.completed"]


async def blocked(w) -> list[tuple[str, str]]:
    events = await w.events()
    return [(e.data.reason.value, e.data.message) for e in events if e.type == "suggestion.blocked"]


async def assert_the_composers_draft_stands(w, reason: str, message: str) -> None:
    assert await shown(w) == [Drafter.COMPOSER]
    ((told, words),) = await blocked(w)
    assert told == reason
    assert message in words
    snapshot = await w.snapshot()
    assert snapshot.suggestion.drafter is Drafter.COMPOSER
    assert snapshot.drafts == ()  # what had been streamed of the other is gone
    assert (await w.events())[-1].type == "revision.done"


@both_styles
async def test_without_a_fault_the_models_draft_takes_the_composers_place(style):
    async with desk(style=style) as (w, proxy):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]
        assert proxy.requests == 1


@both_styles
@pytest.mark.parametrize("after", [0, 2])
async def test_hanging(style, after):
    async with desk(Fault("hang", after=after), style=style) as (w, proxy):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", "did not answer in time")
        assert proxy.requests == 1  # a second wait as long would outlast the customer


@both_styles
async def test_a_line_cut_before_the_first_byte_is_tried_again(style):
    async with desk(Fault("drop"), style=style) as (w, proxy):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]
        assert proxy.requests == 2


@both_styles
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("drop", "broke off"),
        ("truncate", "broke off before its answer was complete"),
        ("garbage", "not a chat completion"),
        ("other_schema", "not a chat completion"),
        ("error_event", "broke off"),
    ],
)
async def test_failing_in_the_middle_is_final(style, kind, message):
    """What was shown cannot be said differently a second time."""
    async with desk(Fault(kind, after=1), style=style) as (w, proxy):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", message)
        assert proxy.requests == 1


@pytest.mark.parametrize("kind", ["garbage", "other_schema", "truncate", "error_event", "not_events"])
async def test_garbage_before_the_first_word_is_tried_again(kind):
    async with desk(Fault(kind)) as (w, proxy):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]
        assert proxy.requests == 2


async def test_garbage_every_time_is_given_up():
    async with desk(*[Fault("not_events")] * 3) as (w, proxy):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", "broke off before")
        assert proxy.requests == 3


async def test_an_answer_in_another_form_than_was_asked_for():
    other = say('{"evidence": "none", "text": "Five days."}')
    async with openai_server(other) as server, desk(upstream=server.url) as (w, _):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_invalid", "not the JSON that was asked for")


@both_styles
async def test_an_answer_cut_at_its_longest_length_is_no_draft(style):
    short = say(ANSWERS[style][:60], finish="length")
    async with openai_server(short) as server, desk(upstream=server.url, style=style) as (w, _):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_invalid", "cut short")


async def test_slow_words_are_waited_for_while_they_come_in_time():
    async with desk(Fault("throttle", seconds=0.05)) as (w, _):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]


async def test_slow_words_end_with_the_time_for_all_of_them():
    async with desk(Fault("throttle", seconds=0.25)) as (w, _):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", "did not answer in time")


@pytest.mark.parametrize("fault", [Fault("status", status=500), Fault("status", status=429)])
async def test_errors_and_throttling_are_tried_again_after_a_pause_that_differs_from_time_to_time(fault):
    drawn, slept = [], []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with desk(fault, fault, uniform=uniform, sleep=sleep) as (w, proxy):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]
        assert proxy.requests == 3
    assert drawn == [(0.005, 0.01), (0.01, 0.02)]
    assert slept == [0.01, 0.02]


async def test_a_kept_connection_that_the_endpoint_has_closed_meanwhile_costs_no_pause_and_no_blame():
    slept, breaker = [], CircuitBreaker(failures=1)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with desk(sleep=sleep, breaker=breaker) as (w, proxy):
        await w.customer(QUESTION)
        proxy.faults.append(Fault("drop"))
        await w.customer("what does express shipping cost?")
        assert proxy.requests == 3
    assert slept == []
    assert breaker.allows()


async def test_the_endpoint_says_how_long_to_wait():
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with desk(Fault("status", status=429, retry_after="1"), sleep=sleep) as (w, _):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]
    assert slept == [1.0]


async def test_a_wait_that_leaves_no_time_is_not_begun():
    async with desk(Fault("status", status=429, retry_after="4")) as (w, proxy):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", "HTTP 429")
        assert proxy.requests == 1


async def test_500_every_time_is_given_up():
    async with desk(*[Fault("status", status=500)] * 3) as (w, proxy):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", "HTTP 500")
        assert proxy.requests == 3


async def test_a_wrong_key_is_told_and_not_tried_again():
    async with desk(Fault("status", status=401)) as (w, proxy):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", "HTTP 401")
        assert proxy.requests == 1


async def test_an_endpoint_that_keeps_failing_is_left_alone_and_then_tried_with_one_request():
    now = [0.0]
    breaker = CircuitBreaker(failures=3, cool_down=20.0, monotonic=lambda: now[0])
    async with desk(*[Fault("status", status=500)] * 3, breaker=breaker) as (w, proxy):
        await w.customer(QUESTION)
        await w.customer("what does express shipping cost?")
        assert proxy.requests == 3  # the second question did not reach it
        assert "given a rest" in (await blocked(w))[-1][1]

        now[0] = 21.0
        await w.customer(QUESTION)
        assert proxy.requests == 4

        await w.customer("what does express shipping cost?")
        assert proxy.requests == 5  # it has answered, so it is asked again as before


async def test_an_endpoint_that_does_not_know_usage_is_asked_without_it():
    async with desk(Fault("status", status=400)) as (w, proxy):
        await w.customer(QUESTION)
        assert await shown(w) == [Drafter.COMPOSER, Drafter.LLM]
        assert proxy.requests == 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llama():
    model = packaged_model()
    if model is None:
        pytest.skip("the extra local-llm is not installed")
    async with llama_server(model) as url:
        yield url


PATIENT = ChatLimits(first_token=120, between_tokens=5, total=150, retries=1, backoff=0.01)


@pytest.mark.llm
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("hang", after=3), "did not answer in time"),
        (Fault("drop", after=3), "broke off"),
        (Fault("truncate", after=3), "broke off before"),
        (Fault("garbage", after=3), "not a chat completion"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
async def test_a_real_server_that_fails_in_the_middle(llama, fault, message):
    async with desk(fault, upstream=llama, limits=PATIENT, seconds=150) as (w, _):
        await w.customer(QUESTION)
        await assert_the_composers_draft_stands(w, "llm_unavailable", message)


@pytest.mark.llm
@pytest.mark.asyncio(loop_scope="module")
async def test_a_real_servers_draft_is_judged_like_any_other(llama):
    """A small model may or may not find the words; either way exactly one outcome is told."""
    patient = replace(PATIENT, between_tokens=60)
    async with desk(upstream=llama, limits=patient, seconds=150) as (w, _):
        await w.customer(QUESTION)
        drafters = await shown(w)
        assert drafters[0] is Drafter.COMPOSER
        assert len(drafters) + len(await blocked(w)) == 2
        assert not [e for e in await w.events() if e.type == "degraded"]
