"""Every route against every role, as people have written it down: what the code says is held against this."""

import logging

import httpx
import pytest
from walk import every_route

from copilot.api.routing import ApiRoute
from copilot.console.routing import PageRoute
from copilot.domain.access import Principal, Role
from copilot.server import create_server

LETTERS = {
    "R": Role.REPRESENTATIVE,
    "S": Role.SUPERVISOR,
    "K": Role.KNOWLEDGE_MANAGER,
    "M": Role.ML_ENGINEER,
    "I": Role.INTEGRATION,
    "A": Role.ADMIN,
}
API = {
    "RSIA": (
        "open_conversation add_turn show_typing ask_question verify_customer hand_over_conversation "
        "wrap_up_conversation report_knowledge_gap fill_macro transform_text give_feedback "
        "restore_suggestion mint_widget_token"
    ),
    "RSMIA": (
        "list_conversations get_conversation get_usage stream_events get_suggestion find_macros get_branding"
    ),
    "RSA": "list_waiting_actions get_action approve_action reject_action edit_action",
    "SA": "resolve_action unlock_customer list_alerts stream_alerts list_integrations",
    "A": (
        "list_reads propose_privacy_request list_privacy_requests get_privacy_request "
        "approve_privacy_request reject_privacy_request read_privacy_export"
    ),
    "RSKMIA": "search_knowledge list_documents get_document list_passages list_knowledge_gaps",
    "KA": (
        "put_document put_documents upload_document upload_documents delete_document release_document "
        "quarantine_document change_knowledge_gap get_document_impact start_lint get_lint stop_lint "
        "list_sources start_job start_upload_job list_jobs get_job cancel_job stream_job_events"
    ),
}
"""Operations by the roles that may use them."""
PAGES = {
    "RSKMIA": [
        "GET /console",
        "GET /console/{path}",
        "POST /console/sign-out",
        "GET /console/documents",
        "GET /console/documents/{external_id}",
        "GET /console/search",
    ],
    "SA": [
        "GET /console/live",
        "GET /console/live/alerts",
        "GET /console/live/{conversation_id}",
        "GET /console/approvals",
        "POST /console/approvals/{action_id}/approve",
        "POST /console/approvals/{action_id}/reject",
        "GET /console/ledger",
        "POST /console/ledger/verify",
    ],
    "SMA": ["GET /console/adoption"],
    "MA": ["GET /console/reports", "GET /console/reports/{run_id}"],
    "A": [
        "GET /console/audit",
        "GET /console/privacy",
        "POST /console/privacy",
        "POST /console/privacy/{kind}/{request_id}/approve",
        "POST /console/privacy/{kind}/{request_id}/reject",
        "GET /console/privacy/exports/{request_id}/document",
    ],
    "KA": [
        "GET /console/documents/{external_id}/impact",
        "POST /console/documents/{external_id}/keep-out",
        "POST /console/documents/{external_id}/release",
        "POST /console/documents/{external_id}/remove",
        "GET /console/upload",
        "POST /console/upload",
        "GET /console/jobs",
        "GET /console/jobs/{job_id}",
        "GET /console/jobs/{job_id}/events",
        "POST /console/jobs/{job_id}/cancel",
        "GET /console/sources",
        "POST /console/sources",
        "POST /console/sources/{name}/run",
        "POST /console/sources/{name}/remove",
        "GET /console/gaps",
        "POST /console/gaps/{gap_id}",
        "GET /console/lint",
        "POST /console/lint",
        "POST /console/lint/stop",
        "GET /console/quarantine",
        *(
            address.replace("KIND", kind)
            for kind in ("policies", "playbooks")
            for address in (
                "GET /console/KIND",
                "GET /console/KIND/{name}",
                "POST /console/KIND/{name}/try",
                "POST /console/KIND/{name}/put-in-force",
                "POST /console/KIND/{name}/restore",
                "GET /console/new-KIND",
            )
        ),
    ],
}
"""Pages by the roles that may open them."""


def allowed(table):
    """By name, the roles."""
    named = {}
    for letters, names in table.items():
        for name in names.split() if isinstance(names, str) else names:
            assert name not in named, f"{name} stands there twice"
            named[name] = {LETTERS[letter] for letter in letters}
    return named


def of_role(role):
    return Principal(id=f"usr_{role}", tenant_id="larkfield", name="Somebody", role=role)


@pytest.fixture
def app(world):
    return create_server(world)


@pytest.fixture
async def visitor(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def filled(path):
    """An address of something that is nowhere."""
    return path.replace("{", "").replace("}", "")


async def test_every_operation_lets_in_whom_it_should_and_nobody_else(app, visitor, world):
    expected, found = allowed(API), {}
    for route in every_route(app.routes):
        if not isinstance(route, ApiRoute):
            continue
        (method,) = route.methods
        may = set()
        for role in Role:
            key = await world.api_keys.create(of_role(role))
            answer = await began(visitor, method, filled(route.path_format), key)
            assert answer != 401
            if answer != 403:
                may.add(role)
        found[route.operation_id] = may

    assert found == expected


async def began(visitor, method, path, key):
    """The status alone: a stream is not listened to."""
    headers = {"Authorization": f"Bearer {key}"}
    body = {} if method in {"GET", "DELETE"} else {"json": {}}
    if path == "/v1/alerts/events":
        return 403 if not await may_watch(visitor, headers) else 200
    return (await visitor.request(method, path, headers=headers, **body)).status_code


async def may_watch(visitor, headers):
    """A stream that never ends stands behind the same scope as the list beside it; see the next test."""
    return (await visitor.get("/v1/alerts", headers=headers)).status_code != 403


def test_alerts_are_streamed_to_whom_they_are_listed_for(app):
    scopes = {
        route.operation_id: [
            needed.call for needed in route.dependant.dependencies if needed.call is not None
        ]
        for route in every_route(app.routes)
        if isinstance(route, ApiRoute) and route.operation_id in {"stream_alerts", "list_alerts"}
    }
    assert set(scopes["stream_alerts"]) == set(scopes["list_alerts"])
    assert any("permitted" in call.__qualname__ for call in scopes["list_alerts"])


@pytest.fixture
def _quiet(caplog):
    """The world's fakes have not all that pages show: what they stumble over then is not the matter here."""
    caplog.set_level(logging.CRITICAL)


@pytest.mark.usefixtures("_quiet")
async def test_every_page_lets_in_whom_it_should_and_nobody_else(app, visitor, world):
    expected, found, sessions = allowed(PAGES), {}, app.state.console.sessions
    for route in every_route(app.routes):
        if not isinstance(route, PageRoute):
            continue
        for method in route.methods:
            may = set()
            for role in Role:
                token = await sessions.sign_in(await world.api_keys.create(of_role(role)))
                visitor.cookies.set("copilot_session", token)
                address = f"{method} {route.path_format}"
                # The stream of alerts never ends; both are of one router, and its scope.
                endless = address == "GET /console/live/alerts"
                path = "/console/live" if endless else filled(route.path_format)
                form = {"data": {"csrf": (await sessions.visit(token)).csrf}} if method == "POST" else {}
                answer = await visitor.request(method, path, **form)
                assert "sign-in?next" not in answer.headers.get("location", "")
                if answer.status_code != 403:
                    may.add(role)
            found[f"{method} {route.path_format}"] = may

    assert found == expected
