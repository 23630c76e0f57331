"""Everything that must hold before a commit, each step with its time; all failures are listed at the end.

    scripts/check        seconds: format, lint, types, layers, unit tests without a network, the panel
scripts/test         minutes: all of that and every other test, real browsers included
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / ("Scripts" if os.name == "nt" else "bin")
EXTENSION = ROOT / "extension"
# asyncio needs a socket pair; nothing else may open a socket in a unit test.
NO_NETWORK = ("--disable-socket", "--allow-unix-socket")


@dataclass(frozen=True)
class Check:
    name: str
    command: tuple[str, ...]
    folder: Path = ROOT


def checks() -> list[Check]:
    found = [
        Check("format", ("ruff", "format", "--check", "--quiet", ".")),
        Check("lint", ("ruff", "check", "--quiet", ".")),
        Check("types", ("mypy", "--no-error-summary")),
        Check("layers", ("lint-imports", "--no-logo")),
    ]
    if (EXTENSION / "package.json").is_file():
        found.append(Check("panel", ("npm", "run", "--silent", "check"), EXTENSION))
    return found


UNIT_TESTS = Check("unit tests", ("pytest", "tests/unit", "--quiet", *NO_NETWORK))
ALL_TESTS = Check("all tests", ("pytest", "tests"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="every test, as scripts/test does")
    arguments = parser.parse_args()
    install = [sys.executable, str(ROOT / "scripts" / "_install.py"), "--with", "dev", "--extension"]
    code = subprocess.run(install, check=False, stdin=subprocess.DEVNULL).returncode
    if code:
        sys.exit(code)
    if arguments.all:
        failed = [check.name for check in checks() if not passes(check)]
        report(failed)
        # Last, and alone: whoever reads the output finds pytest's own summary in the final line.
        code = subprocess.run(located(ALL_TESTS), check=False, **surroundings(ALL_TESTS)).returncode
        sys.exit(code or bool(failed))
    failed = [check.name for check in (*checks(), UNIT_TESTS) if not passes(check)]
    report(failed)
    sys.exit(bool(failed))


def passes(check: Check) -> bool:
    started = time.monotonic()
    result = subprocess.run(
        located(check),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **surroundings(check),
    )
    good = result.returncode == 0
    if not good:
        print(result.stdout.rstrip())
    print(f"{'ok    ' if good else 'FAILED'} {check.name:12} {time.monotonic() - started:5.1f} s", flush=True)
    return good


def located(check: Check) -> list[str]:
    program, *rest = check.command
    ours = BIN / program
    return [str(ours) if ours.exists() else program, *rest]


def surroundings(check: Check) -> dict[str, object]:
    # The panel's check asks our own package for its OpenAPI document, so it must find this environment.
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"cwd": check.folder, "env": {**os.environ, "PATH": path}, "stdin": subprocess.DEVNULL}


def report(failed: list[str]) -> None:
    print(f"FAILED: {', '.join(failed)}" if failed else "All checks passed.", flush=True)


if __name__ == "__main__":
    main()
