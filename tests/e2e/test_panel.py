"""The real component in a real browser, fed by a scripted API: what a representative sees and does."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from tests.e2e import scene
from tests.e2e.desk import Desk, needs_panel, open_desk, until

from copilot.domain.assist import KnowledgeCards
from copilot.domain.assist_events import RevisionDone
from copilot.domain.conversation import Speaker

pytestmark = needs_panel


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
    answered.publish("degraded", scene.degraded())
    expect(answered.card("status")).to_contain_text("does not answer")
    expect(answered.card("suggestion").locator(".draft")).to_have_count(0)


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
