"""What goes to the stores: the same bytes each time, the version of package.json, and nothing needless."""

import json
import shutil
import subprocess
import zipfile
from io import BytesIO

import pytest
from tests.e2e.extension import EXTENSION

ROOT = EXTENSION.parent
BROWSERS = ["chrome", "firefox"]
VERSION = json.loads((EXTENSION / "package.json").read_text())["version"]

pytestmark = [
    pytest.mark.skipif(not (EXTENSION / "dist").exists(), reason="not built: cd extension && npm run build"),
    pytest.mark.skipif(not shutil.which("node"), reason="Node.js is missing"),
]


def pack() -> dict[str, bytes]:
    """The package for each browser, made anew."""
    subprocess.run(  # noqa: S603 - our own script
        [shutil.which("node") or "node", "scripts/package.mjs"],
        cwd=EXTENSION,
        check=True,
        stdout=subprocess.PIPE,
    )
    folder = ROOT / "build/extension"
    return {browser: (folder / f"copilot-{VERSION}-{browser}.zip").read_bytes() for browser in BROWSERS}


@pytest.fixture(scope="module")
def packed_twice() -> tuple[dict[str, bytes], dict[str, bytes]]:
    return pack(), pack()


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_same_sources_give_the_same_bytes(
    browser: str, packed_twice: tuple[dict[str, bytes], dict[str, bytes]]
) -> None:
    first, again = packed_twice
    assert first[browser] == again[browser]
    with zipfile.ZipFile(BytesIO(first[browser])) as archive:
        assert archive.testzip() is None
        own = {name for name in archive.namelist() if not name.startswith(("icons/", "chunks/"))}
        assert own == {
            "background.js",
            "content.js",
            "manifest.json",
            "options.html",
            "options.js",
            "shell.css",
            "sidepanel.html",
            "sidepanel.js",
        }
        manifest = json.loads(archive.read("manifest.json"))
        code = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".js"))
    assert manifest["version"] == VERSION
    for editor in (b"ckeditor5", b"prosemirror-view", b"react-dom", b"slate-react"):
        assert editor not in code.lower(), "a test's editor has got in"


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_manifest_asks_for_as_little_as_can_be(browser: str) -> None:
    manifest = json.loads((EXTENSION / f"dist/{browser}/manifest.json").read_text())
    panel = ["sidePanel"] if browser == "chrome" else []
    assert manifest["permissions"] == ["activeTab", "identity", "scripting", "storage", *panel]
    assert not {
        "host_permissions",
        "content_scripts",
        "web_accessible_resources",
        "externally_connectable",
    } & set(manifest)
    policy = manifest["content_security_policy"]["extension_pages"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
