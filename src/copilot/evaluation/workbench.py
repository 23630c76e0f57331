"""The product's own ingest and search over a data set's documents, in a folder of its own.

Documents stay ingested from one run to the next while they and the product's code are the same; the ingest
looks at them anyway, and embeds nothing twice.
"""

import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from copilot.bootstrap import KnowledgeBase, open_knowledge, open_state
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError
from copilot.evaluation.fingerprint import digest_of, source_digest
from copilot.ports import DocumentSource
from copilot.retrieval.ingest import IngestReport

_log = logging.getLogger(__name__)
CACHE = "evaluations"
"""The folder within the data folder where evaluations keep what they may need again."""


def settings_for(system: dict[str, Any], **more: object) -> Settings:
    """The environment's settings, with a suite's on top."""
    return Settings(**{**system, **more})


@asynccontextmanager
async def open_workbench(
    settings: Settings, source: DocumentSource, digest: str
) -> AsyncIterator[tuple[KnowledgeBase, IngestReport]]:
    """Search over `source`, whose content `digest` names. Beside another run over it: in a new folder."""
    key = digest_of(digest, source_digest(), settings.embedding_model)
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
    settings: Settings, folder: Path, source: DocumentSource
) -> AsyncIterator[tuple[KnowledgeBase, IngestReport]]:
    own = settings.model_copy(update={"data_dir": folder})
    async with open_state(own) as state, open_knowledge(own, state.database) as knowledge:
        yield knowledge, await knowledge.ingestor.ingest(own.tenant, source)
