"""Who may do what."""

from datetime import timedelta

import pytest

from copilot.domain.access import Principal, Role
from copilot.domain.errors import NotAuthenticated

TURN = {"speaker": "customer", "text": "Hello"}


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic cop_1_1", "cop_1_1", "Bearer cop_1_2", "Bearer \x7f"]
)
async def test_without_a_good_key_nothing_is_told(anonymous, world, header):
    headers = {} if header is None else {"Authorization": header}
    for method, path in (
        ("GET", "/v1/conversations"),
        ("POST", "/v1/conversations"),
        ("GET", "/v1/conversations/x/events"),
    ):
        response = await anonymous.request(method, path, headers=headers)

        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.json()["code"] == "not_authenticated"
    assert await world.conversations.list_open("larkfield") == []


async def test_a_revoked_key_is_refused(client, world):
    (key,) = await world.api_keys.list_keys("larkfield")
    await world.api_keys.revoke("larkfield", key.prefix)

    assert (await client.get("/v1/conversations")).status_code == 401


async def test_an_expired_key_is_refused_with_a_reason_of_its_own(anonymous, world):
    ana = Principal(id="rep_1", tenant_id="larkfield", name="Ana", role=Role.REPRESENTATIVE)
    key = await world.api_keys.create(ana, world.clock.now() + timedelta(days=90))
    headers = {"Authorization": f"Bearer {key}"}
    assert (await anonymous.get("/v1/conversations", headers=headers)).status_code == 200
    world.clock.forward(timedelta(days=90))

    refused = await anonymous.get("/v1/conversations", headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (401, "api_key_expired")
    assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "scope"),
    [
        (Role.KNOWLEDGE_MANAGER, "GET", "/v1/conversations", None, "conversations:read"),
        (Role.ML_ENGINEER, "POST", "/v1/conversations", {}, "conversations:write"),
        (Role.ML_ENGINEER, "POST", "/v1/conversations/c/turns", TURN, "conversations:write"),
        (Role.KNOWLEDGE_MANAGER, "GET", "/v1/conversations/c/events", None, "conversations:read"),
        (
            Role.REPRESENTATIVE,
            "PUT",
            "/v1/knowledge/documents/x",
            {"title": "a", "text": "b"},
            "knowledge:write",
        ),
        (Role.REPRESENTATIVE, "DELETE", "/v1/knowledge/documents/x", None, "knowledge:write"),
        (Role.KNOWLEDGE_MANAGER, "GET", "/v1/actions/a", None, "actions:read"),
        (Role.ML_ENGINEER, "POST", "/v1/actions/a/approve", {"digest": "0" * 64}, "actions:approve"),
        (Role.ML_ENGINEER, "POST", "/v1/actions/a/reject", {}, "actions:approve"),
        (
            Role.REPRESENTATIVE,
            "POST",
            "/v1/actions/a/resolve",
            {"outcome": "succeeded", "evidence": "Refund 7718"},
            "actions:approve_above_limit",
        ),
        (Role.REPRESENTATIVE, "POST", "/v1/conversations/c/customer/unlock", None, "customers:unlock"),
    ],
)
async def test_a_role_without_the_scope_is_told_which_one_is_missing(
    as_role, role, method, path, body, scope
):
    client = await as_role(role)
    response = await client.request(method, path, json=body)

    assert response.status_code == 403
    assert response.json()["code"] == "not_permitted"
    assert scope in response.json()["detail"]


async def test_health_needs_no_key_and_every_v1_route_does(anonymous):
    schema = (await anonymous.get("/openapi.json")).json()

    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if path == "/v1/integrations/{name}/webhook":
                assert "security" not in operation  # the helpdesk signs it
            elif path == "/v1/sign-in":
                assert "security" not in operation  # asked before anybody has signed in
                assert (await anonymous.request(method, path)).status_code == 200
            elif path.startswith("/v1/"):
                assert operation["security"] == [{"ApiKey": []}], f"{method} {path}"
                concrete = path.replace("{", "").replace("}", "")
                assert (await anonymous.request(method, concrete)).status_code == 401
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}


async def test_pages_of_extensions_may_call_and_other_origins_may_not(anonymous):
    ask = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }
    extension = "chrome-extension://abcdefghijklmnop"

    allowed = await anonymous.options("/v1/conversations", headers={"Origin": extension, **ask})
    refused = await anonymous.options("/v1/conversations", headers={"Origin": "https://evil.example", **ask})
    error = await anonymous.get("/v1/conversations", headers={"Origin": extension})

    assert allowed.headers["access-control-allow-origin"] == extension
    assert "access-control-allow-origin" not in refused.headers
    assert error.status_code == 401
    assert error.headers["access-control-allow-origin"] == extension
    assert "access-control-allow-credentials" not in error.headers


async def test_every_answer_carries_security_headers(anonymous):
    for path in ("/healthz", "/v1/conversations", "/nothing"):
        headers = (await anonymous.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_who_signed_in_at_the_identity_provider_may_do_what_their_role_may(anonymous, world):
    class Provider:
        async def principal_of(self, token):
            if token != "a.good.token":  # noqa: S105 - of a fake
                raise NotAuthenticated("the token is not good here")
            return Principal(id="person_1", tenant_id="larkfield", name="Ana", role=Role.REPRESENTATIVE)

    world.person_tokens = Provider()
    signed_in = {"Authorization": "Bearer a.good.token"}
    assert (await anonymous.get("/v1/conversations", headers=signed_in)).status_code == 200
    refused = await anonymous.delete("/v1/knowledge/documents/x", headers=signed_in)
    assert refused.json()["code"] == "not_permitted"
    assert (
        await anonymous.get("/v1/conversations", headers={"Authorization": "Bearer a.b.c"})
    ).status_code == 401
    world.person_tokens = None
    assert (await anonymous.get("/v1/conversations", headers=signed_in)).status_code == 401
