"""Sign the policy rules: a knowledge manager puts their name under the rules as they are now.

    scripts/sign_policies --name "Dana Whitfield, Knowledge Manager" [FOLDER]
    scripts/sign_policies --check [FOLDER]

Every file is checked first, worked examples included; nothing is signed while anything is wrong. A file
whose signature still fits its rules is left as it is.
"""

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from copilot.adapters.yaml_files import load_policies  # noqa: E402
from copilot.adapters.yaml_source import yaml_files  # noqa: E402
from copilot.domain.errors import ConfigurationError  # noqa: E402
from copilot.domain.policy import PolicySet, rules_hash  # noqa: E402

_SIGNATURE = re.compile(r"\n*^signature:.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description="Sign the policy rules.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "knowledge" / "policies")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--name", help="who has checked the rules and signs them")
    what.add_argument("--check", action="store_true", help="only say whether every signature fits")
    arguments = parser.parse_args()
    try:
        policies = load_policies(arguments.folder, require_signature=arguments.check)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    for path, policy in zip(yaml_files(arguments.folder), policies, strict=True):
        print(f"{path.name}: {'valid' if arguments.check else sign(path, policy, arguments.name)}")
    return 0


def sign(path: Path, policy: PolicySet, name: str) -> str:
    digest = rules_hash(policy.rules)
    if policy.signature is not None and policy.signature.sha256 == digest:
        return f"signed by {policy.signature.name} already"
    text = _SIGNATURE.sub("\n", path.read_text(encoding="utf-8")).rstrip("\n")
    at = datetime.now(UTC).replace(microsecond=0).isoformat()
    block = f'signature:\n  name: {json.dumps(name)}\n  at: "{at}"\n  sha256: {digest}\n'
    path.write_text(f"{text}\n\n{block}", encoding="utf-8")
    return f"signed by {name}"


if __name__ == "__main__":
    sys.exit(main())
