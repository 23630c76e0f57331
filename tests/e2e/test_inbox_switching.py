"""What is on its way when the representative opens another conversation stays with its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.e2e.desk import Desk, needs_panel, open_desk

pytestmark = needs_panel


@pytest.fixture
def desk(browser: Browser) -> Iterator[Desk]:
    """The first conversation is open; a second is on the list."""
    with open_desk(browser) as desk:
        desk.fake.scripted = False
        desk.ask("I am the first")
        desk.page.click("#new")
        expect(rows(desk.page)).to_have_count(2)
        desk.page.fill("#customer-text", "I am the second")
        desk.page.press("#customer-text", "Enter")
        expect(desk.page.locator("#turns")).to_contain_text("I am the second")
        choose(desk.page, "I am the first")
        yield desk


def rows(page: Page):
    return page.locator("#conversations button")


def choose(page: Page, title: str) -> None:
    rows(page).filter(has_text=title).click()
    expect(page.locator("#subject")).to_have_text(title)


def hold(page: Page, address: str) -> list[Route]:
    """Requests to `address` wait in the list."""
    held: list[Route] = []
    page.route(address, lambda route, _: held.append(route))  # a built-in's parameters are not seen
    return held


def test_a_reply_that_could_not_be_sent_waits_in_its_own_conversation(desk: Desk) -> None:
    page = desk.page
    held = hold(page, "**/turns")
    page.fill("#reply-text", "For the first alone")
    with page.expect_request("**/turns"):
        page.press("#reply-text", "Enter")
    choose(page, "I am the second")
    held[0].abort()

    expect(page.locator("#problem")).to_contain_text("in another conversation was not sent")
    expect(page.locator("#reply-text")).to_have_value("")
    choose(page, "I am the first")
    expect(page.locator("#reply-text")).to_have_value("For the first alone")


def test_what_is_half_written_is_there_again(desk: Desk) -> None:
    desk.page.fill("#reply-text", "Half a sen")
    choose(desk.page, "I am the second")
    expect(desk.page.locator("#reply-text")).to_have_value("")
    choose(desk.page, "I am the first")
    expect(desk.page.locator("#reply-text")).to_have_value("Half a sen")


def test_only_the_conversation_that_was_verified_says_so(desk: Desk) -> None:
    page = desk.page
    held = hold(page, "**/customer")
    page.click("#verify-label")
    page.fill("#verify-form [name=email]", "maya.lindqvist@example.com")
    page.fill("#verify-form [name=order_id]", "LF-1004820")
    with page.expect_request("**/customer"):
        page.locator("#verify-form button").click()
    choose(page, "I am the second")
    with page.expect_response("**/customer"):
        held[0].continue_()

    page.click("#verify-label")
    expect(page.locator("#verify-form [name=email]")).to_have_value("")
    expect(page.locator("#verify-label")).to_have_text("Verify customer")
