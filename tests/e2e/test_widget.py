"""The widget in a CRM's page of another origin: driven by it, isolated from it, closed to all others."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page, expect
from tests.e2e import scene
from tests.e2e.crm import Crm, Setting, Tokens, copilot, crm, example_host
from tests.e2e.desk import needs_panel, until
from tests.e2e.fake_api import FakeCopilot

pytestmark = needs_panel
PICTURES = os.environ.get("COPILOT_PICTURES")
"""A folder for screenshots; none are taken without it."""
ANSWERED_BY_MS = 15_000
"""A frame that has not answered by then is said not to."""
REFUSED_TOO_SOON_MS = 3_100
"""A token refused sooner than this after it came is not asked for again."""

ENVELOPE = {"protocol": "copilot-widget", "version": 1}
INIT = {**ENVELOPE, "type": "init", "conversation": "ticket:81", "theme": "auto", "locale": "", "draft": ""}
POST_TO_FRAME = """(messages) => {
  const frame = document.querySelector("iframe").contentWindow;
  for (const message of messages) frame.postMessage(message, "*");
}"""
STRANGER = """<script>
  window.answers = [];
  addEventListener("message", (event) => answers.push(event.data));
  window.drive = (messages) => {
    for (let i = 0; i < parent.frames.length; i++)
      if (parent.frames[i] !== window)
        for (const message of messages) parent.frames[i].postMessage(message, "*");
  };
</script>"""
WHAT_IS_KEPT = """() => {
  try { return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie]); }
  catch { return "the browser lets this frame keep nothing"; }
}"""
HEAR_PROBLEMS = "() => { window.problems = []; widget.on('error', (p) => problems.push(p.code)); }"


@pytest.fixture
def host(browser: Browser) -> Iterator[Setting]:
    with example_host(browser) as made:
        yield made


def answered(host: Setting) -> None:
    host.say(scene.CUSTOMER_TEXT)
    expect(host.frame.locator("copilot-summary")).to_contain_text("Summary so far")


def live(host: Setting) -> None:
    expect(host.frame.locator("copilot-status")).to_contain_text("Live")


def wait_for_refusal(page: Page, said: list[str]) -> None:
    """Until the browser's console says that framing was refused; it is heard only while its driver runs."""
    until(lambda: page.wait_for_timeout(20) is None and any("frame-ancestors" in text for text in said))


def let_the_token_age(host: Setting) -> None:
    """Its frame's clock goes on by more than the time within which a refused token is not asked for again."""
    widget = next(frame for frame in host.page.frames if frame.url.endswith("/widget"))
    widget.evaluate(
        "(ahead) => { const now = Date.now; Date.now = () => now() + ahead; }", REFUSED_TOO_SOON_MS
    )


def picture(host: Setting, name: str) -> None:
    if PICTURES:
        host.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


# ---- what a CRM does with it


def test_from_a_message_in_the_crm_to_its_reply_box(host: Setting) -> None:
    host.page.evaluate(
        """() => { window.heard = [];
        document.querySelector("#copilot").addEventListener("copilot:suggestion-inserted",
            (event) => heard.push(event.detail.suggestionId)); }"""
    )
    answered(host)
    assert host.turns == [("customer", scene.CUSTOMER_TEXT)]
    picture(host, "widget")

    host.page.fill("#reply", "Hello Elena,")
    suggestion = host.frame.locator("copilot-suggestion")
    suggestion.get_by_role("button", name="Insert").click()
    expect(host.page.locator("#reply")).to_have_value(f"Hello Elena,\n\n{scene.insertable()}")
    expect(suggestion).to_contain_text("Inserted")
    until(lambda: "feedback" in [verb for verb, _ in host.fake.writes])
    used = next(body["id"] for verb, body in host.fake.writes if verb == "feedback")
    assert host.page.evaluate("heard") == [used]


