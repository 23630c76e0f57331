"""How the panel stands with the server: signed in, cut off, down, and back again."""

from playwright.sync_api import expect
from tests.e2e import scene
from tests.e2e.desk import Desk, needs_panel
from tests.e2e.fake_api import KEY

pytestmark = needs_panel


def test_the_key_leaves_the_address_bar(desk: Desk) -> None:
    assert "key" not in desk.page.url
    assert KEY not in desk.page.content()


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
    expect(desk.card("status")).to_contain_text("Server down")
    desk.fake.refuse_streams = False
    desk.card("status").get_by_role("button", name="Try now").click()
    expect(desk.card("status")).to_contain_text("Live")


def test_a_wrong_key_asks_to_sign_in(desk: Desk) -> None:
    desk.page.evaluate("document.querySelector('copilot-panel').token = 'wrong'")
    expect(desk.card("status")).to_contain_text("Not signed in")
    desk.page.goto("about:blank")
    desk.page.goto(f"{desk.address}/inbox#key=wrong")
    expect(desk.page.locator("#sign-in-problem")).to_contain_text("does not accept")
