"""`Idempotency-Key`: a write that is sent twice happens once."""

import asyncio

import pytest

from copilot.domain.access import Role
from copilot.domain.errors import DependencyUnavailable, Overloaded

KEY = {"Idempotency-Key": "a-key-of-the-caller"}


def turn(text="Hello"):
    return {"speaker": "customer", "text": text}


async def test_a_duplicate_turn_gets_the_same_202_and_is_kept_once(client, conversation):
    first = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    second = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await client.get(conversation)).json()["turns"]) == 1


async def test_without_a_key_the_same_turn_twice_is_two_turns(client, conversation):
    for _ in range(2):
        await client.post(f"{conversation}/turns", json=turn())

    assert len((await client.get(conversation)).json()["turns"]) == 2


async def test_the_same_key_with_another_request_is_refused(client, conversation):
    await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    for path, body in ((f"{conversation}/turns", turn("Bye")), (f"{conversation}/wrap-up", {})):
        response = await client.post(path, json=body, headers=KEY)

        assert response.status_code == 422
        assert response.json()["code"] == "idempotency_key_reused"
    assert len((await client.get(conversation)).json()["turns"]) == 1


async def test_a_second_request_while_the_first_still_runs_is_a_conflict(client, conversation, world):
    world.assist.hold = asyncio.Event()
    first = asyncio.create_task(client.post(f"{conversation}/turns", json=turn(), headers=KEY))
    await asyncio.sleep(0.05)
    second = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    world.assist.hold.set()

    assert second.status_code == 409
    assert (await first).status_code == 202
    third = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    assert third.content == (await first).content


async def test_a_turn_that_there_is_no_room_for_may_be_sent_again_with_its_key(client, conversation, world):
    world.assist.full = Overloaded("64 turns wait", retry_after=1.2)
    refused = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    assert refused.status_code == 503
    assert refused.json()["code"] == "overloaded"
    assert refused.headers["Retry-After"] == "2"
    assert (await client.get(conversation)).json()["turns"] == []

    world.assist.full = None
    taken = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    assert taken.status_code == 202


async def test_a_question_is_refused_at_the_same_door(client, conversation, world):
    world.assist.full = Overloaded("64 wait", retry_after=1.2)
    refused = await client.post(f"{conversation}/ask", json={"question": "Which order?"}, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "2"

    world.assist.full = None
    taken = await client.post(f"{conversation}/ask", json={"question": "Which order?"}, headers=KEY)
    assert taken.status_code == 202


@pytest.mark.parametrize("failure", [DependencyUnavailable("down"), RuntimeError("bug")])
async def test_a_request_that_failed_may_be_sent_again_with_its_key(client, conversation, world, failure):
    world.assist.failure = failure
    failed = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)
    world.assist.failure = None
    again = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)

    assert failed.status_code in {500, 503}
    assert again.status_code == 202
    assert "idempotent-replayed" not in again.headers


async def test_a_request_that_was_wrong_may_be_mended_with_its_key(client, conversation):
    wrong = await client.post(f"{conversation}/turns", json=turn(""), headers=KEY)
    right = await client.post(f"{conversation}/turns", json=turn(), headers=KEY)

    assert (wrong.status_code, right.status_code) == (422, 202)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
async def test_a_key_that_is_none_is_refused(client, conversation, key):
    response = await client.post(
        f"{conversation}/turns", json=turn(), headers={"Idempotency-Key": key.encode("latin-1")}
    )

    assert response.status_code == 422
    assert response.json()["where"] == "header.Idempotency-Key"


async def test_an_answer_without_a_body_is_given_again_too(as_role):
    client = await as_role(Role.ADMIN)
    await client.put("/v1/knowledge/documents/returns", json={"title": "Returns", "text": "30 days."})
    first = await client.delete("/v1/knowledge/documents/returns", headers=KEY)
    second = await client.delete("/v1/knowledge/documents/returns", headers=KEY)

    assert (first.status_code, second.status_code) == (204, 204)
    assert second.content == b""


async def test_the_same_upload_is_the_same_request_though_its_boundary_differs(as_role):
    client = await as_role(Role.KNOWLEDGE_MANAGER)
    answers = [
        await client.post("/v1/knowledge/documents", files={"file": ("a.md", b"# Hello")}, headers=KEY)
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotent-replayed"] == "true"