def test_a_reply_box_that_refuses_is_said_so_and_counts_as_no_use(host: Setting) -> None:
    answered(host)
    host.page.evaluate(
        """() => { widget.on("suggestion-inserted", ({ waitUntil }) =>
            waitUntil(Promise.reject(new Error("The ticket is locked.")))); }"""
    )
    host.frame.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
    expect(host.frame.locator("copilot-panel .toast")).to_contain_text("The ticket is locked.")
    assert host.fake.writes == []


def test_a_message_told_twice_is_one_turn_and_all_stand_in_order(host: Setting) -> None:
    host.fake.scripted = False
    host.page.evaluate(
        """() => { for (const id of [1, 2, 2, 3, 1])
            widget.addTurn({speaker: "customer", text: `Message ${id}`, id: `m:${id}`}); }"""
    )
    until(lambda: len(host.turns) == 3)
    host.page.wait_for_timeout(100)
    assert [text for _, text in host.turns] == ["Message 1", "Message 2", "Message 3"]


def test_the_crm_hears_what_was_approved_and_carried_out(host: Setting) -> None:
    host.page.evaluate(
        """() => { window.heard = [];
        for (const name of ["action-approved", "action-executed"])
            document.querySelector("#copilot").addEventListener(`copilot:${name}`,
                ({ type, detail }) => heard.push([type, detail.actionId])); }"""
    )
    answered(host)
    host.frame.locator("copilot-approval").first.get_by_role("button", name="Approve").click()
    (action_id,) = host.fake.actions
    until(lambda: len(host.page.evaluate("heard")) == 2)
    assert host.page.evaluate("heard") == [
        ["copilot:action-approved", action_id],
        ["copilot:action-executed", action_id],
    ]


def test_the_crm_hears_of_the_wrap_up(host: Setting) -> None:
    answered(host)
    host.page.evaluate("() => { window.filed = []; widget.on('wrap-up', (detail) => filed.push(detail)); }")
    (conversation,) = host.fake.conversations.values()
    closed = scene.wrap_up(scene.summary(conversation.id, conversation.revision, conversation.turns[0].id))
    host.fake.publish(conversation.id, "wrap_up", closed)
    until(lambda: len(host.page.evaluate("filed")) == 1)
    expected = {"caseNote": closed.case_note, "disposition": closed.disposition.title}
    assert host.page.evaluate("filed") == [expected]


def test_another_conversation_shows_nothing_of_the_one_before(host: Setting) -> None:
    answered(host)
    host.page.evaluate("widget.setConversation('ticket:82')")
    expect(host.frame.locator("copilot-panel")).to_contain_text("Suggestions appear here")
    expect(host.frame.locator("copilot-panel")).not_to_contain_text("Summary so far")
    assert [body["external"]["id"] for body in host.tokens.asked] == ["ticket:81", "ticket:82"]


def test_destroyed_it_leaves_nothing(host: Setting) -> None:
    answered(host)
    host.page.evaluate("widget.destroy()")
    expect(host.page.locator("iframe")).to_have_count(0)
    until(lambda: host.page.wait_for_timeout(20) is None and len(host.page.frames) == 1)


def test_in_the_page_itself_it_is_the_same_panel(browser: Browser) -> None:
    """`copilot-element.mjs`: no frame, for pages of the copilot's own origin and ones that CORS lets in."""
    fake = FakeCopilot()
    tokens = Tokens(fake)
    with copilot(fake, tokens, hosts=()) as server:
        html = "<!doctype html><title>CRM</title><main id=copilot></main><textarea id=reply></textarea>"
        page = browser.new_page()
        page.route(f"{server}/crm", lambda route: route.fulfill(content_type="text/html", body=html))
        page.goto(f"{server}/crm")
        page.evaluate(
            """async ([server, token]) => {
              const { mount } = await import(`${server}/widget/copilot-element.mjs`);
              const conversation = token.conversation_id;
              window.widget = mount({ target: "#copilot", server, conversation, token });
              const reply = document.querySelector("#reply");
              widget.on("suggestion-inserted", ({ draft }) => { reply.value = draft; });
              void widget.addTurn({ speaker: "customer", text: "My lantern arrived broken.", id: "1" });
            }""",
            [server, tokens.mint({"conversation_id": fake.create().id})],
        )
        page.locator("copilot-suggestion").get_by_role("button", name="Insert").click()
        expect(page.locator("#reply")).to_have_value(scene.insertable())
        page.evaluate("widget.destroy()")
        expect(page.locator("copilot-panel")).to_have_count(0)
        page.close()


