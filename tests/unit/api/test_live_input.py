"""Typing, partial transcripts and saved replies over HTTP."""

import pytest

from copilot.adapters.fakes.idempotency_store import MemoryIdempotencyStore
from copilot.domain.access import Role


async def test_typing_is_taken_and_makes_no_turn(client, conversation, world):
    response = await client.post(f"{conversation}/typing", json={"text": "Where is my ord"})

    assert (response.status_code, response.content) == (204, b"")
    assert world.assist.typed == [(conversation.rpartition("/")[2], "customer", "Where is my ord")]
    assert (await client.get(conversation)).json()["turns"] == []


async def test_what_is_heard_so_far_is_answered_with_the_turn_that_it_will_be(client, conversation):
    heard = {"speaker": "customer", "text": "where is", "final": False, "utterance_id": "u-1"}
    partial = (await client.post(f"{conversation}/turns", json=heard)).json()
    final = heard | {"text": "Where is my order?", "final": True}
    said = (await client.post(f"{conversation}/turns", json=final)).json()

    assert (partial["text"], partial["utterance_id"]) == ("where is", "u-1")
    assert said["id"] == partial["turn_id"]
    assert [t["text"] for t in (await client.get(conversation)).json()["turns"]] == ["Where is my order?"]


async def test_a_partial_turn_without_an_utterance_could_not_be_replaced(client, conversation):
    response = await client.post(
        f"{conversation}/turns", json={"speaker": "customer", "text": "where is", "final": False}
    )
    assert response.status_code == 422
    assert "utterance_id" in response.text


async def test_a_turn_kept_before_its_process_died_is_not_added_again(client, conversation, world):
    """Between the turn and its remembered answer the process may end; the key then names the same turn."""
    key = {"Idempotency-Key": "k-1"}
    first = await client.post(
        f"{conversation}/turns", json={"speaker": "customer", "text": "Hi"}, headers=key
    )
    world.idempotency = MemoryIdempotencyStore()  # as if the answer had never been remembered
    again = await client.post(
        f"{conversation}/turns", json={"speaker": "customer", "text": "Hi"}, headers=key
    )

    assert again.json() == first.json()
    assert len((await client.get(conversation)).json()["turns"]) == 1


async def test_saved_replies_are_found_and_filled(client, conversation):
    found = (await client.get("/v1/macros", params={"q": "voucher"})).json()
    filled = (await client.post(f"{conversation}/macros/{found[0]['macro']['id']}/fill")).json()
    assert filled["text"] == "May I offer you a voucher?"


@pytest.mark.parametrize("role", [Role.KNOWLEDGE_MANAGER, Role.ML_ENGINEER])
async def test_only_who_may_write_conversations_may_type(as_role, conversation, role):
    client = await as_role(role)
    assert (await client.post(f"{conversation}/typing", json={"text": "Hello"})).status_code == 403


async def test_the_metrics_tell_what_typing_ahead_saved(client):
    text = (await client.get("/metrics")).text
    assert "copilot_ahead_saved_seconds_count" in text
