"""One line in the log for each request, and nothing in it that the caller wrote."""

import io
import json
import logging

import pytest

from copilot.adapters.log_lines import JsonLines


@pytest.fixture
def access():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(lambda text: text))
    logger = logging.getLogger("copilot")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def test_a_request_is_one_line_with_route_status_tenant_and_times(client, access):
    answer = await client.post("/v1/conversations", json={"channel": "chat", "subject": "Mia's tent"})
    (line,) = access()
    assert line["logger"] == "copilot.access"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/conversations", 201)
    assert line["tenant_id"] == "larkfield"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert 0 < line["duration_ms"] <= line["total_ms"]
    assert "Mia" not in json.dumps(line)


async def test_an_address_that_is_none_of_ours_is_not_repeated(client, access):
    await client.get("/v1/people/mia.li@example.com?card=4111111111111111")
    (line,) = access()
    assert (line["route"], line["status"]) == ("none", 404)
    assert "mia" not in json.dumps(line)
    assert "4111" not in json.dumps(line)


async def test_probes_are_not_logged(client, access):
    for path in ("/healthz", "/readyz", "/metrics"):
        await client.get(path)
    assert access() == []


async def test_the_callers_trace_goes_on(client, access):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await client.get("/v1/conversations", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    await client.get("/v1/conversations", headers={"traceparent": "00-nonsense"})
    first, second = access()
    assert first["trace_id"] == trace
    assert len(second["trace_id"]) == 32


async def test_the_unexpected_is_answered_with_the_trace_id_of_its_log_line(client, world, access):
    world.assist.failure = RuntimeError("card 4111 1111 1111 1111")
    answer = await client.post("/v1/conversations", json={"channel": "chat"})
    error, request = access()
    assert answer.json()["trace_id"] == error["trace_id"] == request["trace_id"]
    assert error["exception"]["type"] == "RuntimeError"
    assert (request["level"], request["status"]) == ("warning", 500)
    assert "4111" not in json.dumps(error)