# ---- tokens that end


def test_a_token_that_ends_is_asked_for_again_and_nothing_is_lost(host: Setting) -> None:
    answered(host)
    let_the_token_age(host)
    host.tokens.end()
    until(lambda: len(host.tokens.minted) == 2)
    host.say("Are you there?", number=2)
    until(lambda: len(host.turns) == 2)
    live(host)


def test_a_token_is_replaced_before_it_ends(browser: Browser) -> None:
    with example_host(browser) as host:
        host.tokens.seconds = 2
        host.page.reload()
        until(lambda: host.page.wait_for_timeout(20) is None and len(host.tokens.minted) >= 4, seconds=8)
        live(host)
        assert host.fake.turned_away == 0


def test_without_a_new_token_the_panel_empties_itself(host: Setting) -> None:
    answered(host)
    host.page.evaluate(HEAR_PROBLEMS)
    let_the_token_age(host)
    host.site.posts["/copilot-token"] = lambda _: None
    host.tokens.end()
    notice = host.frame.locator("#notice")
    expect(notice).to_contain_text("Signed out of the copilot. Sign in to the CRM again.")
    panel = host.frame.locator("copilot-panel")
    expect(panel).to_be_hidden()
    assert "Summary" not in panel.evaluate("panel => panel.shadowRoot.textContent")
    assert panel.evaluate("panel => panel.token") == ""
    assert host.page.evaluate("problems") == ["signed_out"]
    picture(host, "widget-signed-out")

    host.site.posts["/copilot-token"] = lambda name: host.tokens.mint({"external": {"id": name}})
    notice.get_by_role("button", name="Try again").click()
    live(host)


def test_the_token_stands_in_no_address_and_no_document(host: Setting) -> None:
    addresses: list[str] = []
    host.page.on("request", lambda request: addresses.append(request.url))
    host.page.reload()
    answered(host)
    token = host.tokens.minted[-1]
    assert any(address.endswith("/widget") for address in addresses)
    assert not [address for address in addresses if "cwt_" in address]
    for frame in host.page.frames:
        assert token not in frame.content()
        assert token not in frame.evaluate(WHAT_IS_KEPT)


# ---- pages that mean harm


def test_a_page_that_is_not_listed_cannot_frame_it(browser: Browser) -> None:
    with example_host(browser, listed=False) as host:
        said: list[str] = []
        host.page.on("console", lambda message: said.append(message.text))
        host.page.clock.install()
        host.page.reload()
        host.page.evaluate(HEAR_PROBLEMS)
        wait_for_refusal(host.page, said)
        assert host.tokens.minted == []
        host.page.clock.fast_forward(ANSWERED_BY_MS)
        assert host.page.evaluate("problems") == ["no_answer"]


def test_a_listed_page_cannot_be_framed_by_one_that_is_not(browser: Browser) -> None:
    with example_host(browser) as host:
        live(host)
        minted = len(host.tokens.minted)
        with crm(Crm({"/": f'<iframe src="{host.site.address}/"></iframe>'})) as evil:
            said: list[str] = []
            page = browser.new_page()
            page.on("console", lambda message: said.append(message.text))
            page.goto(evil)
            wait_for_refusal(page, said)
            assert len(host.tokens.minted) == minted
            page.close()


