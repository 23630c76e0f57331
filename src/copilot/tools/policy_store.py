"""A tenant's policy rules between ingest and the engine: kept in SQL, clauses read from the documents."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from copilot.domain.errors import ConfigurationError, NotFound
from copilot.domain.policy import Clause, ClauseKey, PolicySet, clauses_of
from copilot.ports import KnowledgeStore
from copilot.tools.policy import PolicyEngine, RenderText

_ARTIFACT = "policies"
_SETS = TypeAdapter(tuple[PolicySet, ...])


async def save_policies(store: KnowledgeStore, tenant_id: str, policy_sets: Sequence[PolicySet]) -> None:
    content = _SETS.dump_json(tuple(policy_sets), by_alias=True, exclude_unset=True)
    await store.put_artifact(tenant_id, _ARTIFACT, hashlib.sha256(content).hexdigest(), content)


@dataclass
class _Built:
    """An engine, what it was built over, and when somebody last looked whether that still holds."""

    engine: PolicyEngine
    basis: object
    looked: float


class StoredPolicies:
    """Each tenant's rules of the last ingest over the clauses of the moment.

    Built anew whenever rules or documents have changed, by whichever process; `looks_every` is how many
    seconds a turn with several decisions may go on without looking again.
    """

    def __init__(self, store: KnowledgeStore, render: RenderText, *, looks_every: float = 0.5) -> None:
        self._store = store
        self._render = render
        self._looks_every = looks_every
        self._built: dict[str, _Built] = {}

    async def engine(self, tenant_id: str) -> PolicyEngine:
        """With no rules, one that denies everything. `ConfigurationError` when the rules cannot be read."""
        started, built = time.monotonic(), self._built.get(tenant_id)
        if built is not None and started - built.looked < self._looks_every:
            return built.engine
        stored = await self._store.get_artifact(tenant_id, _ARTIFACT)
        versions = await self._store.content_hashes(tenant_id)
        basis = (stored[0] if stored else None, hash(frozenset(versions.items())))
        if built is None or built.basis != basis:
            policy_sets = _read(stored[1]) if stored else ()
            clauses = await known_clauses(self._store, tenant_id, policy_sets)
            built = _Built(PolicyEngine(policy_sets, clauses, self._render), basis, started)
        built.looked = started
        self._built[tenant_id] = built
        return built.engine


async def load_policy(store: KnowledgeStore, tenant_id: str, render: RenderText) -> PolicyEngine:
    """The engine as it is now; with no rules, it denies everything."""
    return await StoredPolicies(store, render).engine(tenant_id)


async def stored_policies(store: KnowledgeStore, tenant_id: str) -> tuple[PolicySet, ...]:
    """The rules of the last ingest, as they were written."""
    stored = await store.get_artifact(tenant_id, _ARTIFACT)
    return _read(stored[1]) if stored else ()


async def known_clauses(
    store: KnowledgeStore, tenant_id: str, policy_sets: Iterable[PolicySet]
) -> dict[ClauseKey, Clause]:
    """Every clause of every document version that a rule names."""
    named = {rule.clause for policy_set in policy_sets for rule in policy_set.rules}
    found: dict[ClauseKey, Clause] = {}
    for document_id, version in {(clause.document, clause.version) for clause in named}:
        try:
            found |= clauses_of(await store.get_document(tenant_id, document_id, version))
        except NotFound:
            continue
    return found


def _read(content: bytes) -> tuple[PolicySet, ...]:
    try:
        return _SETS.validate_json(content)
    except ValidationError as error:
        raise ConfigurationError(
            "The stored policies cannot be read.", hint="Run `copilot ingest` again."
        ) from error
