"""What looks for names before anything leaves for a language model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from copilot.adapters.personal_data.finder import NameFinder, installed
from copilot.config import Settings


@asynccontextmanager
async def name_finder(settings: Settings) -> AsyncIterator[NameFinder | None]:
    """None where it is set off; unset, without a model to hide names from or without the extra."""
    if not (settings.mask_names or (settings.mask_names is None and settings.llm_base_url and installed())):
        yield None
        return
    finder = NameFinder()
    try:
        await finder.load()
        yield finder
    finally:
        await finder.close()