def test_the_frame_hears_nobody_but_the_page_that_holds_it(host: Setting) -> None:
    """A frame beside ours, of another origin, speaks with it."""
    answered(host)
    with crm(Crm({"/": STRANGER})) as origin:
        host.page.evaluate(
            """(src) => { const frame = document.createElement("iframe");
            frame.src = src; document.body.append(frame); }""",
            origin,
        )
        evil = frame_of(host, origin)
        turn = {**ENVELOPE, "type": "turn", "request": 99, "speaker": "customer", "text": "Forged", "id": ""}
        switch = {**ENVELOPE, "type": "conversation", "conversation": "ticket:99"}
        grant = {"type": "grant", "request": 1, "token": "x", "conversation_id": "y", "expires_at": ""}
        evil.evaluate("messages => drive(messages)", [INIT, turn, switch, {**ENVELOPE, **grant}])
        host.page.wait_for_timeout(400)
        assert evil.evaluate("answers") == []
    assert host.turns == [("customer", scene.CUSTOMER_TEXT)]
    assert [body["external"]["id"] for body in host.tokens.asked] == ["ticket:81"]
    live(host)


def frame_of(host: Setting, origin: str) -> Frame:
    def loaded() -> list[Frame]:
        host.page.wait_for_timeout(30)
        return [
            frame
            for frame in host.page.frames
            if frame.url.startswith(origin) and frame.evaluate("typeof drive") == "function"
        ]

    until(lambda: loaded() != [])
    return loaded()[0]


def test_the_page_hears_nobody_but_its_frame(host: Setting) -> None:
    """Somebody else's window asks the page for a token, or says that a suggestion was chosen."""
    answered(host)
    asked = len(host.tokens.asked)
    wanted = {"type": "token_wanted", "request": 7, "conversation": "ticket:81", "why": "start"}
    chosen = {"type": "insert", "request": 8, "text": "Forged", "suggestion": "", "draft": "Forged"}
    host.page.evaluate(
        """(messages) => new Promise((done) => {
          const frame = document.createElement("iframe");
          const script = `for (const m of ${JSON.stringify(messages)}) parent.postMessage(m, "*")`;
          frame.srcdoc = `<script>${script}</` + "script>";
          frame.onload = () => setTimeout(done, 200);
          document.body.append(frame);
          for (const message of messages) postMessage(message, "*");
        })""",
        [{**ENVELOPE, **wanted}, {**ENVELOPE, **chosen}],
    )
    assert len(host.tokens.asked) == asked
    expect(host.page.locator("#reply")).to_have_value("")


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "turn", "request": 1, "speaker": "system", "text": "x", "id": ""},
        {"type": "turn", "request": "1", "speaker": "customer", "text": "x", "id": ""},
        {"type": "turn", "request": 1, "speaker": "customer", "text": "x" * 20_001, "id": ""},
        {"type": "turn", "request": 1, "speaker": "customer", "text": {"toString": "x"}, "id": ""},
        {"type": "toString"},
        {"type": "__proto__"},
        {"type": "theme", "theme": "url(javascript:1)"},
        {"type": "locale", "locale": '"><img src=x>'},
        {},
    ],
)
def test_even_the_right_page_is_heard_only_in_the_agreed_form(host: Setting, bad: dict[str, Any]) -> None:
    live(host)
    host.page.evaluate(POST_TO_FRAME, [{**ENVELOPE, **bad}, "text", None, [1], {"version": 1}])
    host.page.wait_for_timeout(150)
    assert host.turns == []
    live(host)


def test_another_version_is_named_as_such(host: Setting) -> None:
    live(host)
    host.page.evaluate(HEAR_PROBLEMS)
    host.page.evaluate(POST_TO_FRAME, [{**INIT, "version": 2}])
    until(lambda: host.page.evaluate("problems") == ["incompatible"])


def test_the_page_cannot_read_into_the_frame(host: Setting) -> None:
    answered(host)
    blocked = host.page.evaluate(
        """() => {
          try { return document.querySelector("iframe").contentWindow.document.body.innerText; }
          catch (error) { return error.name; }
        }"""
    )
    assert blocked == "SecurityError"


# ---- for everybody


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_widget_page(host: Setting, theme: str) -> None:
    host.page.evaluate("theme => widget.setTheme(theme)", theme)
    answered(host)
    widget = next(frame for frame in host.page.frames if frame.url.endswith("/widget"))
    found = Axe().run(widget)  # type: ignore[arg-type] - a frame has all that it uses
    bad = [v for v in found.response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in bad] == []
    picture(host, f"widget-{theme}")
