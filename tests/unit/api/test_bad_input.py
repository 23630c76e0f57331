"""What the API says to input that is wrong: RFC 9457, nothing half-written, still serving."""

import json

import pytest

from copilot.domain.errors import DependencyUnavailable


def assert_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"].endswith(code)
    assert problem["title"]
    assert problem["detail"]
    return problem


async def say(client, conversation, text, **headers):
    return await client.post(
        f"{conversation}/turns", json={"speaker": "customer", "text": text}, headers=headers
    )


async def turns_of(client, conversation):
    return (await client.get(conversation)).json()["turns"]


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "", None),
        ("GET", "/events", None),
        ("POST", "/turns", {"speaker": "customer", "text": "Hello"}),
        ("POST", "/customer", {"email": "a@b.example", "order_id": "LF-1"}),
        ("POST", "/wrap-up", {}),
    ],
)
async def test_an_unknown_conversation_is_not_found(client, method, rest, body):
    response = await client.request(method, f"/v1/conversations/conv_unknown{rest}", json=body)

    problem = assert_problem(response, 404, "not_found")
    assert "conv_unknown" in problem["detail"]
    assert problem["instance"] == f"/v1/conversations/conv_unknown{rest}"


async def test_another_tenants_conversation_is_not_found(client, conversation, as_role):
    other = await as_role("admin", tenant_id="other")

    assert_problem(await other.get(conversation), 404, "not_found")
    assert_problem(await other.get(f"{conversation}/events"), 404, "not_found")
    assert_problem(await say(other, conversation, "Hello"), 404, "not_found")


@pytest.mark.parametrize(
    "body", [b"{", b"{'speaker': 1}", b'{"speaker": "customer",}', b"NaN x", b"[" * 20_000]
)
async def test_malformed_json_is_refused_with_the_place(client, conversation, body):
    response = await client.post(
        f"{conversation}/turns", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400
    assert response.json()["code"] in {"malformed_json", "bad_request"}
    assert await turns_of(client, conversation) == []


async def test_malformed_json_names_the_character(client, conversation):
    response = await client.post(
        f"{conversation}/turns", content=b'{"speaker": }', headers={"Content-Type": "application/json"}
    )

    assert "character 12" in assert_problem(response, 400, "malformed_json")["detail"]


@pytest.mark.parametrize("junk", [b"\xff\xfe\x00", bytes(range(128, 256)), b"\xc3\x28"])
async def test_a_body_that_is_not_utf8_is_refused(client, conversation, junk):
    content = b'{"speaker": "customer", "text": "' + b"\xff" + junk.replace(b'"', b"") + b'"}'
    response = await client.post(
        f"{conversation}/turns", content=content, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert await turns_of(client, conversation) == []


async def test_json_sent_as_something_else_is_an_unsupported_media_type(client, conversation):
    response = await client.post(
        f"{conversation}/turns",
        content=json.dumps({"speaker": "customer", "text": "Hello"}),
        headers={"Content-Type": "text/plain"},
    )

    assert_problem(response, 415, "unsupported_media_type")


async def test_a_turn_of_five_megabytes_is_refused_by_its_length(client, conversation):
    assert_problem(await say(client, conversation, "x" * 5_000_000), 413, "too_large")
    assert await turns_of(client, conversation) == []


async def test_a_large_body_of_unknown_length_is_refused_before_all_of_it_is_read(client, conversation):
    sent = 0

    async def endless():
        nonlocal sent
        yield b'{"speaker": "customer", "text": "'
        while sent < 50_000_000:
            sent += 65_536
            yield b"x" * 65_536

    response = await client.post(
        f"{conversation}/turns", content=endless(), headers={"Content-Type": "application/json"}
    )

    assert_problem(response, 413, "too_large")
    assert sent < 2_000_000


async def test_the_body_limit_is_exact(client, conversation):
    frame = len(json.dumps({"speaker": "customer", "text": ""}, separators=(",", ":")))
    just_fits = await say(client, conversation, "x" * (1024 * 1024 - frame))
    too_large = await say(client, conversation, "x" * (1024 * 1024 - frame + 1))

    assert just_fits.status_code == 422
    assert too_large.status_code == 413


async def test_a_turn_of_more_than_20000_characters_is_refused(client, conversation):
    assert (await say(client, conversation, "é" * 20_000)).status_code == 202
    problem = assert_problem(await say(client, conversation, "é" * 20_001), 422, "invalid_input")

    assert problem["errors"][0]["path"] == "body.text"
    assert "20000" in problem["errors"][0]["message"]


@pytest.mark.parametrize("blank", ["", " ", "\n\t \r\n", "\u200b", "\u00a0\u2003\ufeff"])
async def test_a_turn_that_shows_nothing_is_refused(client, conversation, blank):
    problem = assert_problem(await say(client, conversation, blank), 422, "invalid_input")

    assert problem["errors"][0]["path"] == "body.text"
    assert "visible character" in problem["detail"]
    assert await turns_of(client, conversation) == []


@pytest.mark.parametrize(
    "junk",
    [
        "Hi\x00there",
        "\x1b[2J",
        "a\x07",
        "\x7fELF",
        "\x85",
        "\uffff",
        bytes(range(256)).decode("latin-1"),
    ],
)
async def test_control_characters_are_refused_with_their_place(client, conversation, junk):
    problem = assert_problem(await say(client, conversation, junk), 422, "invalid_input")

    assert "control character U+" in problem["detail"]
    assert "position" in problem["detail"]


@pytest.mark.parametrize("lone", [b'"\\ud800"', b'"ok \\udfff"', b'"\\udc00\\ud800"'])
async def test_lone_surrogates_are_refused(client, conversation, lone):
    response = await client.post(
        f"{conversation}/turns",
        content=b'{"speaker": "customer", "text": ' + lone + b"}",
        headers={"Content-Type": "application/json"},
    )

    assert_problem(response, 422, "invalid_input")
    assert await turns_of(client, conversation) == []


async def test_text_decoded_with_the_wrong_encoding_is_refused(client, conversation):
    mangled = "Größe für Füße".encode("latin-1").decode("utf-8", "replace")

    assert (
        "encoding" in assert_problem(await say(client, conversation, mangled), 422, "invalid_input")["detail"]
    )


@pytest.mark.parametrize(
    "text",
    ["Grüße 👩‍👩‍👧 日本語", "line one\nline two\ttab\r\n", "{{ 7*7 }} <script>alert(1)</script> ' OR 1=1"],
)
async def test_any_readable_text_is_kept_as_it_is(client, conversation, text):
    response = await say(client, conversation, text)

    assert response.status_code == 202
    assert response.json()["text"] == text
    assert (await turns_of(client, conversation))[0]["text"] == text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"text": "Hello"}, "body.speaker"),
        ({"speaker": "robot", "text": "Hello"}, "body.speaker"),
        ({"speaker": "customer", "text": 7}, "body.text"),
        ({"speaker": "customer", "text": None}, "body.text"),
        ({"speaker": "customer", "text": "Hello", "tenant_id": "other"}, "body.tenant_id"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
async def test_a_wrong_field_is_named_with_what_was_expected(client, conversation, body, path):
    response = await client.post(f"{conversation}/turns", json=body)

    problem = assert_problem(response, 422, "invalid_input")
    assert path in [error["path"] for error in problem["errors"]]
    assert all(error["message"] for error in problem["errors"])


async def test_an_error_never_repeats_the_input(client, conversation):
    response = await client.post(
        f"{conversation}/turns", json={"speaker": "4111 1111 1111 1111", "text": "4111 1111 1111 1111"}
    )

    assert "4111" not in response.text


async def test_a_turn_after_wrap_up_is_refused(client, conversation):
    await say(client, conversation, "Hello")
    assert (await client.post(f"{conversation}/wrap-up", json={})).status_code == 200

    assert_problem(await say(client, conversation, "One more"), 409, "conversation_closed")
    assert_problem(await client.post(f"{conversation}/wrap-up"), 409, "conversation_closed")
    assert len(await turns_of(client, conversation)) == 1


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"email": "mia@example.com"},
        {"first_name": "Mia", "zip": "78701"},
        {"email": "mia@example.com", "order_id": "LF-1", "zip": "78701"},
    ],
)
async def test_half_a_proof_of_identity_is_refused(client, conversation, proof):
    problem = assert_problem(await client.post(f"{conversation}/customer", json=proof), 422, "invalid_input")

    assert "email and order_id, or first_name, last_name and zip" in problem["detail"]


