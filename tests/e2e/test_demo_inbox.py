"""The whole product in a real browser: the demo inbox over a real server and the demo company."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from copilot.evaluation.local_server import LocalServer

MAYAS_TURN = (
    "Hi, my Northlight Lantern arrived with cracked glass. My order is LF-1004829 and my email is "
    "maya.lindqvist@example.com"
)

pytestmark = pytest.mark.slow


@pytest.fixture
def inbox(browser: Browser, server: LocalServer) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{server.address}/inbox#key={server.representative}")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#customer-form")).to_be_visible()
    yield page
    page.close()


def says(page: Page, text: str) -> None:
    page.locator("#customer-text").fill(text)
    page.locator("#customer-form").get_by_role("button", name="Send").click()


def test_a_question_gets_a_sourced_draft_that_is_inserted_and_sent(inbox: Page) -> None:
    says(inbox, "How many days do I have to send back a tent that I don't like?")
    panel = inbox.locator("copilot-panel")

    expect(panel).to_contain_text("Suggested reply")
    expect(panel).to_contain_text("Returns policy")
    panel.locator("copilot-suggestion").get_by_role("button", name=re.compile("^Insert")).click()

    expect(inbox.locator("#reply-text")).to_have_value(re.compile(r"30 days"))
    inbox.locator("#reply-form").get_by_role("button", name="Send").click()
    expect(inbox.locator("#turns")).to_contain_text("30 days")


def test_a_refund_is_approved_in_the_panel_and_shows_on_the_order(inbox: Page) -> None:
    says(inbox, MAYAS_TURN)
    panel = inbox.locator("copilot-panel")
    expect(panel).to_contain_text("LF-1004829")
    expect(panel).to_contain_text("Verified")

    says(inbox, "I would like my money back for the broken lantern please.")
    expect(panel).to_contain_text("$49.00")
    panel.get_by_role("button", name=re.compile("^Approve")).first.click()

    expect(panel).to_contain_text(re.compile("Done|Succeeded|Refunded"))
    inbox.get_by_role("button", name="Wrap up").click()
    expect(inbox.locator("#about")).to_contain_text("closed")


def test_a_representative_rewords_searches_asks_and_hands_over(inbox: Page) -> None:
    says(inbox, "How many days do I have to send back a tent that I don't like?")
    panel = inbox.locator("copilot-panel")
    reply = panel.locator("copilot-suggestion")
    expect(reply.locator(".draft")).to_contain_text("30 days")
    reply.get_by_role("button", name="Shorter").click()
    expect(reply).to_contain_text(re.compile("left out|nothing to change"))
    expect(reply.locator(".draft")).to_contain_text("30 days")

    inbox.locator("#subject").click()
    inbox.keyboard.press("/")
    panel.get_by_role("searchbox").fill("How long is a tent under warranty?")
    inbox.keyboard.press("Enter")
    expect(panel.locator("copilot-search li").first).to_be_visible()

    panel.get_by_role("button", name="Ask", exact=False).first.click()
    panel.get_by_label("Ask about this customer").fill("Which shipping methods are there?")
    inbox.keyboard.press("Enter")
    expect(panel.locator("copilot-ask .answer .draft")).to_contain_text(re.compile("shipping", re.IGNORECASE))

    panel.get_by_role("button", name="Saved replies").click()
    expect(panel.locator("copilot-macros li").first).to_be_visible()

    summary = panel.locator("copilot-summary")
    summary.get_by_role("button", name="Hand over").click()
    summary.get_by_label("To whom?").fill("Supervisors")
    summary.get_by_role("button", name="Write the hand-over").click()
    expect(summary).to_contain_text("Hand-over to Supervisors")


def test_a_reported_gap_reaches_the_knowledge_managers(inbox: Page, server: LocalServer) -> None:
    says(inbox, "Can you recommend a good dentist in Porto?")
    panel = inbox.locator("copilot-panel")
    panel.get_by_role("button", name="Report the gap").click()
    expect(panel).to_contain_text("Reported to the knowledge managers")


def test_what_the_shop_does_not_know_is_said_plainly(inbox: Page) -> None:
    says(inbox, "Can you recommend a good dentist in Lisbon?")

    expect(inbox.locator("copilot-panel")).to_contain_text(
        re.compile("not in the knowledge base", re.IGNORECASE)
    )
