"""What reaches an OpenTelemetry collector, and what becomes of the work when there is none."""

import json
import logging
import socket
import statistics
import time

import pytest
from tests.servers.otlp import collector

from copilot.adapters.chat_spans import ChatSpan
from copilot.adapters.otel_tracing import OtelSettings, OtelTracer
from copilot.adapters.plain_tracing import PlainTracer
from copilot.domain.errors import DependencyUnavailable
from copilot.domain.usage import ModelUsage
from copilot.ports import trace_names as names
from copilot.ports.tracing import SpanKind, span, traceparent, within

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAID = "I am Xanthippe, my card is 4111 1111 1111 1111"
SHARED_LIMIT = 2**64


def traced_turn(tracer, **how):
    """A request, its turn, and a stage of it."""
    with (
        within(tracer.start("POST", SpanKind.SERVER, {names.HTTP_METHOD: "POST"}, **how)) as request,
        span(names.TURN, attributes={names.CONVERSATION: "conv_1", names.REVISION: 3}),
        span(names.UNDERSTAND) as stage,
    ):
        stage.set({names.INTENT: "refund", names.CONFIDENCE: 0.75, names.ANSWERED: True})
    return request


def asked_a_model(tracer):
    """A call of a language model with what was said and answered."""
    with within(tracer.start(names.DRAFT)):
        call = ChatSpan("big", 100, 0.0, [{"role": "user", "content": SAID}])
        call.said("Dear Xanthippe")
        call.used(ModelUsage(model="big", prompt_tokens=40, completion_tokens=10), "stop")
        call.end()


async def test_spans_arrive_as_they_were_with_their_place_in_the_callers_trace():
    with collector() as kept:
        tracer = OtelTracer(OtelSettings(endpoint=kept.url), "1.2.3")
        traced_turn(tracer, traceparent=f"00-{TRACE}-{CALLER}-01")
        await tracer.close()

    assert kept.resource["service.name"] == "copilot"
    assert kept.resource["service.version"] == "1.2.3"
    (request,), (turn,), (stage,) = (kept.named(name) for name in ("POST", names.TURN, names.UNDERSTAND))
    assert {s.trace_id for s in kept.spans} == {TRACE}
    assert [s.parent_id for s in (request, turn, stage)] == [CALLER, request.span_id, turn.span_id]
    assert request.kind == 2  # SERVER
    assert turn.attributes == {names.CONVERSATION: "conv_1", names.REVISION: 3}
    assert stage.attributes == {names.INTENT: "refund", names.CONFIDENCE: 0.75, names.ANSWERED: True}
    assert request.start <= turn.start <= stage.start <= stage.end <= turn.end <= request.end
    assert abs(request.end / 1e9 - time.time()) < 60
    assert not any(s.failed for s in kept.spans)


async def test_work_that_fails_says_its_code_and_none_of_its_words():
    with collector() as kept:
        tracer = OtelTracer(OtelSettings(endpoint=kept.url), "1")
        with pytest.raises(DependencyUnavailable), within(tracer.start(names.JOB)):
            raise DependencyUnavailable(SAID)
        await tracer.close()
    (job,) = kept.spans
    assert job.failed
    assert job.attributes == {names.ERROR_TYPE: "dependency_unavailable"}


async def test_work_that_goes_back_to_other_work_is_linked_with_it():
    with collector() as kept:
        tracer = OtelTracer(OtelSettings(endpoint=kept.url), "1")
        with within(tracer.start(names.MESSAGE)) as message:
            origin = traceparent()
        tracer.start(names.NOTE, SpanKind.CONSUMER, link=origin).end()
        await tracer.close()
    (note,) = kept.named(names.NOTE)
    assert note.links == ((message.trace_id, message.span_id),)
    assert note.trace_id != message.trace_id


@pytest.mark.parametrize("content", [False, True])
async def test_what_people_and_models_say_is_sent_only_where_it_is_asked_for_and_then_masked(content):
    with collector() as kept:
        settings = OtelSettings(endpoint=kept.url, content=content)
        tracer = OtelTracer(settings, "1", lambda text: text.replace("Xanthippe", "[NAME]"))
        asked_a_model(tracer)
        # Whoever does not ask first whether content is kept is not believed either.
        tracer.start(names.chat("big"), attributes={names.INPUT_MESSAGES: "Xanthippe"}).end()
        await tracer.close()

    call = next(s for s in kept.named(names.chat("big")) if s.parent_id)
    assert call.attributes[names.INPUT_TOKENS] == 40
    assert not [body for body in kept.bodies if b"Xanthippe" in body]
    if content:
        (asked,) = json.loads(call.attributes[names.INPUT_MESSAGES])
        assert asked["parts"][0]["content"].startswith("I am [NAME]")
        assert "Dear [NAME]" in call.attributes[names.OUTPUT_MESSAGES]
    else:
        assert not [body for body in kept.bodies if b"4111" in body or b"Dear" in body]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
async def test_so_many_traces_are_kept_as_the_share_says_each_whole_or_not_at_all(share):
    heard = []
    with collector() as kept:
        tracer = OtelTracer(OtelSettings(endpoint=kept.url, sampled=share), "1")
        tracer.listen(heard.append)
        requests = [traced_turn(tracer) for _ in range(600)]
        await tracer.close()

    assert len(heard) == 3 * 600  # metrics count every span
    traces = {s.trace_id for s in kept.spans}
    assert len(kept.spans) == 3 * len(traces)
    # By the rule that every OpenTelemetry sampler of a share has, so that services agree.
    assert traces == {r.trace_id for r in requests if int(r.trace_id[16:], 16) < share * SHARED_LIMIT}
    assert abs(len(traces) / 600 - share) < 0.09  # five standard deviations


@pytest.mark.parametrize(("flags", "kept_spans"), [("01", 3), ("00", 0)])
async def test_a_caller_who_has_decided_is_followed_whatever_the_share(flags, kept_spans):
    with collector() as kept:
        for share in (0.0, 1.0):
            tracer = OtelTracer(OtelSettings(endpoint=kept.url, sampled=share), "1")
            traced_turn(tracer, traceparent=f"00-{TRACE}-{CALLER}-{flags}")
            await tracer.close()
    assert len(kept.spans) == 2 * kept_spans


@pytest.mark.parametrize("how", ["gone", "refuses", "says nothing"])
async def test_a_collector_that_is_gone_costs_spans_and_nothing_else(how, caplog):
    heard, plainly, took = [], [], []
    with collector() as kept, socket.create_server(("127.0.0.1", 0)) as silent:
        kept.status = 503
        endpoint = {
            "gone": "http://127.0.0.1:9",
            "refuses": kept.url,
            "says nothing": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }[how]
        tracer = OtelTracer(OtelSettings(endpoint=endpoint, timeout_seconds=0.5), "1")
        plain = PlainTracer()
        tracer.listen(heard.append)
        plain.listen(plainly.append)
        with caplog.at_level(logging.WARNING):
            for _ in range(2_000):  # three times what its queue holds
                began = time.perf_counter()
                traced_turn(tracer)
                took.append(time.perf_counter() - began)
                traced_turn(plain)
            closing = time.monotonic()
            await tracer.close()
            closed_after = time.monotonic() - closing
    assert [(e.name, e.attributes) for e in heard] == [(e.name, e.attributes) for e in plainly]
    assert statistics.median(took) < 0.005  # it is not waited for
    assert closed_after < 10
    assert kept.spans == []
    assert 1 <= len(caplog.records) <= 4  # said once a minute by each of two loggers, not 6,000 times
