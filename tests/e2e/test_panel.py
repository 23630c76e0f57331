"""The real component in a real browser, fed by a scripted API: what a representative sees and does."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tests.e2e import scene
from tests.e2e.fake_api import KEY, FakeCopilot, serving

from copilot.domain.actions import ActionStatus
from copilot.domain.assist import KnowledgeCards, RevisionDone, Sentence, Support
from copilot.domain.conversation import Speaker
from copilot.domain.knowledge import Audience

BUNDLE = Path(__file__).parents[2] / "src/copilot/console/static/panel/copilot-panel.js"
CHROMIUM = "/usr/bin/chromium"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not BUNDLE.exists(), reason="the panel is not built: cd extension && npm ci && npm run build"
    ),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is missing: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Desk:
    """An inbox with one conversation open in it."""

    fake: FakeCopilot
    page: Page
    address: str
    conversation_id: str = ""

    def ask(self, text: str = scene.CUSTOMER_TEXT) -> None:
        self.page.fill("#customer-text", text)
        self.page.press("#customer-text", "Enter")

    def publish(self, kind: str, data: Any, revision: int | None = None) -> None:
        self.fake.publish(self.conversation_id, kind, data, revision)

    def card(self, name: str) -> Locator:
        return self.page.locator(f"copilot-{name}")

    def feedback(self) -> list[dict[str, Any]]:
        return [body for verb, body in self.fake.writes if verb == "feedback"]


@contextmanager
def open_desk(browser: Browser, **page_options: Any) -> Iterator[Desk]:
    fake = FakeCopilot()
    with serving(fake) as address:
        page = browser.new_page(viewport={"width": 1360, "height": 900}, **page_options)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append("a dialog opened"), dialog.dismiss()))
        page.goto(f"{address}/inbox#key={KEY}")
        page.click("#new")
        expect(page.locator("copilot-status")).to_contain_text("Live")
        yield Desk(fake, page, address, next(iter(fake.conversations)))
        page.close()
        assert problems == []


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    with open_desk(browser) as made:
        yield made


@pytest.fixture
def answered(desk: Desk) -> Desk:
    desk.ask()
    expect(desk.card("summary")).to_contain_text("Summary so far")
    return desk


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Waits for something that only the server sees."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_message_fills_every_card(answered: Desk) -> None:
    expect(answered.card("status")).to_contain_text("Refund for a defective item")
    expect(answered.card("status")).to_contain_text("Angry")
    knowledge = answered.card("knowledge")
    expect(knowledge.locator("mark").first).to_have_text(scene.DEFECT)
    for text in (
        "§4.1",
        "Version 3",
        "Contradicts 3",
        "May be out of date",
        "Internal: do not quote",
        "High confidence",
    ):
        expect(knowledge).to_contain_text(text)
    expect(answered.card("suggestion")).to_contain_text("Composer")
    expect(answered.card("order")).to_contain_text("Verified")
    expect(answered.card("order")).to_contain_text("$88.00")
    expect(answered.card("next-actions")).to_contain_text("Defect reported 1 day after delivery, within 14")
    expect(answered.card("next-actions")).to_contain_text("Policy does not allow it")


def test_the_key_leaves_the_address_bar(desk: Desk) -> None:
    assert "key" not in desk.page.url
    assert KEY not in desk.page.content()


def test_a_draft_streams_before_it_can_be_inserted(desk: Desk) -> None:
    desk.fake.scripted = False
    desk.ask()
    expect(desk.page.locator("#turns li")).to_have_count(1)
    draft = scene.suggestion(desk.conversation_id, 1)
    first, second, *_ = scene.deltas(draft)
    desk.publish("suggestion.delta", first)
    desk.publish("suggestion.delta", second)
    suggestion = desk.card("suggestion")
    expect(suggestion.locator(".draft")).to_contain_text((first.text + second.text).strip())
    expect(suggestion.get_by_role("button", name="Insert")).to_have_count(0)
    desk.publish("suggestion.completed", draft)
    expect(suggestion.get_by_role("button", name="Insert")).to_be_visible()


def test_insert_leaves_out_what_nothing_supports_and_records_the_use(answered: Desk) -> None:
    suggestion = answered.card("suggestion")
    expect(suggestion.locator("del")).to_have_text("You will also get a free replacement tomorrow.")
    suggestion.get_by_role("button", name="Insert").click()
    expect(answered.page.locator("#reply-text")).to_have_value(re.compile("free return label"))
    assert "free replacement" not in answered.page.input_value("#reply-text")
    expect(suggestion).to_contain_text("Inserted")
    until(lambda: answered.feedback() != [])
    assert answered.feedback() == [{"id": f"sug_{answered.conversation_id}_1", "verdict": "used"}]


def test_an_edit_must_change_the_unsupported_sentence(answered: Desk) -> None:
    suggestion = answered.card("suggestion")
    suggestion.get_by_role("button", name="Edit").click()
    insert = suggestion.get_by_role("button", name="Insert edited")
    expect(insert).to_be_disabled()
    editor = suggestion.locator("textarea")
    editor.fill("Hello Ana, I have refunded $49.00.")
    insert.click()
    expect(answered.page.locator("#reply-text")).to_have_value("Hello Ana, I have refunded $49.00.")
    expect(suggestion).to_contain_text("Inserted, edited")
    until(lambda: answered.feedback() != [])
    [feedback] = answered.feedback()
    assert (feedback["verdict"], feedback["final_text"]) == ("edited", "Hello Ana, I have refunded $49.00.")


def test_an_edit_in_progress_outlives_the_next_message(answered: Desk) -> None:
    suggestion = answered.card("suggestion")
    suggestion.get_by_role("button", name="Edit").click()
    suggestion.locator("textarea").fill("My own words")
    answered.fake.say(answered.conversation_id, Speaker.CUSTOMER, "Are you there?")
    expect(suggestion).to_contain_text("moved on")
    expect(suggestion.locator("textarea")).to_have_value("My own words")


def test_answering_without_the_draft_records_it_as_ignored(answered: Desk) -> None:
    answered.page.fill("#reply-text", "One moment please.")
    answered.page.press("#reply-text", "Enter")
    expect(answered.page.locator("#turns li.representative")).to_be_visible()
    until(lambda: answered.feedback() != [])
    assert [body["verdict"] for body in answered.feedback()] == ["ignored"]


def test_a_rejected_draft_says_why(answered: Desk) -> None:
    suggestion = answered.card("suggestion")
    suggestion.get_by_role("button", name="not useful").click()
    suggestion.get_by_role("button", name="Out of date").click()
    expect(suggestion).to_contain_text("Noted")
    until(lambda: answered.feedback() != [])
    [feedback] = answered.feedback()
    assert (feedback["verdict"], feedback["reason"]) == ("rejected", "Out of date")


def test_a_refund_is_approved_by_the_digest_that_was_shown(answered: Desk) -> None:
    card = answered.card("next-actions")
    expect(card).to_contain_text("$49.00")
    expect(card).to_contain_text(re.compile(r"\d:\d\d left"))
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("rf_20418")
    [action] = answered.fake.actions.values()
    assert ("approve", {"digest": action.digest}) in answered.fake.writes


def test_changed_arguments_go_back_to_policy_as_integer_cents(answered: Desk) -> None:
    card = answered.card("approval")
    card.get_by_role("button", name="Edit").click()
    amount = card.get_by_label("Amount (USD)")
    expect(amount).to_have_value("49.00")
    amount.fill("forty")
    expect(card.get_by_role("button", name="Check and propose")).to_be_disabled()
    amount.fill("20.5")
    card.get_by_role("button", name="Check and propose").click()
    until(lambda: "edit" in [verb for verb, _ in answered.fake.writes])
    [(_, body)] = [write for write in answered.fake.writes if write[0] == "edit"]
    assert body["arguments"]["amount"] == {"minor": 2050, "currency": "USD"}


def test_a_rejection_needs_a_reason(answered: Desk) -> None:
    card = answered.card("approval")
    card.get_by_role("button", name="Reject").click()
    card.get_by_role("button", name="Reject").click()
    assert [verb for verb, _ in answered.fake.writes if verb == "reject"] == []
    card.get_by_label("Why not?").fill("Customer prefers an exchange")
    card.get_by_role("button", name="Reject").click()
    expect(card).to_contain_text("Customer prefers an exchange")


def test_a_refused_approval_says_why(answered: Desk) -> None:
    [action] = answered.fake.actions.values()
    answered.fake.actions[action.id] = action.model_copy(update={"digest": "other"})
    answered.card("approval").get_by_role("button", name="Approve").click()
    expect(answered.card("approval").get_by_role("alert")).to_contain_text("changed since it was shown")


def test_a_second_person_and_an_expiry_are_shown(answered: Desk) -> None:
    [action] = answered.fake.actions.values()
    answered.fake.update_action(action.model_copy(update={"status": ActionStatus.AWAITING_SECOND_APPROVAL}))
    card = answered.card("approval")
    expect(card.get_by_role("button", name="Approve as second person")).to_be_visible()
    answered.fake.update_action(action.model_copy(update={"expires_at": scene.NOW}))
    expect(card).to_contain_text("Expired")
    expect(card.get_by_role("button")).to_have_count(0)


def test_the_keyboard_is_enough(answered: Desk) -> None:
    page = answered.page
    page.locator("#subject").click()
    page.keyboard.press("1")
    expect(page.locator("#reply-text")).to_have_value(re.compile("Hello Ana"))
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(answered.card("approval").get_by_role("button", name="Approve")).to_be_focused()
    assert "approve" not in [verb for verb, _ in answered.fake.writes]
    page.keyboard.press("3")
    expect(page.locator("#reply-text")).to_have_value(re.compile("serial number"))
    page.keyboard.press("Escape")
    expect(answered.card("suggestion").locator(".card")).to_be_focused()
    page.keyboard.press("j")
    expect(answered.card("next-actions").locator("li.next").first).to_be_focused()
    page.keyboard.press("k")
    expect(answered.card("suggestion").locator(".card")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("copilot-panel .keys")).to_be_visible()


def test_typing_digits_does_not_insert(answered: Desk) -> None:
    answered.page.fill("#reply-text", "")
    answered.page.locator("#reply-text").press_sequentially("123?")
    expect(answered.page.locator("#reply-text")).to_have_value("123?")
    assert answered.feedback() == []


def test_a_source_number_unfolds_its_passage(answered: Desk) -> None:
    answered.card("suggestion").get_by_role("button", name="Source 1").click()
    passage = answered.card("knowledge").locator("li").first
    expect(passage).to_be_focused()
    expect(passage).to_contain_text("This holds for every category")
    expect(passage.locator("mark")).to_have_text(scene.DEFECT)


def test_what_is_not_in_the_knowledge_base_is_said_plainly(desk: Desk) -> None:
    desk.fake.scripted = False
    desk.ask("Do you ship to the moon?")
    expect(desk.page.locator("#turns li")).to_have_count(1)
    desk.publish("knowledge", KnowledgeCards(answered=False, confidence=0.1))
    desk.publish("degraded", scene.degraded())
    desk.publish("revision.done", RevisionDone(milliseconds=12))
    expect(desk.card("knowledge")).to_contain_text("Not in the knowledge base")
    expect(desk.card("status")).to_contain_text("The language model does not answer")
    expect(desk.page.locator("copilot-panel .skeleton")).to_have_count(0)


def test_a_newer_message_takes_the_old_draft_away(answered: Desk) -> None:
    answered.fake.scripted = False
    answered.fake.say(answered.conversation_id, Speaker.CUSTOMER, "Forget it, I want an exchange.")
    expect(answered.card("suggestion").locator(".draft")).to_have_count(0)
    expect(answered.card("knowledge")).to_contain_text("Earlier message")
    answered.publish("suggestion.completed", scene.suggestion(answered.conversation_id, 1), 1)
    answered.page.wait_for_timeout(100)
    expect(answered.card("suggestion").locator(".draft")).to_have_count(0)


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>[a](javascript:alert(3)) ${alert(4)} {{7*7}}"


def test_hostile_text_stays_text_everywhere(desk: Desk) -> None:
    fake, cid = desk.fake, desk.conversation_id
    fake.scripted = False
    desk.ask(HOSTILE)
    expect(desk.page.locator("#turns li")).to_have_count(1)
    bad = scene.citation(
        "p9",
        HOSTILE,
        HOSTILE,
        clause=HOSTILE,
        heading_path=(HOSTILE,),
        version=HOSTILE,
        source="javascript:alert(5)",
        audience=Audience.PUBLIC,
    )
    [card, *_] = scene.knowledge().cards
    desk.publish(
        "knowledge",
        KnowledgeCards(
            answered=True,
            confidence=1,
            cards=(card.model_copy(update={"citation": bad, "text": f"{HOSTILE} more"}),),
        ),
    )
    sentence = Sentence(text=HOSTILE, support=Support.SUPPORTED, citations=(bad,))
    draft = scene.suggestion(cid, 1, text=HOSTILE, sentences=(sentence,))
    desk.publish("suggestion.completed", draft)
    action = scene.refund(cid, 1, preview=HOSTILE)
    fake.update_action(action)
    [first, ask, denied] = scene.next_actions(action).actions
    hostile = {"title": HOSTILE, "why": HOSTILE, "say": HOSTILE, "missing": (HOSTILE,), "preview": HOSTILE}
    desk.publish(
        "next_actions",
        {"actions": [a.model_copy(update=hostile).model_dump(mode="json") for a in (first, ask, denied)]},
    )
    desk.publish(
        "understanding",
        {
            **scene.understanding().model_dump(mode="json"),
            "intent": {"name": "x", "title": HOSTILE, "confidence": 1},
        },
    )
    desk.publish("summary", {**scene.summary(cid, 1, "t").model_dump(mode="json"), "next_step": HOSTILE})
    desk.publish("degraded", {"component": HOSTILE, "message": HOSTILE})
    for name in ("knowledge", "suggestion", "next-actions", "status", "summary"):
        expect(desk.card(name)).to_contain_text("<img src=x onerror=alert(1)>")
    found = desk.page.evaluate(
        """() => {
          const count = (root) => [...root.querySelectorAll("*")].reduce(
            (sum, el) => sum + (["IMG", "SCRIPT", "IFRAME"].includes(el.tagName) && root !== document ? 1 : 0)
              + (el.tagName === "A" && el.protocol !== "https:" ? 1 : 0)
              + (el.shadowRoot ? count(el.shadowRoot) : 0), 0);
          return count(document) + document.querySelectorAll("img").length;
        }"""
    )
    assert found == 0


def test_only_https_sources_become_links(answered: Desk) -> None:
    links = answered.card("knowledge").locator("a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "https://help.larkfield.example/returns-policy"
    ]
    assert links.first.get_attribute("rel") == "noopener noreferrer"


def test_a_lost_stream_resumes_without_loss_or_repetition(desk: Desk) -> None:
    fake = desk.fake
    fake.scripted = False
    desk.ask()
    expect(desk.page.locator("#turns li")).to_have_count(1)
    draft = scene.suggestion(desk.conversation_id, 1)
    pieces = scene.deltas(draft)
    desk.publish("suggestion.delta", pieces[0])
    expect(desk.card("suggestion").locator(".draft")).to_contain_text(pieces[0].text.strip())
    fake.refuse_streams = True
    fake.streams_dropped += 1
    expect(desk.card("status")).to_contain_text("Reconnecting")
    desk.publish("suggestion.delta", pieces[1])
    fake.refuse_streams = False
    expect(desk.card("status")).to_contain_text("Live")
    expect(desk.card("suggestion").locator(".draft")).to_contain_text(
        (pieces[0].text + pieces[1].text).strip()
    )
    assert fake.last_event_ids == [None, "2"]


def test_a_dead_server_is_called_down_and_comes_back(desk: Desk) -> None:
    desk.fake.refuse_streams = True
    desk.fake.streams_dropped += 1
    expect(desk.card("status")).to_contain_text("Server down", timeout=10_000)
    desk.fake.refuse_streams = False
    desk.card("status").get_by_role("button", name="Try now").click()
    expect(desk.card("status")).to_contain_text("Live")


def test_a_wrong_key_asks_to_sign_in(desk: Desk) -> None:
    desk.page.evaluate("document.querySelector('copilot-panel').token = 'wrong'")
    expect(desk.card("status")).to_contain_text("Not signed in")
    desk.page.goto("about:blank")
    desk.page.goto(f"{desk.address}/inbox#key=wrong")
    expect(desk.page.locator("#sign-in-problem")).to_contain_text("does not accept")


def test_verifying_the_customer(desk: Desk) -> None:
    page = desk.page
    page.click("#verify-label")
    page.get_by_label("E-mail").fill("ana.delgado@mail.example")
    page.get_by_label("Order number").fill("LF-0000000")
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator("#verify-problem")).to_contain_text("No customer has this e-mail")
    page.get_by_label("Order number").fill("LF-1004820")
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator("#verify-label")).to_have_text("Customer verified")


def test_wrapping_up_closes_the_conversation(answered: Desk) -> None:
    answered.page.click("#wrap-up")
    expect(answered.card("summary")).to_contain_text("Refund, defective item")
    expect(answered.page.locator("#reply-form")).to_be_hidden()


def test_only_completed_cards_are_announced(answered: Desk) -> None:
    live = answered.page.locator("copilot-panel [aria-live]")
    expect(live).to_have_count(1)
    expect(live).to_have_text("Draft ready: 5 sentences")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_violation(browser: Browser, theme: Any, tmp_path: Path) -> None:
    with open_desk(browser, color_scheme=theme, reduced_motion="reduce") as desk:
        desk.ask()
        expect(desk.card("summary")).to_contain_text("Summary so far")
        violations = Axe().run(desk.page).response["violations"]
        serious = [v for v in violations if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious] == []
        desk.page.screenshot(path=tmp_path / f"inbox-{theme}.png")


def test_a_card_is_painted_soon_after_its_event(desk: Desk) -> None:
    """From the event's arrival in the page until its card is drawn, with 200 others already there."""
    desk.fake.scripted = False
    desk.ask()
    expect(desk.page.locator("#turns li")).to_have_count(1)
    [card, *_] = scene.knowledge().cards
    many = tuple(
        card.model_copy(update={"citation": scene.citation(f"p{i}", "Page", f"Quote {i}")})
        for i in range(200)
    )
    desk.publish("knowledge", KnowledgeCards(answered=True, confidence=1, cards=many))
    expect(desk.card("knowledge").locator("li")).to_have_count(200)
    desk.page.evaluate(
        """() => addEventListener("copilot:event", (event) => {
          if (event.detail.type !== "suggestion.completed") return;
          const start = performance.now();
          // A task queued in a frame runs once that frame has been drawn.
          requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now() - start; }));
        })"""
    )
    desk.publish("suggestion.completed", scene.suggestion(desk.conversation_id, 1))
    expect(desk.card("suggestion").get_by_role("button", name="Insert")).to_be_visible()
    painted = desk.page.wait_for_function("() => window.painted").json_value()
    assert painted < 150, f"{painted:.0f} ms on a machine that others share"
