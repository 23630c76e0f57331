"""The same sign-in in Firefox, whose window for it and whose address to come back to are its own."""

import json
from pathlib import Path

from tests.e2e.desk import until
from tests.e2e.firefox import UUID, BiDi, Tab, firefox_browsing, needs_firefox
from tests.e2e.test_extension_sign_in import serving_people

pytestmark = needs_firefox


def window_at(bidi: BiDi, address: str) -> str | None:
    """The context that shows `address` or what is below it, once there is one."""
    contexts = bidi.call("browsingContext.getTree")["contexts"]
    return next((each["context"] for each in contexts if each["url"].startswith(address)), None)


def test_a_person_signs_in_and_a_closed_window_changes_nothing(tmp_path: Path) -> None:
    with (
        firefox_browsing(tmp_path) as firefox,
        serving_people("moz-extension") as (_, provider, server),
    ):
        bidi = firefox.bidi
        provider.extension_callback = firefox.panel.evaluate("chrome.identity.getRedirectURL()")
        options = Tab(bidi, bidi.call("browsingContext.create", type="tab")["context"])
        bidi.call(
            "browsingContext.navigate",
            context=options.context,
            url=f"moz-extension://{UUID}/options.html",
            wait="complete",
        )

        def connection() -> str:
            return str(options.evaluate("document.querySelector('#connection').textContent"))

        options.evaluate(
            f"""(() => {{
              const field = document.querySelector("#server");
              field.value = {json.dumps(server)};
              field.dispatchEvent(new Event("change"));
            }})()"""
        )
        until(lambda: options.evaluate("!document.querySelector('#company').hidden"))
        before = options.evaluate("chrome.storage.session.get()")

        options.click("#company")
        until(lambda: window_at(bidi, provider.url) is not None, seconds=20)
        bidi.call("browsingContext.close", context=window_at(bidi, provider.url))
        until(lambda: connection() == "The window was closed. Nothing was changed.", seconds=20)
        assert options.evaluate("chrome.storage.session.get()") == before

        options.click("#company")
        until(lambda: window_at(bidi, provider.url) is not None, seconds=20)
        provided = Tab(bidi, window_at(bidi, provider.url) or "")
        until(lambda: provided.evaluate("document.querySelector('a') !== null"))
        provided.click("a")
        until(lambda: connection() == "Connected", seconds=20)
        kept = options.evaluate("chrome.storage.session.get()")
        assert (kept["token"], kept["person"]["server"]) == ("", server)
        assert kept["person"]["accessToken"] not in options.evaluate(
            "chrome.storage.local.get().then(JSON.stringify)"
        )
