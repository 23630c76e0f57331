"""How a conversation is left: handed over, finished, filed; and outcomes that nobody knows."""

from playwright.sync_api import expect
from tests.e2e.desk import Desk, needs_panel, until

from copilot.domain.actions import ActionStatus

pytestmark = needs_panel
TAKES_FILES = """document.querySelector("copilot-panel").toggleAttribute("write-back", true);
document.querySelector("copilot-panel").addEventListener("copilot:write-back", ({ detail }) => {
  window.filed = { kind: detail.kind, text: detail.text };
  detail.waitUntil(window.refuse ? Promise.reject(new Error("The ticket is locked.")) : Promise.resolve());
})"""


def test_a_hand_over_is_written_copied_and_filed(answered: Desk) -> None:
    answered.page.evaluate(TAKES_FILES)
    card = answered.card("summary")
    card.get_by_role("button", name="Hand over").click()
    card.get_by_label("To whom?").fill("Supervisors")
    card.get_by_label("Why?").fill("Above my limit.")
    card.get_by_role("button", name="Write the hand-over").click()
    expect(card).to_contain_text("Hand-over to Supervisors")
    expect(card).to_contain_text("Refund of $49.00 waits for approval.")
    answered.page.evaluate("window.refuse = true")
    card.get_by_role("button", name="Write to the helpdesk").click()
    expect(card.get_by_role("alert")).to_contain_text("The ticket is locked.")
    answered.page.evaluate("window.refuse = false")
    card.get_by_role("button", name="Write to the helpdesk").click()
    expect(card).to_contain_text("Written")
    assert answered.page.evaluate("window.filed.kind") == "hand_over"
    assert "Above my limit." in answered.page.evaluate("window.filed.text")


def test_finishing_asks_first_and_then_files_the_case_note(answered: Desk) -> None:
    answered.page.evaluate(TAKES_FILES)
    card = answered.card("summary")
    card.get_by_role("button", name="Finish and file").click()
    card.get_by_role("button", name="Cancel").click()
    expect(card.locator(".wrap-up")).to_have_count(0)
    card.get_by_role("button", name="Finish and file").click()
    card.locator("form").get_by_role("button", name="Finish and file").click()
    expect(card.locator(".wrap-up")).to_contain_text("Refund, defective item")
    card.get_by_role("button", name="Write to the helpdesk").click()
    until(lambda: answered.page.evaluate("window.filed?.kind") == "case_note")
    expect(card.get_by_role("button", name="Finish and file")).to_have_count(0)


def test_without_a_host_that_files_there_is_only_copying(answered: Desk) -> None:
    answered.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answered.page.click("#wrap-up")
    card = answered.card("summary")
    expect(card.locator(".wrap-up")).to_be_visible()
    expect(card.get_by_role("button", name="Write to the helpdesk")).to_have_count(0)
    card.get_by_role("button", name="Copy case note").click()
    expect(answered.page.locator("copilot-panel .toast")).to_contain_text("Case note copied")
    assert "Refunded $49.00" in answered.page.evaluate("navigator.clipboard.readText()")


def test_an_unknown_outcome_is_closed_by_what_somebody_found_out(answered: Desk) -> None:
    [action] = answered.fake.actions.values()
    answered.fake.update_action(action.model_copy(update={"status": ActionStatus.UNRESOLVED}))
    card = answered.card("approval")
    expect(card).to_contain_text("do not repeat it by hand")
    card.get_by_role("button", name="Say what happened").click()
    card.get_by_label("It was carried out").check()
    card.get_by_label("How do you know?").fill("Refund 7718 in the console.")
    card.get_by_role("button", name="File the outcome").click()
    expect(card).to_contain_text("Done")
    assert ("resolve", {"outcome": "succeeded", "evidence": "Refund 7718 in the console."}) in (
        answered.fake.writes
    )
