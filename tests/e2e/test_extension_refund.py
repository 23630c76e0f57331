"""Over a real server and the demo company: a refund approved in the side panel happens once."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.extension import EXPECTED, SITES, browsing, needs_extension, say_next

from copilot.evaluation.local_server import LocalServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [*needs_extension, pytest.mark.slow]

SAVED = {
    "<p>My lantern arrived with a cracked globe.</p><p>Order LF-1004820.</p>": (
        "<p>Hi, my Northlight Lantern arrived with cracked glass. My order is LF-1004829 and my email is "
        "maya.lindqvist@example.com</p>"
    ),
    "Can I get my money back?": "I would like my money back for the broken lantern please.",
}


def mayas_page() -> str:
    html = (SITES / "zendesk.html").read_text()
    for said, hers in SAVED.items():
        assert said in html
        html = html.replace(said, hers)
    return html


def test_a_refund_is_approved_in_the_side_panel_and_happens_once(tmp_path: Path, server: LocalServer) -> None:
    with browsing(tmp_path, signed_in=False) as made:
        made.sign_in(server.address, server.representative)
        page: Page = made.page_at(EXPECTED["zendesk"]["url"], mayas_page())
        panel = made.open_panel(page)
        panel.expect_text("Verified")
        say_next(page)
        panel.expect_settled(turns=3)
        panel.expect_text("$49.00")
        panel.press("Approve", "copilot-next-actions")
        panel.expect_text("Refund")
        panel.expect_text("Still refundable $6.95")  # of $55.95: the order system has paid $49 once
        assert panel.text().count("Approved by Representative") == 1
        panel.reload()
        panel.expect_text("Still refundable $6.95")
        assert panel.text().count("Approved by Representative") == 1