async def test_a_refused_method_names_all_that_the_address_takes(client):
    refused = await client.patch("/v1/conversations")
    assert_problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, POST"


async def test_an_unknown_address_and_a_wrong_method_are_problems_too(client):
    assert_problem(await client.get("/v1/nothing"), 404, "no_such_route")
    response = await client.put("/v1/conversations", json={})

    assert_problem(response, 405, "method_not_allowed")
    assert "GET" in response.headers["allow"] or "POST" in response.headers["allow"]


async def test_an_unexpected_error_tells_a_trace_id_and_nothing_else(client, conversation, world, caplog):
    world.assist.failure = RuntimeError("secret: hunter2")
    problem = assert_problem(await say(client, conversation, "Hello"), 500, "internal_error")

    assert "hunter2" not in json.dumps(problem)
    assert problem["trace_id"] in caplog.text
    world.assist.failure = None
    assert (await say(client, conversation, "Hello")).status_code == 202


async def test_a_dependency_that_is_down_asks_to_come_back_later(client, conversation, world):
    world.assist.failure = DependencyUnavailable("the order system does not answer", where="10.0.0.7")
    response = await say(client, conversation, "Hello")

    assert "where" not in assert_problem(response, 503, "dependency_unavailable")
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("cursor", ["!", "a", "é", "____", "AAA=AAA"])
async def test_a_cursor_that_we_never_gave_is_refused(client, cursor):
    response = await client.get("/v1/conversations", params={"cursor": cursor})

    assert_problem(response, 422, "invalid_input")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "1e9"])
async def test_a_limit_out_of_range_is_refused(client, limit):
    problem = assert_problem(
        await client.get("/v1/conversations", params={"limit": limit}), 422, "invalid_input"
    )

    assert problem["errors"][0]["path"] == "query.limit"
