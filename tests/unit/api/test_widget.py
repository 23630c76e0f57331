"""Widget tokens: one conversation, one person, minutes."""

import asyncio
import re
from datetime import datetime, timedelta

import pytest

from copilot.domain.access import Role
from copilot.domain.assist import Drafter, Suggestion

ROBIN = {"id": "usr_robin", "name": "Robin Reyes"}


@pytest.fixture
async def integration(as_role):
    return await as_role(Role.INTEGRATION)


async def mint(client, **body):
    return await client.post("/v1/widget/tokens", json={"representative": ROBIN, **body})


async def opened(client):
    return (await client.post("/v1/conversations", json={})).json()["id"]


def use(client, minted):
    client.headers["Authorization"] = f"Bearer {minted['token']}"


async def test_a_token_opens_its_conversation_and_no_other(integration):
    mine, other = await opened(integration), await opened(integration)
    minted = (await mint(integration, conversation_id=mine)).json()
    use(integration, minted)

    assert minted["conversation_id"] == mine
    said = {"speaker": "customer", "text": "Hello"}
    assert (await integration.get(f"/v1/conversations/{mine}")).status_code == 200
    assert (await integration.post(f"/v1/conversations/{mine}/turns", json=said)).status_code == 202
    for method, path, body in (
        ("GET", f"/v1/conversations/{other}", None),
        ("GET", f"/v1/conversations/{other}/events", None),
        ("POST", f"/v1/conversations/{other}/turns", said),
        ("POST", f"/v1/conversations/{other}/wrap-up", {}),
    ):
        refused = await integration.request(method, path, json=body)
        assert refused.status_code == 404
        assert "no such conversation" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/conversations"),
        ("POST", "/v1/conversations"),
        ("GET", "/v1/actions"),
        ("GET", "/v1/alerts"),
        ("GET", "/v1/knowledge/documents"),
        ("POST", "/v1/widget/tokens"),
    ],
)
async def test_what_is_of_no_conversation_is_closed_to_a_token(integration, method, path):
    use(integration, (await mint(integration, conversation_id=await opened(integration))).json())
    refused = await integration.request(method, path, json={} if method == "POST" else None)
    assert refused.status_code == 403
    assert refused.json()["code"] == "not_permitted"


async def test_whatever_is_not_thought_of_is_closed_to_a_token(integration):
    """Every operation of the API, with what it names put in: nothing is reached but the own conversation."""
    mine, other = await opened(integration), await opened(integration)
    paths = (await integration.get("/openapi.json")).json()["paths"]
    use(integration, (await mint(integration, conversation_id=mine)).json())
    for path, operations in paths.items():
        for method, operation in operations.items():
            if not path.startswith("/v1/") or operation["operationId"] in OPEN_TO_TOKENS:
                continue
            place = re.sub(r"\{\w+\}", "other_1", path.replace("{conversation_id}", other))
            answer = await integration.request(method, place, json=None if method == "get" else {})
            named = re.search(r"\{(conversation|suggestion|action)_id\}", path)
            assert answer.status_code == (404 if named else 403), f"{method} {path}: {answer.text}"


OPEN_TO_TOKENS = {"search_knowledge", "find_macros", "get_branding", "receive_webhook", "get_sign_in_ways"}
"""None tells anything of a conversation; a webhook asks for a helpdesk's signature."""


async def test_a_token_decides_on_no_action_of_another_conversation(integration, world):
    mine, other = await opened(integration), await opened(integration)
    action = world.actions.propose().model_copy(update={"conversation_id": other})
    world.actions.kept[action.id] = action
    use(integration, (await mint(integration, conversation_id=mine)).json())
    bodies = {"approve": {"digest": action.digest}, "reject": {}, "edit": {"arguments": {"a": 1}}}
    for verb, body in bodies.items():
        refused = await integration.post(f"/v1/actions/{action.id}/{verb}", json=body)
        assert refused.status_code == 404
    assert world.actions.kept[action.id].status == "proposed"


async def test_feedback_only_on_suggestions_of_its_own_conversation(integration, world):
    mine, other = await opened(integration), await opened(integration)
    await shown(world, mine, "sug_mine")
    await shown(world, other, "sug_other")
    use(integration, (await mint(integration, conversation_id=mine)).json())
    used = {"verdict": "used"}
    assert (await integration.post("/v1/suggestions/sug_mine/feedback", json=used)).status_code == 204
    assert (await integration.post("/v1/suggestions/sug_other/feedback", json=used)).status_code == 404
    assert [given[0] for given in world.assist.feedback] == ["sug_mine"]


async def shown(world, conversation_id, suggestion_id):
    draft = Suggestion(
        id=suggestion_id,
        conversation_id=conversation_id,
        revision=0,
        drafter=Drafter.COMPOSER,
        text="Hi.",
        sentences=(),
        confidence=0.9,
        created_at=world.clock.now(),
    )
    await world.events.publish("larkfield", conversation_id, 0, draft)
    await world.events.save("larkfield", conversation_id)


