"""Finding personal data in what people write."""

from collections.abc import Sequence
from typing import Protocol

from copilot.domain.privacy import PersonalData


class PersonalDataFinder(Protocol):
    async def find(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        """What is personal in each text, in order of its place; pieces may overlap.

        Raises `DependencyUnavailable` when it cannot look: then nothing may leave for a model.
        """
