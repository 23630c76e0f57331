"""Prepares a tenant's playbooks for the live path: classifiers are trained once, at ingest."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from copilot.assist.classifier import dump_weights, load_weights
from copilot.assist.text_features import text_features
from copilot.domain.errors import ConfigurationError
from copilot.domain.playbook import Playbook
from copilot.ports import ClassifierTrainer, ClassifierWeights, Embedder, KnowledgeStore

PLAYBOOKS = "playbooks"
INTENT_CLASSIFIER = "intent-classifier"
SENTIMENT_CLASSIFIER = "sentiment-classifier"
_SENTIMENT_LINES = Path(__file__).parent / "data" / "sentiment.yaml"
# Raise when the training itself changes, so that stored classifiers are trained anew.
_TRAINING_VERSION = "5"


class LivePathTrainer:
    """Trains what a tenant's live path needs, unless it is there for the same examples and model."""

    def __init__(self, trainer: ClassifierTrainer, embedder: Embedder, store: KnowledgeStore) -> None:
        self._trainer = trainer
        self._embedder = embedder
        self._store = store

    async def prepare(self, tenant_id: str, playbooks: Sequence[Playbook]) -> dict[str, ClassifierWeights]:
        """Stores playbooks and both classifiers; returns them by name, with their measured accuracy."""
        _require_distinct(playbooks)
        content = dump_playbooks(playbooks)
        await self._store.put_artifact(tenant_id, PLAYBOOKS, _sha256(content), content)
        examples = [(example, p.intent) for p in playbooks for example in p.examples]
        return {
            INTENT_CLASSIFIER: await self._ensure(tenant_id, INTENT_CLASSIFIER, examples),
            SENTIMENT_CLASSIFIER: await self._ensure(tenant_id, SENTIMENT_CLASSIFIER, sentiment_examples()),
        }

    async def _ensure(
        self, tenant_id: str, name: str, examples: Sequence[tuple[str, str]]
    ) -> ClassifierWeights:
        key = _sha256(json.dumps([_TRAINING_VERSION, self._embedder.model_id, list(examples)]).encode())
        stored = await self._store.get_artifact(tenant_id, name)
        if stored is not None and stored[0] == key:
            return load_weights(stored[1])
        texts = [text for text, _ in examples]
        vectors = await self._embedder.embed_passages(texts)
        features = [text_features(text, vector) for text, vector in zip(texts, vectors, strict=True)]
        labels = [label for _, label in examples]
        # In a thread: a server may be at work meanwhile.
        weights = await asyncio.to_thread(self._trainer.train, features, labels)
        await self._store.put_artifact(tenant_id, name, key, dump_weights(weights))
        return weights


@lru_cache(maxsize=1)
def sentiment_examples() -> tuple[tuple[str, str], ...]:
    """(line, label), written for this product."""
    lines: Mapping[str, list[str]] = yaml.safe_load(_SENTIMENT_LINES.read_text(encoding="utf-8"))
    return tuple((str(line), label) for label, group in lines.items() for line in group)


def dump_playbooks(playbooks: Sequence[Playbook]) -> bytes:
    return json.dumps(
        [p.model_dump(mode="json", by_alias=True, exclude_unset=True) for p in playbooks]
    ).encode()


def load_playbooks(content: bytes) -> tuple[Playbook, ...]:
    try:
        return tuple(Playbook.model_validate(p) for p in json.loads(content))
    except ValueError as error:
        raise ConfigurationError(
            "The stored playbooks cannot be read.", hint="Run `copilot ingest` again."
        ) from error


def _require_distinct(playbooks: Sequence[Playbook]) -> None:
    seen: set[str] = set()
    for playbook in playbooks:
        if playbook.intent in seen:
            raise ConfigurationError(
                f"Two playbooks have the intent {playbook.intent!r}.", hint="Rename one of them."
            )
        seen.add(playbook.intent)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
