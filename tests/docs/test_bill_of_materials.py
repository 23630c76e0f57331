"""`scripts/sbom` names every package of the locks, and the same locks give the same file."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")


def made(folder: Path) -> dict[str, str]:
    subprocess.run([ROOT / "scripts" / "sbom", folder], check=True, capture_output=True)  # noqa: S603
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_locked_package_is_named_with_its_version(tmp_path):
    files = made(tmp_path / "once")
    assert made(tmp_path / "again") == files
    lock = (ROOT / "scripts" / "locks" / "runtime.txt").read_text()
    locked = set(re.findall(r"^([\w.-]+)==([\w.+!-]+)", lock, re.MULTILINE))
    python = json.loads(files["python.json"])
    assert python["bomFormat"] == "CycloneDX"
    assert {(one["name"], one["version"]) for one in python["components"]} == locked
    extension = json.loads(files["extension.json"])
    assert "lit" in {one["name"] for one in extension["components"]}
    assert str(ROOT) not in files["python.json"] + files["extension.json"]
