"""What is learned from finished conversations, and the tenant's own templates."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from copilot.adapters import freed_memory
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.assist.case_templates import (
    CASE_NOTE,
    CASE_TEMPLATES,
    HAND_OVER,
    CaseTemplates,
    check_template,
    dump_case_templates,
)
from copilot.assist.flow.learning import StepLearner
from copilot.assist.flow.reading import EpisodeReader
from copilot.assist.flow.training import StepTrainer
from copilot.domain.errors import ConfigurationError
from copilot.ports import Embedder

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 600.0


def step_learner(store: SqlKnowledgeStore, embedder: Embedder) -> StepLearner:
    """Over the conversations in the same database."""
    return StepLearner(
        SqlConversationStore(store.database),
        SqlActionStore(store.database),
        store,
        EpisodeReader(embedder),
        StepTrainer(embedder),
    )


async def keep_learning(
    learner: StepLearner, tenant: str, on_learned: Callable[[str], None], pause: float = _PAUSE_SECONDS
) -> None:
    """For as long as the server runs; what fails is logged, and tried again after the next pause."""
    while True:
        await asyncio.sleep(pause)
        try:
            if (await learner.learn(tenant, patiently=True)).changed:
                on_learned(tenant)
                # Hundreds of conversations were read for it, all at once.
                await asyncio.to_thread(freed_memory.give_back)
        except Exception:  # noqa: BLE001 - the live path goes on with what it knows
            _log.exception("next steps could not be learned")


def read_case_templates(folder: Path) -> CaseTemplates:
    """`case_note.j2` and `hand_over.j2`, where they are. `ConfigurationError` names file and line."""
    return CaseTemplates(_read(folder, CASE_NOTE), _read(folder, HAND_OVER))


async def save_case_templates(store: SqlKnowledgeStore, tenant: str, templates: CaseTemplates) -> None:
    content = dump_case_templates(templates)
    await store.put_artifact(tenant, CASE_TEMPLATES, hashlib.sha256(content).hexdigest(), content)


def _read(folder: Path, name: str) -> str | None:
    path = folder / f"{name}.j2"
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The template cannot be read: {error}.", where=str(path)) from error
    check_template(name, text, str(path))
    return text
