"""What a representative does with a draft: rewords it, takes it back, appends it, writes their own."""

import re

from playwright.sync_api import expect
from tests.e2e import scene, scene_desk
from tests.e2e.desk import Desk, needs_panel, until

pytestmark = needs_panel
COURTESY = "Hello Ana, I am sorry"
HAS_A_DRAFT = """document.querySelector("copilot-panel").addEventListener(
  "copilot:suggestion-inserted",
  ({ detail }) => {
    window.mode = detail.mode;
    const refusal = new Error("There is already a draft.");
    if (detail.mode === "insert") detail.waitUntil(Promise.reject(refusal));
  },
)"""


def test_a_draft_is_made_shorter_and_taken_back(answered: Desk) -> None:
    card = answered.card("suggestion")
    card.get_by_role("button", name="Shorter").click()
    expect(card.locator(".draft")).not_to_contain_text(COURTESY)
    expect(card).to_contain_text("1 sentence was left out")
    expect(card.get_by_role("button", name="Source 1")).to_be_visible()
    card.get_by_role("button", name="Undo").click()
    expect(card.locator(".draft")).to_contain_text(COURTESY)


def test_a_reworded_draft_is_inserted_without_what_nothing_supports_and_counts_as_edited(
    answered: Desk,
) -> None:
    card = answered.card("suggestion")
    card.get_by_role("button", name="Shorter").click()
    expect(card.locator("del")).to_have_count(1)
    card.get_by_role("button", name="Insert").click()
    until(lambda: answered.feedback() != [])
    [feedback] = answered.feedback()
    assert feedback["verdict"] == "edited"
    assert feedback["final_text"] == answered.page.input_value("#reply-text")
    assert "free replacement" not in feedback["final_text"]


def test_translating_asks_for_the_chosen_language_and_says_when_no_model_can(answered: Desk) -> None:
    card = answered.card("suggestion")
    card.get_by_label("Translate to").select_option("fr")
    answered.fake.has_model = False
    card.get_by_role("button", name="Translate").click()
    expect(card.get_by_role("alert")).to_contain_text("needs a language model")
    assert answered.fake.writes[-1] == (
        "transform",
        {"how": "translate", "language": "fr", "suggestion_id": f"sug_{answered.conversation_id}_1"},
    )
    expect(card.locator(".draft")).to_contain_text(COURTESY)


def test_a_better_draft_takes_the_place_of_the_first_and_gives_it_back(answered: Desk) -> None:
    card = answered.card("suggestion")
    first = answered.fake.suggestions[f"sug_{answered.conversation_id}_1"]
    answered.publish("suggestion.completed", scene_desk.better(first))
    expect(card).to_contain_text("took the place of the Composer's")
    expect(card).to_contain_text("shown because 41 of the last 50 were used")
    card.get_by_role("button", name="Show the earlier draft").click()
    expect(card.locator("blockquote")).to_contain_text(COURTESY)
    card.get_by_role("button", name="Undo").click()
    expect(card.locator(".draft")).to_contain_text(COURTESY)


def test_own_words_come_from_the_reply_box_and_are_reworded(desk: Desk) -> None:
    desk.fake.scripted = False
    desk.ask("Hello?")
    desk.publish("suggestion.silent", scene_desk.silent())
    card = desk.card("suggestion")
    expect(card).to_contain_text("3 of the last 40 like it were used")
    desk.page.fill("#reply-text", "We will look into it")
    card.get_by_role("button", name="Write your own").click()
    editor = card.get_by_label("Your own words")
    expect(editor).to_have_value("We will look into it")
    card.get_by_role("button", name="Friendlier").click()
    expect(editor).to_have_value("We will look into it (friendlier)")
    card.get_by_role("button", name="Undo").click()
    expect(editor).to_have_value("We will look into it")


def test_appending_leaves_what_is_written(answered: Desk) -> None:
    answered.page.fill("#reply-text", "Good morning!")
    answered.card("suggestion").get_by_role("button", name="Append").click()
    expect(answered.page.locator("#reply-text")).to_have_value(re.compile(r"^Good morning!\n\nHello Ana"))


def test_a_host_that_cannot_insert_is_asked_to_append(answered: Desk) -> None:
    answered.page.evaluate(HAS_A_DRAFT)
    answered.card("suggestion").get_by_role("button", name="Insert").click()
    toast = answered.page.locator("copilot-panel .toast")
    expect(toast).to_contain_text("There is already a draft.")
    assert answered.feedback() == []
    toast.get_by_role("button", name="Append instead").click()
    until(lambda: answered.feedback() != [])
    assert answered.page.evaluate("window.mode") == "append"


def test_what_was_changed_after_inserting_is_recorded_as_edited(answered: Desk) -> None:
    answered.card("suggestion").get_by_role("button", name="Insert").click()
    answered.page.fill("#reply-text", "I refund you now.")
    answered.page.press("#reply-text", "Enter")
    until(lambda: len(answered.feedback()) == 2)
    assert answered.feedback()[1]["verdict"] == "edited"
    assert answered.feedback()[1]["final_text"] == "I refund you now."


def test_a_thumb_up_and_a_reason_in_own_words(answered: Desk) -> None:
    card = answered.card("suggestion")
    card.get_by_role("button", name="This draft is useful").click()
    until(lambda: answered.feedback() != [])
    assert answered.feedback()[0]["reason"] == "helpful"
    card.get_by_role("button", name="This draft is not useful").click()
    card.get_by_label("Something else").fill("Too long for chat")
    card.get_by_label("Something else").press("Enter")
    until(lambda: len(answered.feedback()) == 2)
    assert (answered.feedback()[1]["verdict"], answered.feedback()[1]["reason"]) == (
        "rejected",
        "Too long for chat",
    )


def test_a_source_shows_its_quote_on_focus_and_on_hover(answered: Desk) -> None:
    card = answered.card("suggestion")
    expect(card.locator(".bubble")).to_be_hidden()
    card.get_by_role("button", name="Source 1").hover()
    expect(card.locator(".bubble")).to_contain_text(scene.DEFECT)
    answered.page.mouse.move(0, 0)
    expect(card.locator(".bubble")).to_be_hidden()
    card.locator(".cite").focus()
    answered.page.keyboard.press("Shift+Tab")
    answered.page.keyboard.press("Tab")
    expect(card.locator(".bubble")).to_be_visible()
