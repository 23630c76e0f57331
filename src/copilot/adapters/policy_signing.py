"""Signing policy files: a knowledge manager's name under the rules and the clauses they come from."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.yaml_files import load_policies
from copilot.adapters.yaml_source import yaml_files
from copilot.domain.errors import ConfigurationError
from copilot.domain.policy import Clause, ClauseKey, PolicySet, clauses_of, rules_hash

_SIGNATURE = re.compile(r"\n*^signature:.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def policies_folder(folder: Path) -> tuple[Path, Path]:
    """The folder of rules and that of the documents, given either; documents are beside `policies/`."""
    inner = folder / "policies"
    return (inner, folder) if inner.is_dir() else (folder, folder.resolve().parent)


def read_clauses(folder: Path) -> dict[ClauseKey, Clause]:
    """Every numbered clause of the folder's documents; those that cannot be read have none."""
    found: dict[ClauseKey, Clause] = {}
    for file in FolderSource(folder).read():
        for document in file.documents:
            found |= clauses_of(document)
    return found


def sign_policies(folder: Path, name: str, at: datetime) -> dict[str, str]:
    """Signs every policy file of a knowledge folder; what became of each file, by its name.

    `ConfigurationError`, and nothing signed, while anything is wrong: worked examples and clauses included.
    A file whose signature still fits rules and clauses is left as it is.
    """
    if not name.strip():
        raise ConfigurationError("A signature needs a name.", hint="Say who has checked the rules.")
    rules, documents = policies_folder(folder)
    policies = load_policies(rules, require_signature=False)
    clauses = read_clauses(documents)
    files = list(zip(yaml_files(rules), policies, strict=True))
    texts = [
        signed_text(path.read_text(encoding="utf-8"), policy, clauses, name, at) for path, policy in files
    ]
    said = {}
    for (path, policy), text in zip(files, texts, strict=True):
        if text is None:
            signer = policy.signature.name if policy.signature else ""
            said[path.name] = f"signed by {signer} already"
        else:
            path.write_text(text, encoding="utf-8")
            said[path.name] = f"signed by {name}"
    return said


def signed_text(
    text: str, policy: PolicySet, clauses: Mapping[ClauseKey, Clause], name: str, at: datetime
) -> str | None:
    """The file's text with the signature under it; None where the one it has fits rules and clauses.

    `policy` is what `text` says. `ConfigurationError` when a rule names a clause that is not among `clauses`.
    """
    hashes = _clause_hashes(policy, clauses)
    digest = rules_hash(policy.rules, hashes)
    if policy.signature is not None and policy.signature.sha256 == digest:
        return None
    lines = [
        "signature:",
        f"  name: {json.dumps(name, ensure_ascii=False)}",
        f'  at: "{at.replace(microsecond=0).isoformat()}"',
        f"  sha256: {digest}",
        "  clauses:",
        *(f"    {rule}: {clause}" for rule, clause in hashes.items()),
    ]
    return "\n".join([_SIGNATURE.sub("\n", text).rstrip("\n"), "", *lines, ""])


def _clause_hashes(policy: PolicySet, clauses: Mapping[ClauseKey, Clause]) -> dict[str, str]:
    missing = [
        f"rule {rule.id}: there is no clause {rule.clause.clause} in {rule.clause.document} "
        f"version {rule.clause.version}"
        for rule in policy.rules
        if rule.clause.key not in clauses
    ]
    if missing:
        raise ConfigurationError("\n  ".join(["nothing was signed:", *missing]), where=policy.policy)
    return {rule.id: clauses[rule.clause.key].sha256 for rule in policy.rules}
