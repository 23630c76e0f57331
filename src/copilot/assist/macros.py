"""Saved replies: found by meaning and by words, and filled like templates."""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from copilot.assist.words import overlap
from copilot.domain.conditions import FactValue
from copilot.domain.errors import ConfigurationError, InvalidInput, NotFound
from copilot.domain.macro import FilledMacro, FoundMacro, Macro
from copilot.ports import Embedder, KnowledgeStore, Vectors
from copilot.prompts import render_text
from copilot.tools.facts import nested

MACROS = "macros"
_WORDS_SHARE = 0.25
_LEAST_SCORE = 0.3
_TENANTS = 64
_PART = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)
_FACT = re.compile(r"\b(?:conversation|customer|entity|order|item|policy)\.[a-z_]+\b|\btoday\b")


class SavedReplies:
    """Searches a tenant's saved replies; their vectors are computed once for each content."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[tuple[str, ...], Vectors] = OrderedDict()

    async def search(self, macros: Sequence[Macro], query: str, limit: int = 5) -> list[FoundMacro]:
        """Those that fit the query, best first; all of them, by title, when it is empty."""
        if not query.strip():
            listed = sorted(macros, key=lambda m: m.title)[:limit]
            return [FoundMacro(macro=m, score=0.0) for m in listed]
        if not macros:
            return []
        lines = [(macro, line) for macro in macros for line in (macro.title, *macro.examples)]
        cosines = await self._embedded([line for _, line in lines]) @ await self._embedder.embed_query(query)
        best: dict[str, FoundMacro] = {}
        for (macro, line), cosine in zip(lines, cosines, strict=True):
            shared = overlap(query, line)
            score = (1 - _WORDS_SHARE) * max(0.0, float(cosine)) + _WORDS_SHARE * shared
            if macro.id not in best or score > best[macro.id].score:
                best[macro.id] = FoundMacro(macro=macro, score=round(min(1.0, score), 4))
        ranked = sorted(best.values(), key=lambda f: (-f.score, f.macro.id))
        return [f for f in ranked if f.score >= _LEAST_SCORE][:limit]

    async def _embedded(self, lines: list[str]) -> Vectors:
        key = tuple(lines)
        if key not in self._vectors:
            self._vectors[key] = np.asarray(await self._embedder.embed_passages(lines))
            while len(self._vectors) > _TENANTS:
                self._vectors.popitem(last=False)
        return self._vectors[key]


def fill(macro: Macro, facts: Mapping[str, FactValue], sources: Mapping[str, tuple[str, ...]]) -> FilledMacro:
    """`InvalidInput` that names every fact that is missing: a gap in a reply would be sent to a customer."""
    missing = missing_facts(macro, facts)
    if missing:
        raise InvalidInput(
            f"The saved reply {macro.id!r} needs what is not known here: {', '.join(missing)}.",
            where="macro",
            hint="Verify the customer or look the order up first, or choose another one.",
        )
    lines = render_text(macro.text, nested(facts)).splitlines()
    groups = {name.split(".")[0] for name in facts_in(macro.text)}
    calls = dict.fromkeys(call for group in sorted(groups) for call in sources.get(group, ()))
    return FilledMacro(
        macro_id=macro.id,
        title=macro.title,
        text=" ".join(line.strip() for line in lines if line.strip()),
        sources=tuple(calls),
    )


def missing_facts(macro: Macro, facts: Mapping[str, FactValue]) -> list[str]:
    """The facts that the saved reply speaks of and nobody knows."""
    return [name for name in facts_in(macro.text) if name not in facts]


def facts_in(template: str) -> list[str]:
    parts = " ".join(_PART.findall(template))
    return list(dict.fromkeys(match[0] for match in _FACT.finditer(parts)))


def macro_of(macros: Mapping[str, Macro], macro_id: str) -> Macro:
    if macro_id not in macros:
        raise NotFound(f"there is no saved reply {macro_id!r}", hint="List them with GET /v1/macros.")
    return macros[macro_id]


async def save_macros(store: KnowledgeStore, tenant_id: str, macros: Sequence[Macro]) -> None:
    """Replaces the tenant's saved replies."""
    dumped = [m.model_dump(mode="json", by_alias=True, exclude_unset=True) for m in macros]
    content = json.dumps(dumped).encode()
    await store.put_artifact(tenant_id, MACROS, hashlib.sha256(content).hexdigest(), content)


def load_macros(content: bytes) -> tuple[Macro, ...]:
    try:
        return tuple(Macro.model_validate(m) for m in json.loads(content))
    except ValueError as error:
        raise ConfigurationError(
            "The stored saved replies cannot be read.", hint="Run `copilot ingest` again."
        ) from error
