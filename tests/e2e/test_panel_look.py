"""How the panel looks and is steered: language, time zone, direction, colours, keys; axe in every state."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from tests.e2e import scene, scene_desk
from tests.e2e.desk import Desk, needs_panel, open_desk

from copilot.domain.actions import ActionStatus
from copilot.domain.assist import KnowledgeCards

pytestmark = needs_panel
LOGO = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="


def test_the_panel_speaks_the_representatives_language(browser: Browser) -> None:
    with open_desk(browser, locale="de-DE", timezone_id="Europe/Berlin") as desk:
        desk.ask()
        expect(desk.card("suggestion")).to_contain_text("Antwortvorschlag")
        expect(desk.card("order")).to_contain_text("88,00")
        desk.page.keyboard.press("Escape")
        desk.page.locator("copilot-panel .help").click()
        desk.page.get_by_label("Sprache").select_option("es")
        expect(desk.card("suggestion")).to_contain_text("Respuesta sugerida")
        desk.page.reload()
        desk.page.locator("#conversations button").first.click()
        expect(desk.card("status")).to_contain_text("Conectado")


def test_times_are_in_the_zone_that_was_chosen(answered: Desk) -> None:
    [action] = answered.fake.actions.values()
    approval = {
        "approver_id": "r2",
        "approver_name": "Robin Reyes",
        "approved_at": "2026-11-23T16:00:00Z",
        "expires_at": "2026-11-23T17:00:00Z",
        "needed": 2,
    }
    waiting = action.model_copy(update={"status": ActionStatus.AWAITING_SECOND_APPROVAL})
    data = {**waiting.model_dump(mode="json"), "approvals": [approval]}
    answered.publish("action.updated", data, action.revision)
    answered.page.locator("copilot-panel .help").click()
    answered.page.get_by_label("Time zone").select_option("Asia/Tokyo")
    expect(answered.card("approval")).to_contain_text("Approved by Robin Reyes, Nov 24, 1:00")


def test_a_key_is_changed_and_kept(answered: Desk) -> None:
    page = answered.page
    page.locator("copilot-panel .help").click()
    page.get_by_role("button", name="Change the key: Search the knowledge base").click()
    page.keyboard.press("j")
    expect(page.locator("copilot-preferences").get_by_role("alert")).to_contain_text("j is taken")
    page.get_by_role("button", name="Change the key: Search the knowledge base").click()
    page.keyboard.press("q")
    page.reload()
    page.locator("#conversations button").first.click()
    expect(answered.card("finder")).to_contain_text("q")
    page.locator("#subject").click()
    page.keyboard.press("/")
    expect(page.locator("copilot-search")).to_have_count(0)
    page.keyboard.press("q")
    expect(page.locator("copilot-search").get_by_role("searchbox")).to_be_focused()


def test_the_tenants_name_colour_and_logo(browser: Browser, desk: Desk) -> None:
    desk.fake.branding = {"name": "Larkfield", "accent": "#ffd400", "logo": LOGO}
    desk.page.reload()
    desk.page.locator("#conversations button").first.click()
    expect(desk.card("status")).to_contain_text("Larkfield")
    expect(desk.card("status").get_by_role("img", name="Larkfield")).to_be_visible()
    desk.ask()
    insert = desk.card("suggestion").get_by_role("button", name="Insert")
    expect(insert).to_be_visible()
    assert serious(desk) == []


def test_a_logo_from_elsewhere_is_never_loaded(desk: Desk) -> None:
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.fake.branding = {
        "name": "X",
        "accent": "red; } * { display: none",
        "logo": "https://evil.example/x.png",
    }
    desk.page.reload()
    desk.page.locator("#conversations button").first.click()
    expect(desk.card("status")).to_contain_text("X")
    expect(desk.card("status").locator("img")).to_have_count(0)
    assert [url for url in asked if "evil" in url] == []


def test_right_to_left_mirrors_the_panel(answered: Desk) -> None:
    answered.page.evaluate("document.querySelector('copilot-panel').dir = 'rtl'")
    card = answered.card("suggestion")
    insert = card.get_by_role("button", name="Insert").bounding_box()
    down = card.get_by_role("button", name="This draft is not useful").bounding_box()
    assert insert
    assert down
    assert insert["x"] > down["x"]


@pytest.mark.parametrize("width", [320, 400])
@pytest.mark.parametrize("locale", ["en-US", "de-DE", "es-ES"])
def test_nothing_is_cut_off_when_it_is_narrow(browser: Browser, locale: str, width: int) -> None:
    with open_desk(browser, locale=locale) as desk:
        columns = f"200px 1fr {width}px"
        desk.page.evaluate(f"document.querySelector('#desk').style.gridTemplateColumns = '{columns}'")
        desk.ask()
        expect(desk.card("summary")).to_contain_text("LF-1004820")
        too_wide = desk.page.evaluate(
            """() => {
              const found = [];
              const look = (root, edge) => root.querySelectorAll("*").forEach((element) => {
                const box = element.getBoundingClientRect();
                if (box.width > 1 && box.right > edge + 1) found.push(element.outerHTML.slice(0, 80));
                if (element.shadowRoot) look(element.shadowRoot, edge);
              });
              const panel = document.querySelector("copilot-panel");
              look(panel.shadowRoot, panel.getBoundingClientRect().right);
              return found;
            }"""
        )
        assert too_wide == []


def serious(desk: Desk) -> list[Any]:
    violations = Axe().run(desk.page).response["violations"]
    grave = [v for v in violations if v["impact"] in ("serious", "critical")]
    return [(v["id"], [node["html"] for node in v["nodes"]]) for v in grave]


def _searching(desk: Desk) -> None:
    desk.page.locator("#subject").click()
    desk.page.keyboard.press("/")
    desk.page.locator("copilot-search").get_by_role("searchbox").fill("x")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("copilot-search li").first).to_be_visible()


def _asking(desk: Desk) -> None:
    desk.page.locator("#subject").click()
    desk.page.keyboard.press("a")
    desk.page.locator("copilot-ask").get_by_label("Ask about").fill("Refund?")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("copilot-ask .answer")).to_be_visible()


def _saved_replies(desk: Desk) -> None:
    desk.page.locator("#subject").click()
    desk.page.keyboard.press("m")
    desk.page.locator("copilot-macros").get_by_role("button", name="Fill in").first.click()
    expect(desk.page.locator("copilot-macros .text")).to_be_visible()


def _alarmed(desk: Desk) -> None:
    draft = desk.fake.suggestions[f"sug_{desk.conversation_id}_1"]
    desk.publish("understanding", scene_desk.worried("t"))
    desk.publish("alert", scene_desk.alert(desk.conversation_id, "t"))
    desk.publish("turn.partial", scene_desk.heard(desk.conversation_id, "I was told"))
    desk.publish("degraded", scene.degraded())
    desk.publish("suggestion.completed", scene_desk.better(draft))
    desk.card("suggestion").get_by_role("button", name="Show the earlier draft").click()


def _editing(desk: Desk) -> None:
    desk.card("suggestion").get_by_role("button", name="Edit").click()
    desk.card("approval").get_by_role("button", name="Edit").click()
    desk.card("summary").get_by_role("button", name="Hand over").click()


def _helping(desk: Desk) -> None:
    desk.page.locator("copilot-panel .help").click()
    expect(desk.page.locator("copilot-preferences .keys")).to_be_visible()


def _without_answer(desk: Desk) -> None:
    desk.fake.scripted = False
    desk.publish("knowledge", KnowledgeCards(answered=False, confidence=0.1))
    desk.page.evaluate("document.querySelector('copilot-panel').token = 'wrong'")
    expect(desk.card("status")).to_contain_text("Not signed in")


def _finished(desk: Desk) -> None:
    desk.page.click("#wrap-up")
    expect(desk.card("summary").locator(".wrap-up")).to_be_visible()


STATES: tuple[Callable[[Desk], None], ...] = (
    _searching,
    _asking,
    _saved_replies,
    _alarmed,
    _editing,
    _helping,
    _without_answer,
    _finished,
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_violation_in_any_state(browser: Browser, theme: Any) -> None:
    found = {}
    for state in STATES:
        with open_desk(browser, color_scheme=theme, reduced_motion="reduce") as desk:
            desk.ask()
            expect(desk.card("summary")).to_contain_text("Summary so far")
            state(desk)
            if violations := serious(desk):
                found[state.__name__] = violations
    assert found == {}
