"""What each noun's routes do when all is well."""

from dataclasses import replace

import pytest

from copilot.adapters.probes import Probe, Probes
from copilot.assist.metering import on_account_of
from copilot.domain.access import Role
from copilot.domain.assist import Drafter, Suggestion
from copilot.domain.assist_events import ConversationSnapshot, SuggestionCompletedEvent
from copilot.domain.errors import ConfigurationError
from copilot.domain.usage import ModelUsage


async def test_conversations_are_listed_newest_first_page_by_page(client):
    opened = [(await client.post("/v1/conversations", json={"subject": str(n)})).json() for n in range(5)]
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/conversations", params=params)).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [c["id"] for c in seen] == [c["id"] for c in reversed(opened)]
    assert opened[0]["tenant_id"] == "larkfield"
    assert opened[0]["representative_id"] == "representative_1"


async def test_the_customer_is_verified_by_order_or_by_name(client, conversation, world):
    by_name = {"first_name": "Mia", "last_name": "Li", "zip": "78701"}
    response = await client.post(f"{conversation}/customer", json=by_name)

    assert response.json()["id"] == "cust_1"
    assert world.assist.verified["zip_code"] == "78701"
    assert (await client.get(conversation)).json()["customer_id"] == "cust_1"


async def test_wrapping_up_needs_no_body(client, conversation):
    handed = await client.post(f"{conversation}/hand-over", json={"to": "Supervisors", "reason": "Too much."})
    assert (handed.status_code, handed.json()["to"]) == (200, "Supervisors")
    assert (await client.post(f"{conversation}/hand-over", json={"to": " "})).status_code == 422
    assert (await client.post(f"{conversation}/wrap-up")).json()["case_note"] == "Done."


async def test_feedback_on_a_suggestion_is_recorded(client, conversation, world):
    kept = await world.conversations.get("larkfield", conversation.rpartition("/")[2])
    suggestion = Suggestion(
        id="sug_1", conversation_id=kept.id, revision=0, drafter=Drafter.COMPOSER, text="Hi", sentences=(),
        confidence=1, created_at=kept.created_at,
    )  # fmt: skip
    event = SuggestionCompletedEvent(
        id=1, conversation_id=kept.id, revision=0, created_at=kept.created_at, data=suggestion
    )
    await world.conversations.save_revision(
        ConversationSnapshot(conversation=kept), [event], tenant_id="larkfield"
    )
    body = {"verdict": "edited", "final_text": "Hello!"}
    response = await client.post("/v1/suggestions/sug_1/feedback", json=body)

    assert (response.status_code, response.content) == (204, b"")
    assert world.assist.feedback == [("sug_1", "edited", "Hello!", None)]
    assert (await client.post("/v1/suggestions/sug_2/feedback", json=body)).status_code == 404


async def test_an_action_is_approved_only_with_the_digest_that_was_shown(client, world):
    world.actions.propose()
    shown = (await client.get("/v1/actions/act_1")).json()
    wrong = await client.post("/v1/actions/act_1/approve", json={"digest": "0" * 64})
    right = await client.post("/v1/actions/act_1/approve", json={"digest": shown["digest"]})
    late = await client.post("/v1/actions/act_1/reject", json={"reason": "changed my mind"})

    assert (wrong.status_code, wrong.json()["code"]) == (409, "seal_broken")
    assert right.json()["status"] == "approved"
    assert (late.status_code, late.json()["code"]) == (409, "action_not_open")
    assert (await client.post("/v1/actions/act_1/approve", json={})).status_code == 422


async def test_a_supervisor_closes_an_unresolved_action_with_evidence(as_role, world):
    world.actions.propose()
    client = await as_role(Role.SUPERVISOR)
    path, evidence = "/v1/actions/act_1/resolve", "Refund 7718 in the console"
    for wrong in (
        {"outcome": "succeeded"},
        {"outcome": "maybe", "evidence": "x"},
        {"outcome": "failed", "evidence": " "},
    ):
        assert (await client.post(path, json=wrong)).status_code == 422
    closed = await client.post(path, json={"outcome": "failed", "evidence": evidence})

    assert closed.json()["status"] == "failed"


