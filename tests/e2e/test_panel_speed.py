"""How fast the panel is in Chromium, with much on it.

Another program on the machine can only add to a figure: paints are a median, and tasks count the core's time
that they took, in the best of some rounds. Run alone:
`pytest -s tests/e2e/test_panel_speed.py` prints what was measured.
"""

import json
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e import scene
from tests.e2e.desk import Desk, needs_panel, open_desk, until
from tests.e2e.fake_copilot import FakeCopilot

from copilot.domain.assist import KnowledgeCards
from copilot.domain.assist_events import RevisionDone
from copilot.domain.conversation import Speaker, Turn

pytestmark = needs_panel

MESSAGES, CARDS, DELTAS = 1_000, 200, 300
PAINT_MS, TASK_MS = 50, 50
PAINTS, ROUNDS = 15, 3
PAINTED = """() => {
  window.paints = [];
  addEventListener("copilot:event", (event) => {
    if (event.detail.type !== "suggestion.completed") return;
    const start = performance.now();
    // A task queued in a frame runs once that frame has been drawn.
    requestAnimationFrame(() => setTimeout(() => { window.paints.push(performance.now() - start); }));
  });
}"""


def many_cards() -> KnowledgeCards:
    [card, *_] = scene.knowledge().cards
    cards = tuple(
        card.model_copy(update={"citation": scene.citation(f"p{n}", f"Page {n}", f"{scene.WINDOW} ({n})")})
        for n in range(CARDS)
    )
    return KnowledgeCards(answered=True, confidence=1, cards=cards)


def talk(fake: FakeCopilot, conversation_id: str) -> None:
    """A conversation of a thousand messages, before anybody looks."""
    began = datetime.now(tz=UTC) - timedelta(hours=2)
    turns = tuple(
        Turn(
            id=f"turn_{n}",
            conversation_id=conversation_id,
            sequence=n,
            speaker=Speaker.CUSTOMER if n % 2 else Speaker.REPRESENTATIVE,
            text=f"Message {n}: {scene.CUSTOMER_TEXT}",
            created_at=began + timedelta(seconds=n),
        )
        for n in range(1, MESSAGES + 1)
    )
    fake.conversations[conversation_id] = fake.conversations[conversation_id].model_copy(
        update={"turns": turns, "revision": MESSAGES}
    )


@pytest.fixture
def busy(browser: Browser) -> Iterator[Desk]:
    """A long conversation, opened anew."""
    with open_desk(browser) as desk:
        desk.fake.scripted = False
        talk(desk.fake, desk.conversation_id)
        desk.page.reload()
        desk.page.locator("#conversations button").first.wait_for()
        yield desk


def test_the_first_card_is_painted_soon_after_its_event(desk: Desk) -> None:
    """From the event's arrival in the page until its card is drawn, many others being there."""
    desk.fake.scripted = False
    desk.ask()
    expect(desk.page.locator("#turns li")).to_have_count(1)
    desk.publish("knowledge", many_cards())
    expect(desk.card("knowledge").locator("li").first).to_be_visible()
    desk.page.evaluate(PAINTED)
    for n in range(PAINTS):
        draft = scene.suggestion(desk.conversation_id, 1, id=f"sug_{n}")
        desk.publish("suggestion.completed", draft)
        desk.page.wait_for_function(f"() => window.paints.length > {n}")
    paints = sorted(desk.page.evaluate("window.paints"))
    median = statistics.median(paints)
    print(  # noqa: T201
        f"\nfirst paint after its event, ms: median {median:.0f}, worst {paints[-1]:.0f} of {PAINTS}"
    )
    assert median <= PAINT_MS


def test_a_thousand_messages_and_two_hundred_cards_stay_smooth(busy: Desk, browser: Browser) -> None:
    """No long task while the conversation opens, cards come, a draft streams, and all is scrolled through."""
    page = busy.page
    worst = []
    for round_ in range(ROUNDS):
        page.evaluate("document.querySelector('copilot-panel').conversationId = ''")
        browser.start_tracing(page=page, categories=["toplevel"])
        page.locator("#conversations button").first.click()
        # Not by `expect`: what it does not find at once it describes, page and all, in a task of seconds.
        until(lambda: page.locator("#turns li").count() == MESSAGES)
        busy.publish("knowledge", many_cards())
        busy.card("knowledge").locator("li").first.wait_for()
        draft_id = f"sug_stream_{round_}"
        for n in range(DELTAS):
            piece = {"suggestion_id": draft_id, "drafter": "composer", "text": f"word{n} "}
            busy.publish("suggestion.delta", piece)
        draft = busy.card("suggestion").locator(".draft")
        until(lambda: f"word{DELTAS - 1}" in (draft.text_content() or ""))  # noqa: B023 - at once
        scroll_through(busy)
        busy.publish("turn", json.loads(_next_turn(busy, round_).model_dump_json()))
        busy.publish("revision.done", RevisionDone(milliseconds=1))
        page.wait_for_timeout(100)
        worst.append(round(longest_task_ms(browser.stop_tracing())))
        if worst[-1] <= TASK_MS:
            break  # The best is good enough; no further round could make it worse.
        page.evaluate("document.querySelector('#turns').replaceChildren()")
    print(  # noqa: T201
        f"\nlongest task with {MESSAGES} messages and {CARDS} cards, ms: {worst}"
    )
    assert min(worst) <= TASK_MS


def longest_task_ms(trace: bytes) -> float:
    """Of a page's main thread, by the time that a core worked on it."""
    events = json.loads(trace)["traceEvents"]
    names = [event for event in events if event["name"] == "thread_name"]
    mains = {(name["pid"], name["tid"]) for name in names if name["args"]["name"] == "CrRendererMain"}
    tasks = [event for event in events if event["name"] == "ThreadControllerImpl::RunTask"]
    longest: int = max(task.get("tdur", 0) for task in tasks if (task["pid"], task["tid"]) in mains)
    return longest / 1000


def scroll_through(desk: Desk) -> None:
    """Until every card has been drawn."""
    cards = desk.card("knowledge").locator(".passages > li")
    for _ in range(CARDS):
        if cards.count() == CARDS:
            return
        more = desk.card("knowledge").locator(".more")
        more.evaluate("(button) => button.scrollIntoView()")
        desk.page.wait_for_timeout(20)
    raise AssertionError(f"only {cards.count()} of {CARDS} cards were ever drawn")


def _next_turn(desk: Desk, round_: int) -> Turn:
    return Turn(
        id=f"turn_next_{round_}",
        conversation_id=desk.conversation_id,
        sequence=MESSAGES + 1 + round_,
        speaker=Speaker.CUSTOMER,
        text="Are you still there?",
        created_at=datetime.now(tz=UTC),
    )
