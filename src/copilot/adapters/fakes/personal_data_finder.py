"""A PersonalDataFinder that knows a few names; for tests."""

import re
from collections.abc import Sequence

from copilot.domain.privacy import PersonalData


class ListedNames:
    """Finds the names that it was made with, at whole words."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def find(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        return [self._found(text) for text in texts]

    def _found(self, text: str) -> list[PersonalData]:
        names = [m.span() for n in self._names for m in re.finditer(rf"(?<!\w){re.escape(n)}(?!\w)", text)]
        return sorted((PersonalData("NAME", *span) for span in names), key=lambda piece: piece.start)
