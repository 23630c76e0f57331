"""Sign the policy rules, or check that they are signed: the same as `copilot policy sign` and `check`.

scripts/sign_policies --name "Dana Whitfield, Knowledge Manager" [FOLDER]
scripts/sign_policies --check [FOLDER]
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from copilot.cli import policy  # noqa: E402
from copilot.domain.errors import CopilotError  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="Sign the policy rules.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "knowledge")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--name", help="who has checked the rules and signs them")
    what.add_argument("--check", action="store_true", help="only say whether every signature fits")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            policy.check(arguments.folder)
        else:
            policy.sign(arguments.name, arguments.folder)
    except CopilotError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
