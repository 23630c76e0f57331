"""Every route says whether it shows customers' data, and what it shows is noted."""

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route
from walk import every_route

from copilot.api import reads as api_reads
from copilot.api.routing import ApiRoute
from copilot.console import reads as console_reads
from copilot.console.routing import PageRoute
from copilot.domain.access import Role
from copilot.domain.reads import Data
from copilot.server import create_server

OF_NOBODY = {
    "/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/integrations/{name}/webhook", "/", "/inbox",
    "/static", "/widget", "/widget/chatwoot", "/widget/{name}", "/console/sign-in",
    "/console/sign-in/company", "/console/sign-in/callback", "/v1/sign-in",
}  # fmt: skip
"""Routes that know nobody: they show no more than whoever comes from the street may see."""


async def kept_of(world):
    await world.reads.settle()
    return world.reads.store.kept


async def reads_of(world):
    return [(r.data, r.route.split(" ")[1], r.conversation_id, r.subject_id) for r in await kept_of(world)]


def test_every_route_of_the_server_is_marked_or_knows_nobody(world):
    api, pages, others = set(), set(), set()
    for route in every_route(create_server(world).routes):
        if isinstance(route, ApiRoute):
            api.add(route.operation_id)
        elif isinstance(route, PageRoute):
            pages |= {f"{method} {route.path_format}" for method in route.methods}
        else:
            assert isinstance(route, APIRoute | Route | Mount)
            others.add(route.path)

    assert api == {*api_reads.READS, *api_reads.NO_CUSTOMER_DATA}
    assert pages == {*console_reads.READS, *console_reads.NO_CUSTOMER_DATA}
    assert others <= OF_NOBODY
    assert not set(api_reads.READS) & set(api_reads.NO_CUSTOMER_DATA)
    assert not set(console_reads.READS) & set(console_reads.NO_CUSTOMER_DATA)


def test_a_route_that_nobody_has_thought_of_cannot_be_made():
    for what in (
        lambda: api_reads.data_of("show_everything"),
        lambda: console_reads.data_of("GET", "/console/x"),
    ):
        with pytest.raises(RuntimeError, match="say in copilot"):
            what()


async def test_a_conversation_that_somebody_was_shown_is_noted(client, world, conversation):
    answer = await client.get(conversation)

    (read,) = await kept_of(world)
    assert (read.data, read.actor_id) == (Data.CONVERSATION, "representative_1")
    assert conversation.endswith(read.conversation_id)
    assert read.route == "GET /v1/conversations/{conversation_id}"
    assert read.request_id == answer.headers["x-request-id"]


async def test_a_list_notes_each_conversation_and_not_each_time_that_it_is_asked_for(client, world):
    ids = {(await client.post("/v1/conversations", json={})).json()["id"] for _ in range(3)}
    for _ in range(5):
        await client.get("/v1/conversations", params={"limit": 2})
    await client.get("/v1/conversations")

    noted = await reads_of(world)
    assert {conversation for _, _, conversation, _ in noted} == ids
    assert len(noted) == 3


async def test_actions_are_noted_by_their_id(client, world):
    action = world.actions.propose()
    await client.get(f"/v1/actions/{action.id}")
    await client.get("/v1/actions")

    (one, *listed) = await reads_of(world)
    assert one == (Data.ACTION, "/v1/actions/{action_id}", None, action.id)
    assert [(data, conversation) for data, _, conversation, _ in listed] == [
        (Data.ACTION_LIST, action.conversation_id)
    ]


async def test_what_was_refused_or_not_there_is_no_read_and_writing_alone_neither(
    client, world, conversation, as_role
):
    await client.get("/v1/conversations/conv_nobody")
    await client.post(f"{conversation}/turns", json={"speaker": "customer", "text": "Hello"})
    await (await as_role(Role.KNOWLEDGE_MANAGER)).get(conversation)

    assert await reads_of(world) == []


async def test_an_administrator_reads_the_audit_and_nobody_else(as_role, world, conversation):
    client = await as_role(Role.SUPERVISOR)
    for _ in range(3):
        await client.get(conversation)
    assert (await client.get("/v1/audit")).status_code == 403
    await world.reads.settle()
    admin = await as_role(Role.ADMIN)

    name = conversation.rsplit("/", 1)[1]
    first = (await admin.get("/v1/audit", params={"conversation_id": name, "limit": 2})).json()
    rest = (
        await admin.get("/v1/audit", params={"conversation_id": name, "cursor": first["next_cursor"]})
    ).json()
    none = (await admin.get("/v1/audit", params={"actor_id": "usr_nobody"})).json()
    later = (await admin.get("/v1/audit", params={"since": "2027-01-01T00:00:00Z"})).json()

    assert [read["actor_id"] for read in (*first["items"], *rest["items"])] == ["supervisor_1"] * 3
    assert rest["next_cursor"] is None
    assert none["items"] == later["items"] == []
    assert (await admin.get("/v1/audit", params={"since": "yesterday"})).status_code == 422


async def test_a_widgets_reads_say_so(as_role, world):
    client = await as_role(Role.INTEGRATION)
    robin = {"id": "usr_robin", "name": "Robin"}
    name = (await client.post("/v1/conversations", json={})).json()["id"]
    minted = await client.post("/v1/widget/tokens", json={"representative": robin, "conversation_id": name})
    client.headers["Authorization"] = f"Bearer {minted.json()['token']}"
    await client.get(f"/v1/conversations/{name}")

    (read,) = await kept_of(world)
    assert (read.channel, read.actor_id, read.conversation_id) == ("widget", "usr_robin", name)
