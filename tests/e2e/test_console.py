"""The console in a real browser: its main tasks, with keyboard and screen reader in mind, in both themes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.e2e.desk import CHROMIUM
from tests.servers.background import in_background
from tests.servers.console import BIG_REFUND, LANTERN, ConsoleServer, console_server

from copilot.console.menu import MENU
from copilot.domain.access import Role
from copilot.evaluation.outcome import EvaluationReport, SuiteOutcome
from copilot.evaluation.report.write import write_reports
from copilot.evaluation.suites import Threshold

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is missing: apt-get install chromium"),
]
LISTENS_FOR_ALERTS = """() => document.querySelector("[sse-connect]")["htmx-internal-data"]
  .sseEventSource?.readyState === EventSource.OPEN"""
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PATHS = [item.path for group in MENU for item in group.items if item.path.startswith("/console/")]
MORE_PATHS = [
    "/console/documents/returns-policy",
    "/console/documents/returns-policy/impact",
    "/console/search?q=How long do I have to return an item?",
    "/console/lint",
    "/console/gaps?status=all",
    "/console/policies/refunds.yaml",
    "/console/playbooks/cancel_order.yaml",
    "/console/sources?kind=feed",
    "/console/nothing",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    with in_background(console_server(tmp_path_factory.mktemp("console"))) as served:
        for number, score in enumerate((0.7, 0.8, 0.9)):
            report_of(served.reports / "replies", score, NOW + timedelta(days=number))
        served.converse("Which dentist in Lisbon can you recommend?")
        served.converse("How long do I have to return an item?")
        yield served


def report_of(folder: Path, score: float, at: datetime) -> None:
    outcome = SuiteOutcome(
        suite="replies",
        title="Replies",
        kind="answer",
        data="data",
        seed=0,
        figures={"f1": score},
        thresholds={"f1": Threshold(min=0.65)},
    )
    write_reports(EvaluationReport(product="1", created_at=at, suites=(outcome,)), folder)


@contextmanager
def signed_in(browser: Browser, server: ConsoleServer, key: str, **options: object) -> Iterator[Page]:
    """A page of somebody who has typed their key; errors in its scripts fail the test."""
    options.setdefault("viewport", {"width": 1280, "height": 900})
    page = browser.new_page(**options)  # type: ignore[arg-type]
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
    page.goto(f"{server.address}/console")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out", include_hidden=True)).to_be_attached()
    yield page
    page.close()
    assert problems == []


@pytest.fixture
def as_role(browser: Browser, server: ConsoleServer) -> Iterator[object]:
    opened = []

    def sign_in(role: Role) -> Page:
        context = signed_in(browser, server, server.keys[role])
        opened.append(context)
        return context.__enter__()

    yield sign_in
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def manager(as_role) -> Page:
    return as_role(Role.KNOWLEDGE_MANAGER)


def go(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True).click()


# ---------------------------------------------------------------- knowledge managers


def test_an_uploaded_file_is_followed_read_and_found(manager: Page) -> None:
    go(manager, "Upload")
    text = b"# Snow shoes\n\nSnow shoes are mended in our workshop in Tromso within nine days.\n"
    manager.get_by_label("Files").set_input_files(
        [
            {"name": "snow-shoes.md", "mimeType": "text/markdown", "buffer": text},
            {"name": "notes.toml", "mimeType": "text/plain", "buffer": b"x = 1"},
        ]
    )
    expect(manager.locator("[data-files]")).to_contain_text("snow-shoes.md")
    manager.get_by_role("button", name="Upload").click()

    job = manager.locator("#job")
    expect(job).to_contain_text("Succeeded")  # by itself, without a reload
    expect(job).to_contain_text("notes.toml")
    expect(manager.locator("#job-said")).to_have_text("Succeeded: 1 added, 1 refused.")
    job.get_by_role("link", name=re.compile("snow-shoes")).click()
    expect(manager.get_by_role("heading", level=1)).to_have_text("Snow shoes")
    expect(manager.locator(".passages")).to_contain_text("Tromso")

    go(manager, "Search tester")
    manager.get_by_label("Question").fill("How long does it take to mend snow shoes?")
    manager.keyboard.press("Enter")
    results = manager.locator("#results")
    expect(results).to_contain_text("Answered")
    expect(results.locator(".passages > li").first).to_contain_text("nine days")
    expect(results).to_contain_text("Meaning (dense)")


def test_a_gap_is_looked_into_and_said_to_be_answered(manager: Page) -> None:
    go(manager, "Gaps")
    gap = manager.get_by_role("article", name=re.compile("dentist"))
    gap.get_by_text("Conversations that raised it").click()
    expect(gap).to_contain_text("conv_")
    gap.get_by_role("button", name=re.compile("It is answered")).click()

    expect(manager.get_by_role("status")).to_contain_text("is answered now")
    expect(manager.get_by_role("article", name=re.compile("dentist"))).to_have_count(0)


def test_a_policy_is_checked_signed_and_put_back(manager: Page, server: ConsoleServer) -> None:
    file = server.knowledge / "policies" / "refunds.yaml"
    before = file.read_text()
    go(manager, "Policies")
    manager.get_by_role("link", name="Refunds").click()
    editor = manager.get_by_label("refunds.yaml")
    text = editor.input_value()

    editor.fill(text.replace("expect: deny", "expect: allow", 1))
    manager.get_by_role("button", name="Check").click()
    expect(manager.locator("#tried")).to_contain_text("expects allow, the rule says deny")

    editor.fill(text.replace("is more than what was paid", "is more than was paid", 1))
    manager.get_by_role("button", name="Check").click()
    expect(manager.locator("#tried")).to_contain_text("Nothing is wrong with it")
    expect(manager.locator("#tried .add").first).to_contain_text("is more than was paid")
    manager.get_by_label(re.compile("I have checked")).check()
    manager.get_by_role("button", name="Sign and put in force").click()
    expect(manager.get_by_role("status")).to_contain_text("in force, signed by Dana")
    assert 'name: "Dana"' in file.read_text()

    manager.once("dialog", lambda dialog: dialog.accept())
    manager.get_by_role("button", name="Put it back").click()
    expect(manager.get_by_role("status")).to_contain_text("in force again")
    assert file.read_text() == before


def test_lint_and_what_is_kept_out(manager: Page) -> None:
    go(manager, "Lint")
    manager.get_by_role("button", name="Run the checks").click()
    expect(manager.locator("#report .passages > li").first).to_be_visible()

    go(manager, "Kept out")
    note = manager.get_by_role("article", name=re.compile("Stonebrook"))
    note.get_by_text("Release into search …").click()
    note.get_by_label("Why it is safe").fill("Read it, it is a joke.")
    note.get_by_role("button", name="Release", exact=True).click()
    expect(manager.get_by_role("status")).to_contain_text("It is in search now")


def test_the_form_of_a_source_follows_its_kind(manager: Page) -> None:
    go(manager, "Sources")
    manager.get_by_label("Name").fill("handbook")
    manager.get_by_label("Audience").select_option("internal")
    manager.get_by_label("Kind").select_option(label="Chatwoot help centre")
    manager.get_by_label("Account number").fill("1")
    manager.get_by_role("textbox", name="Address").fill("https://app.chatwoot.example")
    expect(manager.get_by_label("Name"), "what every kind has stays").to_have_value("handbook")
    expect(manager.get_by_label("Audience")).to_have_value("internal")
    manager.get_by_label("Portal").fill("handbook")
    manager.get_by_role("button", name="Add", exact=True).click()
    expect(manager.get_by_role("region", name="Sources")).to_contain_text("handbook")

    manager.once("dialog", lambda dialog: dialog.accept())
    manager.get_by_role("button", name="Remove handbook").click()
    expect(manager.get_by_role("status")).to_contain_text("Removed")


# ---------------------------------------------------------------- supervisors


def test_a_refund_above_the_limit_is_approved_by_a_second_person(
    browser: Browser, server: ConsoleServer, as_role
) -> None:
    action = server.proposed(BIG_REFUND)
    with server.api() as representative:
        path = f"/v1/actions/{action['id']}/approve"
        assert representative.post(path, json={"digest": action["digest"]}).is_success
    sam = as_role(Role.SUPERVISOR)
    go(sam, "Approvals")
    card = sam.get_by_role("article", name=re.compile(r"Refund \$329"))
    expect(card).to_contain_text("Needs a second person")
    expect(card).to_contain_text("Approved by Rita")
    card.get_by_text("What exactly would be done").click()
    expect(card).to_contain_text("refund_order")
    card.get_by_role("button", name=re.compile("^Approve")).click()
    expect(sam.get_by_role("status").first).to_contain_text("Approved and done.")

    go(sam, "Ledger")
    expect(sam.get_by_role("region", name="Ledger entries")).to_contain_text("Receipt")
    sam.get_by_role("button", name="Verify the whole chain").click()
    expect(sam.locator("#verified")).to_contain_text("The ledger holds")


def test_a_new_conversation_and_its_alert_appear_by_themselves(server: ConsoleServer, as_role) -> None:
    sam = as_role(Role.SUPERVISOR)
    go(sam, "Live")
    sam.locator("#live tbody a").first.focus()  # waits for the page; counting does not
    before = sam.locator("#live tbody tr").count()
    sam.wait_for_function(LISTENS_FOR_ALERTS)
    focused = sam.evaluate("document.activeElement.id")

    server.converse("This is the third time I write. I will call my lawyer and the consumer authority!")

    expect(sam.locator("#news")).to_contain_text("New alert")
    expect(sam.locator("#live tbody tr")).to_have_count(before + 1)
    expect(sam.locator("#live tbody tr").first).to_contain_text("Legal threat")
    assert sam.evaluate("document.activeElement.id") == focused


def test_a_server_that_is_away_is_said_to_be_until_it_is_back(as_role) -> None:
    sam = as_role(Role.SUPERVISOR)
    go(sam, "Live")
    expect(sam.locator("#live tbody tr").first).to_be_visible()
    sam.route("**/console/live*", lambda route: route.abort())
    expect(sam.locator("#connection")).to_contain_text("cannot be reached")
    expect(sam.locator("#live tbody tr").first).to_be_visible()  # what stood there stays

    sam.unroute("**/console/live*")
    expect(sam.locator("#connection")).to_be_empty()


# ---------------------------------------------------------------- ML engineers


def test_a_metric_is_followed_from_run_to_run(as_role) -> None:
    ml = as_role(Role.ML_ENGINEER)
    go(ml, "Reports")
    plot = ml.get_by_role("img", name="f1 of replies by run")
    expect(plot).to_be_visible()
    expect(plot.locator("circle")).to_have_count(3)
    ml.get_by_text("The same as a table").click()
    rows = ml.get_by_role("region", name="Trend").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("0.9")
    expect(rows.nth(1)).to_contain_text("≥ 0.65")
    rows.nth(3).get_by_role("link").click()
    expect(ml.get_by_role("region", name="Figures of replies")).to_contain_text("0.7")


# ---------------------------------------------------------------- every page


def linked_from(page: Page, server: ConsoleServer) -> list[str]:
    """One page of each kind whose address is not known before: a conversation, a job, a report."""
    files = [{"name": "a.md", "mimeType": "text/markdown", "buffer": b"# A\n\nText of a.\n"}]
    page.goto(f"{server.address}/console/upload")
    page.get_by_label("Files").set_input_files(files)
    page.get_by_role("button", name="Upload").click()
    expect(
        page.locator("#job"), "else the next page would be asked for before the file was sent"
    ).to_be_visible()
    found = []
    for path in ("/console/live", "/console/jobs", "/console/reports"):
        page.goto(server.address + path)
        found.append(page.locator("main tbody th a").last.get_attribute("href") or "")
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_grave_barrier(browser: Browser, server: ConsoleServer, theme: str) -> None:
    found = {}
    server.proposed(LANTERN)  # so that something waits
    with signed_in(browser, server, server.keys[Role.ADMIN], color_scheme=theme) as page:
        for path in (*PATHS, *MORE_PATHS, *linked_from(page, server)):
            page.goto(server.address + path)
            page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            violations = Axe().run(page).response["violations"]
            grave = [v for v in violations if v["impact"] in {"serious", "critical"}]
            if grave:
                found[path] = [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in grave]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
        violations = Axe().run(page).response["violations"]
        assert [v["id"] for v in violations if v["impact"] in {"serious", "critical"}] == []
    assert found == {}


@pytest.mark.parametrize("width", [375, 1280])
def test_no_page_is_wider_than_the_screen(browser: Browser, server: ConsoleServer, width: int) -> None:
    size = {"width": width, "height": 800}
    with signed_in(browser, server, server.keys[Role.ADMIN], viewport=size) as page:
        for path in (*PATHS, *MORE_PATHS):
            page.goto(server.address + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_on_a_phone_the_menu_opens_with_the_keyboard(browser: Browser, server: ConsoleServer) -> None:
    size = {"width": 375, "height": 800}
    with signed_in(browser, server, server.keys[Role.SUPERVISOR], viewport=size) as page:
        menu = page.get_by_role("navigation", name="Console")
        expect(menu).to_be_hidden()
        button = page.get_by_role("button", name="Menu")
        button.focus()
        page.keyboard.press("Enter")
        expect(menu).to_be_visible()
        expect(button).to_have_attribute("aria-expanded", "true")
        go(page, "Approvals")
        expect(page.get_by_role("heading", level=1)).to_have_text("Approvals waiting")


def test_a_theme_that_was_chosen_stays(as_role) -> None:
    page = as_role(Role.SUPERVISOR)
    switch = page.get_by_role("button", name=re.compile("^Theme"))
    switch.click()
    switch.click()
    expect(switch).to_have_text("Theme: dark")
    go(page, "Ledger")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_first_key_skips_to_the_page(as_role) -> None:
    page = as_role(Role.SUPERVISOR)
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
