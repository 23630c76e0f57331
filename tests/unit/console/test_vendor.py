"""Scripts of others that are served as they were published."""

import hashlib

import pytest

from copilot.console.page import HERE

VENDOR = HERE / "static" / "vendor"
PUBLISHED = {
    "htmx-2.0.11.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "htmx-ext-sse-2.2.4.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}
LAYOUT = (HERE / "templates" / "console" / "layout.html").read_text()


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_is_the_file_of_the_npm_package_and_its_licence_is_beside_it(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == PUBLISHED[name]
    assert name in (VENDOR / "LICENSES.txt").read_text()
    assert name in LAYOUT


def test_nothing_else_is_there():
    assert {path.name for path in VENDOR.iterdir()} == {*PUBLISHED, "LICENSES.txt"}


def test_htmx_may_neither_evaluate_nor_leave_the_origin():
    assert '"allowEval":false' in LAYOUT
    assert '"selfRequestsOnly":true' in LAYOUT
    assert '"includeIndicatorStyles":false' in LAYOUT