async def test_a_supervisor_unlocks_the_verification(as_role, world, conversation):
    client = await as_role(Role.SUPERVISOR)
    unlocked = await client.post(f"{conversation}/customer/unlock")

    assert (unlocked.status_code, unlocked.content) == (204, b"")
    assert world.assist.unlocked == [conversation.rpartition("/")[2]]
    assert (await client.post("/v1/conversations/conv_none/customer/unlock")).status_code == 404


async def test_an_edited_action_is_a_new_one_that_names_the_old(client, world):
    world.actions.propose()
    response = await client.post("/v1/actions/act_1/edit", json={"arguments": {"amount": "10.00"}})

    assert response.json()["replaces"] == "act_1"
    assert response.json()["call"]["arguments"] == {"amount": "10.00"}
    assert (await client.get("/v1/actions")).json()["items"][0]["id"] == "act_1"


async def test_a_document_is_put_read_listed_and_deleted(as_role):
    client = await as_role(Role.KNOWLEDGE_MANAGER)
    body = {"title": "Returns", "text": "# Returns\n30 days.", "metadata": {"valid_from": "2026-03-01"}}
    put = await client.put("/v1/knowledge/documents/returns-policy", json=body)

    assert put.json()["valid_from"] == "2026-03-01"
    assert (await client.get("/v1/knowledge/documents/returns-policy")).json() == put.json()
    assert (await client.get("/v1/knowledge/documents")).json()["items"] == [put.json()]
    assert (await client.delete("/v1/knowledge/documents/returns-policy")).status_code == 204
    assert (await client.get("/v1/knowledge/documents/returns-policy")).status_code == 404


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"colour": "red"}, "body.metadata.colour"),
        ({"valid_from": "2026-02-30"}, "body.metadata.valid_from"),
        ({"valid_from": "2026-02-02", "valid_to": "2026-02-01"}, "body.metadata"),
        ({"audience": "everyone"}, "body.metadata.audience"),
    ],
)
async def test_wrong_metadata_is_named(as_role, metadata, path):
    client = await as_role(Role.KNOWLEDGE_MANAGER)
    response = await client.put(
        "/v1/knowledge/documents/x", json={"title": "a", "text": "b", "metadata": metadata}
    )

    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == path


async def test_a_file_is_uploaded_and_an_unreadable_one_is_refused_by_name(as_role, world):
    client = await as_role(Role.KNOWLEDGE_MANAGER)
    good = await client.post("/v1/knowledge/documents", files={"file": ("a.md", b"# Hello" * 300_000)})
    broken = await client.post("/v1/knowledge/documents", files={"file": ("b.pdf", b"%PDF-1.4 rubbish")})
    empty = await client.post("/v1/knowledge/documents", files={"file": ("c.md", b"")})
    none = await client.post("/v1/knowledge/documents", data={"file": "text"})

    assert good.status_code == 201
    assert (broken.status_code, broken.json()["code"]) == (422, "unreadable_document")
    assert broken.json()["where"] == "b.pdf"
    assert (empty.status_code, none.status_code) == (422, 422)
    assert list(world.library.kept) == ["a"]


async def test_search_passes_on_every_filter_and_the_callers_tenant(client, world):
    body = {"query": "return window", "as_of": "2026-01-31", "audiences": ["public"], "limit": 3}
    answer = await client.post("/v1/knowledge/search", json=body)

    assert answer.json() == {"passages": [], "answerable": False, "confidence": 0}
    (query,) = world.library.queries
    assert (query.tenant_id, query.text, str(query.as_of), query.limit) == (
        "larkfield",
        "return window",
        "2026-01-31",
        3,
    )
    assert (await client.get("/v1/knowledge/gaps")).json()["items"][0]["question"] == "Do you ship to Mars?"