async def test_it_ends_after_minutes(integration, world):
    mine = await opened(integration)
    minted = (await mint(integration, conversation_id=mine)).json()
    assert datetime.fromisoformat(minted["expires_at"]) == world.clock.now() + timedelta(minutes=10)
    use(integration, minted)
    world.clock.forward(timedelta(minutes=9, seconds=59))
    assert (await integration.get(f"/v1/conversations/{mine}")).status_code == 200
    world.clock.forward(timedelta(seconds=1))
    refused = await integration.get(f"/v1/conversations/{mine}")
    assert refused.status_code == 401
    assert "expired" in refused.json()["detail"]


async def test_a_token_that_was_tampered_with_is_none(integration):
    mine = await opened(integration)
    token = (await mint(integration, conversation_id=mine)).json()["token"]
    body, _, signature = token.removeprefix("cwt_").partition(".")
    other = (await mint(integration, conversation_id=await opened(integration))).json()["token"]
    foreign = other.removeprefix("cwt_").partition(".")[0]
    for bad in (f"cwt_{foreign}.{signature}", f"cwt_{body}.{'A' * 43}", f"cwt_{body}", "cwt_", f"{token}x"):
        integration.headers["Authorization"] = f"Bearer {bad}"
        assert (await integration.get(f"/v1/conversations/{mine}")).status_code == 401


async def test_a_token_is_kept_nowhere(integration, world):
    mine = await opened(integration)
    integration.headers["Idempotency-Key"] = "once"
    first, again = [(await mint(integration, conversation_id=mine)) for _ in range(2)]
    assert "idempotent-replayed" not in again.headers
    assert first.json()["conversation_id"] == again.json()["conversation_id"]
    kept = repr(vars(world.idempotency)) + repr(vars(world.conversations))
    assert first.json()["token"] not in kept


async def test_the_crms_own_name_finds_the_conversation_or_opens_it(integration, world):
    external = {"id": "chatwoot:567", "channel": "chat", "subject": "Lantern"}
    first, again = [(await mint(integration, external=external)).json()["conversation_id"] for _ in range(2)]
    assert first == again
    kept = await world.conversations.get("larkfield", first)
    assert (kept.subject, kept.representative_id) == ("Lantern", "usr_robin")


async def test_two_who_ask_at_once_get_one_conversation(integration):
    asked = (mint(integration, external={"id": "chatwoot:1"}) for _ in range(8))
    assert len({r.json()["conversation_id"] for r in await asyncio.gather(*asked)}) == 1


async def test_after_wrap_up_the_crms_name_stands_for_a_new_conversation(integration):
    external = {"id": "chatwoot:567"}
    former = (await mint(integration, external=external)).json()["conversation_id"]
    await integration.post(f"/v1/conversations/{former}/wrap-up", json={})
    assert (await mint(integration, external=external)).json()["conversation_id"] != former


async def test_a_representative_gets_a_token_for_themselves_only(as_role):
    client = await as_role(Role.REPRESENTATIVE)
    mine = await opened(client)
    assert (await mint(client, conversation_id=mine)).status_code == 403
    own = await client.post("/v1/widget/tokens", json={"conversation_id": mine})
    assert own.status_code == 201


@pytest.mark.parametrize("role", [Role.INTEGRATION, Role.ADMIN])
async def test_whoever_is_named_is_a_representative_and_no_more(as_role, world, role):
    client = await as_role(role)
    minted = (await mint(client, conversation_id=await opened(client))).json()
    person = world.widget_tokens.principal_of(minted["token"])
    assert (person.id, person.name, person.role) == ("usr_robin", "Robin Reyes", Role.REPRESENTATIVE)


async def test_an_integration_has_to_say_for_whom(integration):
    unnamed = await integration.post("/v1/widget/tokens", json={"conversation_id": await opened(integration)})
    assert unnamed.status_code == 422
    assert unnamed.json()["where"] == "body.representative"


async def test_an_integration_key_decides_nothing_itself(integration, world):
    action = world.actions.propose()
    refused = await integration.post(f"/v1/actions/{action.id}/approve", json={"digest": action.digest})
    assert refused.status_code == 403


async def test_another_tenants_conversation_is_not_there(as_role):
    client = await as_role(Role.INTEGRATION)
    mine = await opened(client)
    stranger = await as_role(Role.INTEGRATION, tenant_id="otherco")
    assert (await mint(stranger, conversation_id=mine)).status_code == 404


async def test_a_stream_ends_with_the_token_that_opened_it(client, anonymous, world):
    token = (await mint(client, representative=None, conversation_id=await opened(client))).json()["token"]
    mine = world.widget_tokens.principal_of(token).conversation_id
    world.clock.forward(timedelta(minutes=10) - timedelta(seconds=0.1))
    headers = {"Authorization": f"Bearer {token}"}

    told = await anonymous.get(f"/v1/conversations/{mine}/events", headers=headers)

    assert "event: snapshot" in told.text
    assert world.events.subscriber_count == 0


async def test_a_token_is_good_no_longer_than_the_key_that_made_it(as_role, world):
    ends = world.clock.now() + timedelta(minutes=3)
    client = await as_role(Role.INTEGRATION, expires_at=ends)
    mine = await opened(client)
    for person in ({"id": "usr_robin", "name": "Robin"}, None):
        client = client if person else await as_role(Role.REPRESENTATIVE, expires_at=ends)
        minted = await mint(client, conversation_id=mine, representative=person)
        assert minted.json()["expires_at"] == ends.isoformat().replace("+00:00", "Z")
