"""The console over HTTP: who may see what, forms, and hostile text, on the whole product."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from bs4 import BeautifulSoup
from tests.servers.background import in_background
from tests.servers.console import (
    BIG_REFUND,
    HOSTILE_TURN,
    LANTERN,
    SCRIPT,
    ConsoleServer,
    Visitor,
    console_server,
    visiting,
)

from copilot.console.app import routers
from copilot.console.menu import MENU
from copilot.domain.access import SCOPES_OF_ROLE, Role

pytestmark = pytest.mark.slow

PAGES = [item for group in MENU for item in group.items if item.path.startswith("/console/")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    with in_background(console_server(tmp_path_factory.mktemp("console"))) as served:
        yield served


@pytest.fixture(scope="module")
def visit(server: ConsoleServer) -> Iterator[Callable[[str], Visitor]]:
    """Somebody who has tried to sign in with a key."""
    with ExitStack() as stack:
        yield lambda key: stack.enter_context(visiting(server, key))


@pytest.fixture(scope="module")
def people(server, visit) -> dict[Role, Visitor]:
    return {role: visit(key) for role, key in server.keys.items()}


@pytest.fixture(scope="module")
def outsider(server, visit) -> Visitor:
    return visit(server.outsider)


@pytest.fixture
def manager(people):
    return people[Role.KNOWLEDGE_MANAGER]


@pytest.fixture
def supervisor(people):
    return people[Role.SUPERVISOR]


def code_in(html: str) -> list[str]:
    """Whatever in the page a browser would run or style by, but files of ours."""
    found = []
    for tag in BeautifulSoup(html, "lxml").find_all(True):
        if tag.name in {"style", "iframe", "object", "embed", "base"}:
            found.append(str(tag))
        if tag.name == "script" and not tag.get("src", "").startswith("/static/"):
            found.append(str(tag))
        for name, value in tag.attrs.items():
            if name.startswith("on") or name == "style" or "javascript:" in str(value):
                found.append(f"{name}={value}")
    return found


# ---------------------------------------------------------------- signing in


def test_the_session_is_a_cookie_that_no_script_and_no_other_site_can_use(server, visit):
    visitor = visit(server.keys[Role.SUPERVISOR])
    cookie = next(c for c in visitor.signed_in.headers.get_list("set-cookie") if "copilot_session" in c)

    assert visitor.signed_in.status_code == 303
    for part in ("HttpOnly", "SameSite=strict", "Path=/console"):
        assert part in cookie
    assert server.keys[Role.SUPERVISOR] not in cookie


def test_signing_out_ends_the_session_and_not_only_the_cookie(server, visit):
    visitor = visit(server.keys[Role.ADMIN])
    cookie = visitor.client.cookies["copilot_session"]
    visitor.post("/console/sign-out")
    visitor.client.cookies.set("copilot_session", cookie, path="/console")

    assert visitor.get("/console/documents").status_code == 303


@pytest.mark.parametrize("key", ["", "cop_000000000000_nothing", "x" * 400])
def test_a_key_that_is_none_is_refused_in_words(server, key, visit):
    refused = visit(key).signed_in

    assert refused.status_code == 401
    assert "API key" in refused.text
    assert key == "" or key not in refused.text


def test_a_sign_in_form_that_is_not_ours_signs_nobody_in(server, visit):
    visitor = visit("")
    sent = {"key": server.keys[Role.ADMIN], "csrf": "guessed"}

    assert visitor.client.post("/console/sign-in", data=sent).status_code == 403
    assert "copilot_session" not in visitor.client.cookies


@pytest.mark.parametrize(
    "address", ["https://evil.example/console/x", "//evil.example", "/console/\\evil", "/inbox"]
)
def test_signing_in_leads_to_a_page_of_the_console_and_nowhere_else(server, address, visit):
    visitor = visit("")
    page = visitor.get("/console/sign-in", params={"next": address}).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    sent = {"key": server.keys[Role.ADMIN], "csrf": csrf, "next": address}

    assert visitor.client.post("/console/sign-in", data=sent).headers["location"] == "/console/live"


# ---------------------------------------------------------------- who sees what


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_its_own_pages_and_no_others(people, role):
    for item in PAGES:
        expected = 200 if item.scope in SCOPES_OF_ROLE[role] else 403
        answer = people[role].get(item.path)

        assert answer.status_code == expected, item.path
        assert (f'href="{item.path}"' in answer.text) == (expected == 200), item.path


def test_nobody_who_is_not_signed_in_sees_a_page(server, people, visit):
    stranger = visit("")
    for item in PAGES:
        answer = stranger.get(item.path)

        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/console/sign-in")
    part = stranger.get("/console/live", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/console/sign-in")


def test_another_tenants_things_are_not_there(server, outsider, people):
    conversation = server.converse("Where is my parcel?")
    manager = people[Role.KNOWLEDGE_MANAGER]
    job = manager.post("/console/upload", files=[("files", ("a.md", b"# A\n\nText of a.\n"))])
    job_path = job.url.path

    for path in (
        "/console/documents/returns-policy",
        "/console/policies/refunds.yaml",
        "/console/playbooks/damaged_item.yaml",
        f"/console/live/{conversation}",
        job_path,
        f"{job_path}/events",
    ):
        assert outsider.get(path).status_code == 404, path
    assert people[Role.ADMIN].get(f"/console/live/{conversation}").status_code == 200
    for path in (
        "documents",
        "policies",
        "playbooks",
        "live",
        "jobs",
        "ledger",
        "gaps",
        "approvals",
        "adoption",
    ):
        page = outsider.get(f"/console/{path}").text
        assert 'class="empty"' in page, path
        assert "returns-policy" not in page
        assert conversation not in page


def test_another_tenant_cannot_decide_put_in_force_or_describe_anything(server, outsider):
    action = server.proposed(BIG_REFUND)
    approve = f"/console/approvals/{action['id']}/approve"

    assert outsider.post(approve, {"digest": action["digest"]}).status_code == 404
    assert outsider.post(f"/console/approvals/{action['id']}/reject", {"reason": "no"}).status_code == 404
    text = (server.knowledge / "policies" / "refunds.yaml").read_text()
    form = {"text": text, "base": "", "checked": "true"}
    assert outsider.post("/console/policies/refunds.yaml/put-in-force", form).status_code == 404
    described = {"name": "site", "kind": "pages", "urls": "https://www.example.com/"}
    assert outsider.post("/console/sources", described).status_code == 403
    with server.api(Role.SUPERVISOR) as api:
        api.post(f"/v1/actions/{action['id']}/reject", json={"reason": "test"})


# ---------------------------------------------------------------- forms


def forms() -> list[str]:
    """Every address of the console that takes a form, with its parameters filled."""
    routes = [route for router in routers() for route in router.routes]
    paths = [route.path for route in routes if "POST" in route.methods and route.path != "/console/sign-in"]
    return [path.replace("{name}", "refunds.yaml").replace("{", "").replace("}", "") for path in paths]


def test_there_are_forms_to_try():
    assert len(forms()) > 15


@pytest.mark.parametrize("path", forms())
def test_a_form_without_the_sessions_token_changes_nothing(people, path):
    admin = people[Role.ADMIN]
    for form in ({}, {"csrf": "guessed"}):
        assert admin.client.post(path, data=form).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused_even_with_the_token(manager, headers):
    refused = manager.post("/console/gaps/x_1", {"status": "answered"}, headers=headers)

    assert refused.status_code == 403
    assert "another site" in refused.text


# ---------------------------------------------------------------- pages as such


def test_a_proxy_that_changes_the_host_does_not_keep_our_own_forms_out(manager):
    headers = {"Origin": "https://console.example", "Sec-Fetch-Site": "same-origin"}

    assert manager.post("/console/sources/none/remove", headers=headers).status_code == 404


def test_pages_run_no_script_but_files_of_ours_and_are_kept_by_nobody(people):
    for item in PAGES:
        answer = people[Role.ADMIN].get(item.path)
        policy = answer.headers["content-security-policy"]

        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert code_in(answer.text) == [], item.path


def test_text_of_documents_is_text(people):
    admin = people[Role.ADMIN]
    for path in (
        "/console/documents?text=hostile",
        "/console/documents/hostile",
        "/console/search?q=zebra",
        f"/console/search?q={SCRIPT}",
        "/console/lint",
        "/console/documents/hostile/impact",
        f"/console/documents/{SCRIPT.replace('/', '')}",
    ):
        text = admin.get(path).text
        assert "<script>alert" not in text, path
        assert code_in(text) == [], path
    assert "&lt;script&gt;" in admin.get("/console/documents/hostile").text


def test_checks_run_in_the_background_and_their_findings_are_text(people):
    manager = people[Role.ADMIN]
    assert "The checks have not run" in manager.get("/console/lint").text
    assert manager.post("/console/lint", {"check": "nonsense"}).status_code == 422
    manager.post("/console/lint", {"check": ""})
    deadline = time.monotonic() + 30
    while "Stop</button>" in (page := manager.get("/console/lint", headers={"hx-request": "true"}).text):
        assert "progress" in page
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "documents," in page
    assert "passages" in page
    assert "<script>alert" not in page
    assert code_in(page) == []
    # Nothing runs, so there is nothing to stop, and what was found stays.
    manager.post("/console/lint/stop")
    assert "documents," in manager.get("/console/lint").text


def test_what_a_customer_writes_is_text_everywhere(server, people):
    conversation = server.converse(HOSTILE_TURN)
    admin = people[Role.ADMIN]
    for path in (
        "/console/live",
        f"/console/live/{conversation}",
        "/console/gaps?status=all",
        "/console/ledger",
    ):
        text = admin.get(path).text
        assert "<img" not in text, path
    assert "&lt;img" in admin.get(f"/console/live/{conversation}").text


def test_what_is_not_there_or_not_understood_is_said_in_words(people):
    admin = people[Role.ADMIN]
    missing = admin.get("/console/nothing")
    wrong = admin.get("/console/documents?audience=staff")
    cursor = admin.get("/console/documents?cursor=%25%25")

    assert (missing.status_code, wrong.status_code, cursor.status_code) == (404, 422, 422)
    assert "There is no such page" in missing.text
    assert "Expected one of: public, internal" in wrong.text
    part = admin.get("/console/documents/none", headers={"HX-Request": "true"})
    assert part.status_code == 404
    assert "<html" not in part.text


@pytest.mark.parametrize("item", PAGES, ids=lambda item: item.path)
def test_no_address_however_odd_brings_a_page_down(people, item):
    admin = people[Role.ADMIN]
    fields = (
        "cursor",
        "text",
        "q",
        "subject",
        "suite",
        "metric",
        "kind",
        "product",
        "locale",
        "tags",
        "history",
    )
    for value in ("%00", "%ff%fe", "AAAA", "%F0%9F%98%80", "%27%22;--", "{{7*7}}", "9" * 300):
        query = "&".join(f"{field}={value}" for field in fields)
        answer = admin.get(f"{item.path}?{query}")

        assert answer.status_code in {200, 422}, value


def test_a_form_that_cannot_be_read_is_said_to_be(people):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = people[Role.ADMIN].client.post("/console/upload", content=b"--x\r\nnonsense", headers=headers)

    assert answer.status_code in {400, 403}
    assert "<h1>" in answer.text


# ---------------------------------------------------------------- knowledge


def test_documents_are_listed_and_filtered(manager):
    kept_out = manager.get("/console/documents?state=kept_out").text
    both = manager.get("/console/documents/returns-policy").text

    assert "Stonebrook" in kept_out
    assert "Returns policy" not in kept_out
    assert "version=2" in both
    assert "version=3" in both
    assert "clause 3.2" in both
    assert re.search(r"Characters \d+–\d+ · \d+ tokens", both)


def test_the_search_tester_says_why(manager):
    answered = manager.get("/console/search?q=How long do I have to return an item?").text
    nothing = manager.get("/console/search?q=What is the capital of Peru?").text
    old = manager.get("/console/search?q=How long do I have to return an item?&as_of=2025-06-01").text

    assert "Answered" in answered
    assert "Meaning (dense)" in answered
    assert "within 30 days" in answered
    assert "Not in the knowledge base" in nothing
    assert "Version 2" in old


def test_an_upload_becomes_a_job_with_a_report(manager):
    files = [
        ("files", ("lantern-care.md", b"# Lantern care\n\nWipe the glass with vinegar.\n")),
        ("files", ("plan.toml", b"x = 1")),
    ]
    job = manager.post("/console/upload", files=files)
    with manager.client.stream("GET", f"{job.url.path}/events") as events:
        told = "\n".join(events.iter_lines())

    assert "event: job.done" in told
    report = manager.get(job.url.path).text
    assert "upload/plan.toml" in report
    assert "lantern-care" in report
    assert manager.get("/console/documents/lantern-care").status_code == 200


def test_a_dry_run_stores_nothing(manager):
    files = [("files", ("only-planned.md", b"# Planned\n\nNothing of this is kept.\n"))]
    job = manager.post("/console/upload", {"dry_run": "true"}, files=files)
    with manager.client.stream("GET", f"{job.url.path}/events") as events:
        list(events.iter_lines())

    assert "Would be added" in manager.get(job.url.path).text
    assert manager.get("/console/documents/only-planned").status_code == 404


def test_what_is_kept_out_is_released_by_a_person_and_stands_in_the_ledger(manager, people):
    name = "vendor-note-fire-pit"
    released = manager.post(f"/console/documents/{name}/release", {"version": "1", "reason": "Read it."})
    assert "It is in search now." in released.text
    again = manager.post(f"/console/documents/{name}/release", {"version": "1"})
    assert (again.status_code, "in search already" in again.text) == (409, True)

    back = manager.post(
        f"/console/documents/{name}/keep-out", {"version": "1", "reason": "On second thought."}
    )
    assert "kept out of search" in back.text
    ledger = people[Role.SUPERVISOR].get("/console/ledger").text
    assert "Knowledge released" in ledger
    assert "Knowledge quarantined" in ledger


def test_a_gap_is_answered(server, manager):
    server.converse("Which dentist in Lisbon can you recommend?")
    page = manager.get("/console/gaps").text
    gap = re.search(r'id="(gapc_\w+)">Which dentist', page)[1]

    done = manager.post(f"/console/gaps/{gap}", {"status": "answered"})

    assert "is answered now" in done.text
    assert gap not in manager.get("/console/gaps").text
    assert "usr_dana" in manager.get("/console/gaps?status=answered").text


def test_a_representative_reads_documents_and_changes_none(people):
    representative = people[Role.REPRESENTATIVE]
    page = representative.get("/console/documents/returns-policy").text

    assert "Keep out of search" not in page
    refused = representative.post(
        "/console/documents/returns-policy/keep-out", {"version": "3", "reason": "no"}
    )
    assert refused.status_code == 403
    assert representative.get("/console/documents/returns-policy/impact").status_code == 403


# ---------------------------------------------------------------- sources


def test_a_source_is_described_listed_and_removed(server, manager):
    form = {
        "name": "site",
        "kind": "pages",
        "sitemaps": "https://www.example.com/sitemap.xml",
        "audience": "public",
    }
    assert "Added the source site" in manager.post("/console/sources", form).text
    written = (server.knowledge / "sources" / "site.yaml").read_text()
    assert "https://www.example.com/sitemap.xml" in written

    assert manager.post("/console/sources", form).status_code == 409
    assert "Removed the source site" in manager.post("/console/sources/site/remove").text
    assert not (server.knowledge / "sources" / "site.yaml").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "folder", "path": "/"}, "operator"),
        ({"secret": "COPILOT_LLM_API_KEY"}, "not meant for sources"),
        ({"urls": "ftp://example.com/"}, "urls"),
        ({"urls": ""}, "expected sitemaps or urls"),
        ({"name": "../../etc/cron"}, "name"),
        ({"kind": "nonsense"}, "kind"),
    ],
)
def test_a_description_that_would_reach_too_far_is_refused(server, manager, changes, said):
    form = {"name": "site2", "kind": "pages", "urls": "https://www.example.com/"}
    before = sorted((server.knowledge).rglob("*.yaml"))
    refused = manager.post("/console/sources", form | changes)

    assert refused.status_code == 422
    assert said in refused.text
    assert sorted((server.knowledge).rglob("*.yaml")) == before


# ---------------------------------------------------------------- four eyes


def test_two_people_are_needed_above_the_limit_and_they_are_never_the_same(server, supervisor, visit):
    action = server.proposed(BIG_REFUND)
    approve = f"/console/approvals/{action['id']}/approve"
    assert "Needs supervisor" in supervisor.get("/console/approvals").text

    first = supervisor.post(approve, {"digest": action["digest"]})
    assert "A second person must agree" in first.text
    assert "You have approved this already" in first.text
    assert approve not in first.text
    again = supervisor.post(approve, {"digest": action["digest"]})
    assert (again.status_code, "a second person must" in again.text) == (403, True)

    omar = visit(server.second)
    assert approve in omar.get("/console/approvals").text
    forged = omar.post(approve, {"digest": "0" * 64})
    assert (forged.status_code, "not the call that was shown" in forged.text) == (409, True)
    done = omar.post(approve, {"digest": action["digest"]})
    assert "Approved and done." in done.text

    ledger = supervisor.get(f"/console/ledger?subject={action['id']}").text
    for what in ("Proposal", "Approval", "Receipt"):
        assert what in ledger
    assert "The ledger holds" in supervisor.post("/console/ledger/verify").text


def test_a_representative_has_no_approvals_page(people):
    assert (
        people[Role.REPRESENTATIVE].post("/console/approvals/x/approve", {"digest": "x"}).status_code == 403
    )


# ---------------------------------------------------------------- rules


def editor(visitor, path):
    page = visitor.get(path).text
    return re.search(r'name="base" value="(\w*)"', page)[1]


def test_a_policy_is_tried_signed_put_in_force_and_put_back(server, manager):
    path, file = "/console/policies/refunds.yaml", server.knowledge / "policies" / "refunds.yaml"
    before, base = file.read_text(), editor(manager, path)
    because = before.replace("Reported ", "Was reported ", 1)
    assert because != before

    tried = manager.post(f"{path}/try", {"text": because, "base": base})
    assert "Nothing is wrong with it" in tried.text
    assert "Was reported" in tried.text
    unsigned = manager.post(f"{path}/put-in-force", {"text": because, "base": base})
    assert (unsigned.status_code, file.read_text()) == (422, before)
    assert "Was reported" in unsigned.text  # nothing that was typed is lost

    signed = manager.post(f"{path}/put-in-force", {"text": because, "base": base, "checked": "true"})
    assert "in force, signed by Dana" in signed.text
    assert 'name: "Dana"' in file.read_text()
    action = server.proposed(LANTERN)
    assert "Was reported" in str(action["decision"]["findings"])
    with server.api() as api:
        api.post(f"/v1/actions/{action['id']}/reject", json={"reason": "test"})
    stale = manager.post(f"{path}/put-in-force", {"text": before, "base": base, "checked": "true"})
    assert (stale.status_code, "changed by somebody else" in stale.text) == (422, True)

    earlier = re.search(r'name="earlier" value="(\w+)"', signed.text)[1]
    back = manager.post(f"{path}/restore", {"earlier": earlier, "base": editor(manager, path)})
    assert "in force again" in back.text
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("outcome: deny", "outcome: perhaps", "outcome"),
        ("policy: refunds", "policy: [", "not valid YAML"),
        ("call.amount_minor, more_than", "call.amount_minr, more_than", "did you mean"),
        ('clause: "3.1"', 'clause: "99.9"', "there is no clause 99.9"),
        ("expect: deny", "expect: allow", "expects allow"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_by_line_and_nothing_changes(server, manager, old, new, said):
    path, file = "/console/policies/refunds.yaml", server.knowledge / "policies" / "refunds.yaml"
    before = file.read_text()
    assert old in before
    form = {"text": before.replace(old, new, 1), "base": editor(manager, path), "checked": "true"}

    tried, refused = manager.post(f"{path}/try", form), manager.post(f"{path}/put-in-force", form)

    for answer in (tried, refused):
        assert said in answer.text
        assert str(server.knowledge) not in answer.text
        assert "copilot-rules-" not in answer.text
    assert (refused.status_code, file.read_text()) == (422, before)


def test_a_playbook_is_put_in_force_for_the_next_turn(server, manager):
    path, file = "/console/playbooks/cancel_order.yaml", server.knowledge / "playbooks" / "cancel_order.yaml"
    before, base = file.read_text(), editor(manager, path)
    unknown = before.replace("tool: get_order_details", "tool: get_order_detials", 1)
    assert "which is no tool" in manager.post(f"{path}/put-in-force", {"text": unknown, "base": base}).text

    said = "Happy to look at that cancellation with you."
    changed = before.replace("It starts with LF-", f"{said}\n      It starts with LF-", 1)
    assert changed != before
    done = manager.post(f"{path}/put-in-force", {"text": changed.replace("\n", "\r\n"), "base": base})
    assert "in force from the next turn on" in done.text
    assert file.read_text() == changed

    assert said in server.snapshot(server.converse("Please cancel my order"))
    manager.post(
        f"{path}/restore",
        {"earlier": base, "base": editor(manager, path)},
    )
    assert file.read_text() == before


def test_a_new_policy_begins_with_an_example_and_is_no_file_before_it_is_signed(server, manager):
    begun = manager.get("/console/new-policies?name=price match", follow_redirects=True)

    assert begun.status_code == 200
    assert "policy: price_match" in begun.text
    assert not (server.knowledge / "policies" / "price_match.yaml").exists()
    assert manager.get("/console/policies/price_match.yaml").status_code == 404
    assert manager.get("/console/policies/..%2Fsecret.yaml").status_code == 404


# ---------------------------------------------------------------- figures


def test_adoption_counts_what_representatives_made_of_suggestions(server, people):
    server.converse("How long do I have to return an item that I don't like?")
    page = people[Role.ML_ENGINEER].get("/console/adoption?days=7").text

    assert "<svg" in page
    assert "Suggestions shown" in page
    assert re.search(r"<dd>[1-9]\d*</dd>", page)


def test_reports_of_the_folder_are_read_as_they_come(server, people):
    ml = people[Role.ML_ENGINEER]
    assert "No report was found" in ml.get("/console/reports").text
    (server.reports / "broken").mkdir()
    (server.reports / "broken" / "report.json").write_text("{")

    assert "is no report" in ml.get("/console/reports").text


def test_an_administrator_sees_who_looked_at_a_conversation_and_by_which_way(server, people):
    conversation = server.converse("How long do I have to return a tent?")
    for _ in range(2):
        people[Role.SUPERVISOR].get(f"/console/live/{conversation}")
    people[Role.SUPERVISOR].get(f"/console/live/{conversation}", headers={"X-Copilot-Poll": "1"})
    people[Role.SUPERVISOR].get(f"/console/live/{conversation}", headers={"X-Copilot-Poll": "1"})
    deadline = time.monotonic() + 30
    while True:  # Looks are written down a moment after them, many at once.
        page = people[Role.ADMIN].get("/console/audit", params={"conversation": conversation})
        if page.text.count("GET /console/live/{conversation_id}") >= 3:
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert page.text.count("GET /console/live/{conversation_id}") == 3
    assert "GET /v1/conversations/{conversation_id}/events" in page.text
    assert "usr_sam" in page.text
    assert "return a tent" not in page.text
    sams = people[Role.ADMIN].get("/console/audit", params={"conversation": conversation, "actor": "usr_sam"})
    assert "usr_rita" not in sams.text
    assert people[Role.SUPERVISOR].get("/console/audit").status_code == 403
    assert people[Role.ADMIN].get("/console/audit", params={"since": "soon"}).status_code == 422


def test_a_conversation_in_which_nobody_has_spoken_yet_has_a_page_too(server, people):
    with server.api() as api:
        conversation = api.post("/v1/conversations", json={"channel": "chat"}).json()["id"]

    page = people[Role.SUPERVISOR].get(f"/console/live/{conversation}")
    assert page.status_code == 200
    assert "Nothing was said yet." in page.text
