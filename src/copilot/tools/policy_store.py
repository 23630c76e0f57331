"""A tenant's policy rules between ingest and the engine: kept in SQL, clauses quoted from the documents."""

import hashlib
from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter, ValidationError

from copilot.domain.actions import ClauseReference
from copilot.domain.errors import ConfigurationError, NotFound
from copilot.domain.policy import PolicySet
from copilot.ports import KnowledgeStore
from copilot.tools.policy import ClauseKey, PolicyEngine, RenderText

_ARTIFACT = "policies"
_SETS = TypeAdapter(tuple[PolicySet, ...])


async def save_policies(store: KnowledgeStore, tenant_id: str, policy_sets: Sequence[PolicySet]) -> None:
    content = _SETS.dump_json(tuple(policy_sets), by_alias=True, exclude_unset=True)
    await store.put_artifact(tenant_id, _ARTIFACT, hashlib.sha256(content).hexdigest(), content)


async def load_policy(store: KnowledgeStore, tenant_id: str, render: RenderText) -> PolicyEngine:
    """The engine over the rules of the last ingest; with none, it denies everything."""
    stored = await store.get_artifact(tenant_id, _ARTIFACT)
    try:
        policy_sets = _SETS.validate_json(stored[1]) if stored else ()
    except ValidationError as error:
        raise ConfigurationError(
            "The stored policies cannot be read.", hint="Run `copilot ingest` again."
        ) from error
    return PolicyEngine(policy_sets, await quote_clauses(store, tenant_id, policy_sets), render)


async def quote_clauses(
    store: KnowledgeStore, tenant_id: str, policy_sets: Iterable[PolicySet]
) -> dict[ClauseKey, ClauseReference]:
    """Title and text of every clause that a rule names and a document has."""
    named = {rule.clause for policy_set in policy_sets for rule in policy_set.rules}
    found: dict[ClauseKey, ClauseReference] = {}
    for document_id, version in {(clause.document, clause.version) for clause in named}:
        try:
            document = await store.get_document(tenant_id, document_id, version)
        except NotFound:
            continue
        for passage in await store.passages_of(document.id):
            if passage.clause is not None:
                key = (document_id, version, passage.clause)
                found.setdefault(
                    key,
                    ClauseReference(
                        document=document_id,
                        version=version,
                        clause=passage.clause,
                        title=document.title,
                        quote=passage.text,
                    ),
                )
    return found