async def test_readiness_names_the_dependency_that_is_gone(anonymous, world):
    async def fine():
        return None

    async def gone():
        raise ConfigurationError("the index is locked by another process")

    async def broken():
        raise OSError("/secret/path")

    async def asked(*probes):
        world.vitals = replace(world.vitals, readiness=Probes(probes, world.clock))
        await world.vitals.readiness.start()
        response = await anonymous.get("/readyz")
        await world.vitals.readiness.stop()
        return response

    assert (await asked(Probe("database", fine))).json()["ready"] is True
    weaker = await asked(Probe("database", fine), Probe("llm", broken, required=False))
    assert (weaker.status_code, weaker.json()["degraded"]) == (200, ["llm"])
    response = await asked(Probe("database", fine), Probe("index", gone), Probe("model", broken))
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert (checks["database"]["ok"], checks["index"]["ok"]) == (True, False)
    assert "locked" in checks["index"]["problem"]
    assert checks["index"]["since"] == world.clock.now().isoformat().replace("+00:00", "Z")
    assert "secret" not in response.text


async def test_metrics_count_requests_by_route_and_status(client, conversation):
    await client.get(conversation)
    await client.get("/v1/conversations/conv_unknown")
    text = (await client.get("/metrics")).text

    route = 'route="/v1/conversations/{conversation_id}"'
    assert f'copilot_http_request_seconds_count{{method="GET",{route},status="200"}} 1.0' in text
    assert f'copilot_http_request_seconds_count{{method="GET",{route},status="404"}} 1.0' in text
    assert "conv_unknown" not in text
    assert "copilot_event_streams 0.0" in text


async def test_search_in_a_conversation_quotes_what_answers_and_says_why_it_was_found(client, world):
    found = world.library.finds("returns", "Within 30 days", "Returns. You may return it within 30 days.")
    body = {"query": "within how many days?", "history": ["I bought a tent."], "rewrite": False}
    answer = (await client.post("/v1/knowledge/search", json=body)).json()

    (query,) = world.library.queries
    assert (query.history, query.rewrite) == (("I bought a tent.",), False)
    (passage,) = answer["passages"]
    quote = passage["quote"]
    assert quote["quote"] == "You may return it within 30 days."
    assert found.document.text[quote["start"] : quote["end"]] == quote["quote"]
    assert (passage["stale"], passage["confidence"]) == (False, 0.8)
    assert passage["parts"] == {"cosine": 0.7, "keyword": 0.5, "likeness": 0.9}


async def test_a_text_is_transformed_and_what_needs_a_model_says_so(client, conversation):
    path = f"{conversation}/transform"
    same = await client.post(path, json={"how": "shorter", "text": "It was sent."})
    rewrite = await client.post(path, json={"how": "rewrite", "text": "It was sent."})
    both = await client.post(path, json={"how": "shorter", "text": "a", "suggestion_id": "sug_1"})

    assert same.json()["text"] == "It was sent."
    assert (rewrite.status_code, rewrite.json()["code"]) == (422, "model_needed")
    assert (both.status_code, both.json()["code"]) == (422, "invalid_input")


async def test_what_models_were_used_for_is_shown_with_the_conversation_and_counted(
    client, conversation, world
):
    with on_account_of("larkfield", conversation.rpartition("/")[2]):
        world.usage.note(ModelUsage(model="big", prompt_tokens=100, cached_tokens=60, completion_tokens=10))
    usage = (await client.get(f"{conversation}/usage")).json()
    metrics = (await client.get("/metrics")).text

    assert usage["models"][0]["cached_tokens"] == 60
    assert 'copilot_llm_tokens_total{kind="prompt_cached",model="big"} 60.0' in metrics
    assert (await client.get("/v1/conversations/conv_none/usage")).status_code == 404


async def test_a_reported_gap_is_kept_without_personal_data(client, conversation, world):
    body = {"question": "Do you ship to the Azores? I am ana@mail.example"}
    assert (await client.post(f"{conversation}/gaps", json=body)).status_code == 204

    [gap] = world.knowledge.gaps
    assert gap.question == "Do you ship to the Azores? I am [EMAIL]"
    assert gap.conversation_id == conversation.rpartition("/")[2]
    assert (await client.post("/v1/conversations/conv_404/gaps", json=body)).status_code == 404


async def test_the_panel_is_dressed_as_its_tenant_wants(client):
    answer = await client.get("/v1/branding")
    assert answer.json() == {"name": "Larkfield", "accent": "#2d6a4f", "logo": None}
