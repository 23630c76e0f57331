"""The product's own ingest and search over a data set's documents, in a folder of its own.

Documents stay taken in from one run to the next while they and the code that takes them in are the same; the
ingest looks at them anyway, and embeds nothing twice.
"""

import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from copilot.adapters.loaders.folder import FolderSource
from copilot.bootstrap import KnowledgeBase, ingest, open_knowledge, open_state
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError
from copilot.evaluation.fingerprint import INGEST, data_digest, digest_of, source_digest
from copilot.ports import DocumentSource
from copilot.retrieval.ingest import IngestProgress, IngestReport

_log = logging.getLogger(__name__)
CACHE = "evaluations"
"""The folder within the data folder where evaluations keep what they may need again."""


def settings_for(system: dict[str, Any], **more: object) -> Settings:
    """The environment's settings, with a suite's on top."""
    return Settings(**{**system, **more})


@asynccontextmanager
async def open_workbench(
    settings: Settings, source: DocumentSource | Path, digest: str
) -> AsyncIterator[tuple[KnowledgeBase, IngestReport, Settings]]:
    """Search over `source`, whose content `digest` names, or over a knowledge folder with its playbooks.

    The settings are those of its own folder. Beside another run over it, that is a new one.
    """
    # With playbooks, classifiers are trained too, and any code may decide what becomes of them.
    code = source_digest() if isinstance(source, Path) else source_digest(INGEST)
    key = digest_of(digest, code, settings.embedding_model)
    folder = settings.data_dir / CACHE / "knowledge" / key[:16]
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(_opened(settings, folder, source))
        except ConfigurationError as error:
            if "in use by process" not in error.message:
                raise
            _log.info("another run uses %s", folder)
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="copilot-eval-"))
            opened = await stack.enter_async_context(_opened(settings, Path(place), source))
        yield opened


@asynccontextmanager
async def _opened(
    settings: Settings, folder: Path, source: DocumentSource | Path
) -> AsyncIterator[tuple[KnowledgeBase, IngestReport, Settings]]:
    own = settings.model_copy(update={"data_dir": folder})
    async with open_state(own) as state, open_knowledge(own, state.database) as knowledge:
        if isinstance(source, Path):
            report = await ingest(own, knowledge, source, _unheard)
        else:
            report = await knowledge.ingestor.ingest(own.tenant, source)
        yield knowledge, report, own


def knowledge_source(settings: Settings) -> tuple[Path, str]:
    """The company's own knowledge folder, and its digest. `NotFound` when there is none."""
    FolderSource(settings.knowledge_dir)
    return settings.knowledge_dir, data_digest(settings.knowledge_dir)


_unheard: Callable[[IngestProgress], None] = lambda _: None  # noqa: E731
