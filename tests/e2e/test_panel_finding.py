"""What a representative looks for, and what the panel warns of."""

from playwright.sync_api import expect
from tests.e2e import scene_desk
from tests.e2e.desk import Desk, needs_panel, until

from copilot.domain.assist import KnowledgeCards

pytestmark = needs_panel


def press(desk: Desk, key: str) -> None:
    desk.page.locator("#subject").click()
    desk.page.keyboard.press(key)


def writes(desk: Desk, verb: str) -> list[dict]:
    return [body for known, body in desk.fake.writes if known == verb]


def test_a_slash_searches_as_of_a_day(answered: Desk) -> None:
    press(answered, "/")
    search = answered.page.locator("copilot-search")
    expect(search.get_by_role("searchbox")).to_be_focused()
    search.get_by_label("As of").fill("2026-02-01")
    search.get_by_label("Public only").check()
    search.get_by_role("searchbox").fill("defective")
    search.get_by_role("searchbox").press("Enter")
    expect(search.locator("li")).to_have_count(2)
    assert writes(answered, "search") == [
        {"query": "defective", "limit": 8, "as_of": "2026-02-01", "audiences": ["public"]}
    ]
    expect(search).to_contain_text("Internal: do not quote")
    search.get_by_role("button", name="Insert").click()
    expect(answered.page.locator("#reply-text")).not_to_have_value("")
    search.get_by_role("searchbox").fill("moon")
    search.get_by_role("searchbox").press("Enter")
    expect(search).to_contain_text("Nothing found.")
    answered.page.keyboard.press("Escape")
    expect(search).to_have_count(0)


def test_a_question_with_a_hint_is_answered_step_by_step(answered: Desk) -> None:
    press(answered, "a")
    ask = answered.page.locator("copilot-ask")
    ask.get_by_label("Ask about this customer").fill("Can this be refunded?")
    ask.get_by_label("What you have in mind").fill("offer the voucher")
    ask.get_by_role("button", name="Ask").click()
    expect(ask).to_contain_text("Order LF-1004820, delivered yesterday")
    expect(ask).to_contain_text("Yes: defects may be reported within 14 days.")
    expect(ask).to_contain_text("Policy allows it")
    assert writes(answered, "ask") == [{"question": "Can this be refunded?", "hint": "offer the voucher"}]
    ask.get_by_role("button", name="Append").click()
    expect(answered.page.locator("#reply-text")).to_have_value("Yes: defects may be reported within 14 days.")


def test_a_saved_reply_is_found_filled_and_inserted(answered: Desk) -> None:
    press(answered, "m")
    macros = answered.page.locator("copilot-macros")
    expect(macros.locator("li")).to_have_count(3)
    macros.get_by_role("searchbox").fill("warr")
    expect(macros.locator("li")).to_have_count(1)
    macros.get_by_role("button", name="Fill in").click()
    macros.get_by_role("button", name="Insert").click()
    expect(answered.page.locator("#reply-text")).to_have_value(scene_desk.FILLED)
    macros.get_by_role("searchbox").fill("voucher")
    macros.get_by_role("button", name="Fill in").click()
    expect(macros.get_by_role("alert")).to_contain_text("needs customer.loyalty_tier")


def test_two_clauses_that_disagree_stand_side_by_side(answered: Desk) -> None:
    conflict = answered.card("knowledge").get_by_role("group", name="These say different things")
    expect(conflict).to_contain_text("within 30 days")
    expect(conflict).to_contain_text("14 days to send your item back")


def test_what_nothing_answers_is_reported(desk: Desk) -> None:
    desk.fake.scripted = False
    desk.ask("Do you ship to the moon?")
    expect(desk.page.locator("#turns li")).to_have_count(1)
    desk.publish("understanding", scene_desk.worried("t"))
    desk.publish("knowledge", KnowledgeCards(answered=False, confidence=0.1))
    desk.card("knowledge").get_by_role("button", name="Report the gap").click()
    expect(desk.card("knowledge")).to_contain_text("Reported to the knowledge managers")
    assert writes(desk, "gap") == [{"question": "lantern arrived late and broken, wants refund"}]


def test_risks_alerts_and_broken_promises_say_why(answered: Desk) -> None:
    answered.publish("understanding", scene_desk.worried("turn_1"))
    answered.publish("alert", scene_desk.alert(answered.conversation_id, "turn_1"))
    attention = answered.card("attention")
    for text in (
        "The customer mentions a lawyer.",
        "supervisor told",
        "Says they will shop elsewhere.",
        "overdue since Nov 17",
    ):
        expect(attention).to_contain_text(text)
    expect(answered.card("status")).to_contain_text("getting worse")
    expect(answered.card("status")).to_contain_text("Waits 0:")


def test_an_utterance_is_replaced_in_place_until_it_is_a_turn(answered: Desk) -> None:
    attention = answered.card("attention")
    for text in ("I was", "I was told that", "I was told that it is free"):
        answered.publish("turn.partial", scene_desk.heard(answered.conversation_id, text))
    expect(attention.locator(".hearing li")).to_have_count(1)
    expect(attention.locator(".hearing")).to_contain_text("I was told that it is free")
    live = answered.page.locator("copilot-panel [aria-live]")
    expect(live).not_to_contain_text("told")


def test_a_locked_verification_can_be_unlocked(desk: Desk) -> None:
    desk.fake.scripted = False
    desk.ask("Hello?")
    order = desk.card("order")
    order.get_by_role("button", name="Who is it?").click()
    order.get_by_label("E-mail").fill("ana.delgado@mail.example")
    order.get_by_label("Order number").fill("LF-LOCKED")
    order.get_by_role("button", name="Verify").click()
    expect(order.get_by_role("alert")).to_contain_text("A supervisor can unlock it")
    order.get_by_role("button", name="Unlock").click()
    until(lambda: writes(desk, "unlock") == [{}])
    order.get_by_label("Order number").fill("LF-1004820")
    order.get_by_role("button", name="Verify").click()
    expect(order.get_by_label("Order number")).to_have_count(0)
