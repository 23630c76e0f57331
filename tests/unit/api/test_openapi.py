"""The OpenAPI description is exact enough to generate clients from."""

import re

import pytest

from copilot.api.app import describe_api


@pytest.fixture
async def schema(anonymous):
    return (await anonymous.get("/openapi.json")).json()


async def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(schema):
    operations = [op for path in schema["paths"].values() for op in path.values()]
    names = [op["operationId"] for op in operations]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    assert all(op.get("description") for op in operations)


async def test_every_event_of_the_stream_is_described(schema):
    event = schema["components"]["schemas"]["AssistEvent"]
    content = schema["paths"]["/v1/conversations/{conversation_id}/events"]["get"]["responses"]["200"][
        "content"
    ]

    assert set(event["discriminator"]["mapping"]) >= {"snapshot", "turn", "suggestion.delta", "revision.done"}
    data = content["text/event-stream"]["itemSchema"]["properties"]["data"]
    assert data["contentSchema"] == {"$ref": "#/components/schemas/AssistEvent"}
    assert list(content) == ["text/event-stream"]


async def test_every_error_is_a_problem(schema):
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400" and path.startswith("/v1/"):
                    assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]


async def test_every_write_takes_an_idempotency_key(schema):
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            names = [p["name"] for p in operation.get("parameters", [])]
            is_write = method in {"post", "put", "delete"}
            # A token is kept nowhere; a webhook's event has an id of its own.
            is_kept = operation["operationId"] not in {"mint_widget_token", "receive_webhook"}
            assert ("Idempotency-Key" in names) == (is_write and is_kept)


async def test_every_reference_leads_somewhere(schema):
    references = set(re.findall(r"#/components/schemas/([^'\"]+)", str(schema)))

    assert references <= set(schema["components"]["schemas"])


async def test_the_description_made_without_a_server_is_the_one_that_is_served(schema):
    assert describe_api() == schema
