"""Make .venv hold exactly what the lock files say, and everything derived from it. The other scripts run it.

    python3 scripts/_install.py                      what the server needs
    python3 scripts/_install.py --with dev           and the tests, linters and a browser
    python3 scripts/_install.py --with local-llm     and a local language model (1.2 GB)
    python3 scripts/_install.py --with postgres      and the engine of that name: pii, postgres, redis
    python3 scripts/_install.py --extension          and the built browser extension

Nothing to do is found out in a fraction of a second, from hashes of the inputs.
"""

from __future__ import annotations

import sys

# Before any import that an old Python lacks; this file must parse on every Python 3.
if sys.version_info < (3, 11):  # noqa: UP036 - run by any Python that is called python3
    sys.exit(
        "This needs Python 3.11 or newer, but {} is Python {}.{}.\n"
        "Install a newer one and name it, for example: PYTHON=python3.11 scripts/demo".format(
            sys.executable, *sys.version_info[:2]
        )
    )

import argparse
import contextlib
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import _install_steps as steps

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--with", dest="groups", action="append", default=[], choices=["dev", *steps.GROUPS])
    parser.add_argument("--extension", action="store_true", help="build the browser extension and the panel")
    arguments = parser.parse_args()
    with one_at_a_time():
        pending = steps.pending(frozenset(arguments.groups), extension=arguments.extension)
        if not pending:
            return
        try:
            if not in_venv():
                # The progress bars need rich, so rich comes first and the venv's Python takes over.
                steps.make_venv()
                steps.install_first()
                code = subprocess.run(
                    [steps.PYTHON, __file__, *sys.argv[1:]], check=False, env=handed_on()
                ).returncode
                sys.exit(code)
            steps.run(pending)
        except steps.StepError as error:
            sys.exit(f"\n{error}")
        except KeyboardInterrupt:
            sys.exit("\nStopped. Run it again to go on where it stopped.")


def in_venv() -> bool:
    return Path(sys.prefix) == steps.VENV


def handed_on() -> dict[str, str]:
    return {**os.environ, "COPILOT_INSTALLING": "1"}


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two scripts started together would write into one .venv; the second waits, then finds it done."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        yield
        return
    if "COPILOT_INSTALLING" in os.environ:
        yield
        return
    name = hashlib.sha256(str(steps.ROOT).encode()).hexdigest()[:12]
    with (Path(tempfile.gettempdir()) / f"copilot-install-{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another installation of this folder to finish ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
