"""Requests about personal data over HTTP: for administrators, by two of them, and kept nowhere by the way."""

import pytest

from copilot.domain.access import Role
from copilot.domain.reads import Data, ReadFilter

ASKED = {"customer_id": "cus_1042", "said": ["jo@example.com"]}


@pytest.fixture
def as_admin(as_role, world):
    """The client as the administrator of that name."""

    async def signed_in(name):
        client = await as_role(Role.ADMIN)
        principal = (await world.api_keys.principal_of(_key(client))).model_copy(
            update={"id": name, "name": name}
        )
        client.headers["Authorization"] = f"Bearer {await world.api_keys.create(principal)}"
        return client

    return signed_in


def _key(client):
    return client.headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_only_administrators_ask_read_and_approve(as_role, role):
    client = await as_role(role)
    for kind in ("erasures", "exports"):
        refused = [
            await client.post(f"/v1/privacy/{kind}", json=ASKED),
            await client.get(f"/v1/privacy/{kind}"),
            await client.get(f"/v1/privacy/{kind}/prv_1"),
            await client.post(f"/v1/privacy/{kind}/prv_1/approve"),
            await client.post(f"/v1/privacy/{kind}/prv_1/reject"),
        ]
        assert {answer.status_code for answer in refused} == {403}
    assert (await client.get("/v1/privacy/exports/prv_1/document")).status_code == 403


async def test_an_erasure_from_its_proposal_to_its_proof(as_admin, world):
    client = await as_admin("ana")
    made = await client.post("/v1/privacy/erasures", json=ASKED, headers={"Idempotency-Key": "once"})
    again = await client.post("/v1/privacy/erasures", json=ASKED, headers={"Idempotency-Key": "once"})
    assert (made.status_code, again.json()) == (202, made.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert not set(made.json()) & {"customer_id", "said"}  # it is remembered for a day
    path = f"/v1/privacy/erasures/{made.json()['id']}"
    shown = (await client.get(path)).json()
    assert (shown["customer_id"], shown["status"], shown["proof"]) == ("cus_1042", "proposed", None)
    alone = await client.post(f"{path}/approve")
    assert (alone.status_code, alone.json()["code"]) == (403, "second_approver_needed")

    client = await as_admin("ben")
    approved = await client.post(f"{path}/approve")
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    assert (await client.post(f"{path}/approve")).json()["code"] == "conflict"
    await world.privacy.work()

    over = (await client.get(path)).json()
    assert (over["status"], over["customer_id"], over["decided_by"]) == ("done", "", "ben")
    assert over["proof"]["conversations"] == 1
    assert [one["id"] for one in (await client.get("/v1/privacy/erasures")).json()["items"]] == [over["id"]]
    assert (await client.get("/v1/privacy/exports")).json()["items"] == []
    assert (await client.get(path.replace("erasures", "exports"))).status_code == 404


async def test_an_export_is_read_once_somebody_else_has_approved_it_and_noted(as_admin, world):
    client = await as_admin("ana")
    path = "/v1/privacy/exports/" + (await client.post("/v1/privacy/exports", json=ASKED)).json()["id"]
    assert (await client.get(f"{path}/document")).status_code == 409
    client = await as_admin("ben")
    await client.post(f"{path}/approve")

    assert (await client.get(f"{path}/document")).json() == {"conv_1": {"turns": [{"text": "hello"}]}}
    await world.reads.settle()
    kept = await world.reads.store.list_reads("larkfield", ReadFilter(conversation_id="conv_1"))
    assert [(read.data, read.actor_id, read.subject_id) for read in kept] == [
        (Data.EXPORT, "ben", path.rsplit("/", 1)[1])
    ]


@pytest.mark.parametrize(
    "body", [{}, {"customer_id": " "}, ASKED | {"said": ["Jo"]}, ASKED | {"reason": "asked"}]
)
async def test_what_names_nobody_or_everybody_is_refused(as_admin, body):
    refused = await (await as_admin("ana")).post("/v1/privacy/erasures", json=body)
    assert refused.status_code == 422


async def test_another_tenants_request_is_not_there(as_admin, as_role):
    made = await (await as_admin("ana")).post("/v1/privacy/erasures", json=ASKED)
    client = await as_role(Role.ADMIN, "acme")
    path = f"/v1/privacy/erasures/{made.json()['id']}"
    answers = [
        await client.get(path),
        await client.post(f"{path}/approve"),
        await client.post(f"{path}/reject"),
    ]
    assert {answer.status_code for answer in answers} == {404}
