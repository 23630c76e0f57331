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
    hashes = [_clause_hashes(policy, clauses) for policy in policies]
    return {
        path.name: _sign(path, policy, own, name, at)
        for path, policy, own in zip(yaml_files(rules), policies, hashes, strict=True)
    }


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


def _sign(path: Path, policy: PolicySet, clauses: Mapping[str, str], name: str, at: datetime) -> str:
    digest = rules_hash(policy.rules, clauses)
    if policy.signature is not None and policy.signature.sha256 == digest:
        return f"signed by {policy.signature.name} already"
    text = _SIGNATURE.sub("\n", path.read_text(encoding="utf-8")).rstrip("\n")
    lines = [
        "signature:",
        f"  name: {json.dumps(name, ensure_ascii=False)}",
        f'  at: "{at.replace(microsecond=0).isoformat()}"',
        f"  sha256: {digest}",
        "  clauses:",
        *(f"    {rule}: {clause}" for rule, clause in clauses.items()),
    ]
    path.write_text("\n".join([text, "", *lines, ""]), encoding="utf-8")
    return f"signed by {name}"
