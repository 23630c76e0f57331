"""A tenant's documents as people look through them: what is known of each, without its text."""

from datetime import date
from enum import StrEnum

from copilot.domain.knowledge import Audience
from copilot.domain.value import Value


class ShelfState(StrEnum):
    """What a document version is today, for searches."""

    SEARCHABLE = "searchable"
    """In force, not superseded, not kept out."""
    KEPT_OUT = "kept_out"
    NOT_IN_FORCE = "not_in_force"
    """Not yet, not any more, or superseded."""


class ShelfFilter(Value):
    """Which documents to list; `text` is looked for in title, id and source."""

    text: str = ""
    audience: Audience | None = None
    state: ShelfState | None = None
    product: str | None = None
    source: str | None = None
    """The first part of a document's source: the name of the folder, site or feed it came from."""


class ShelfEntry(Value):
    """One version of one document; `passages` counts those that are cut from it."""

    id: str
    external_id: str
    version: str
    title: str
    source: str
    audience: Audience
    locale: str
    product: str | None
    owner: str | None
    review_on: date | None
    valid_from: date | None
    valid_to: date | None
    superseded_by: str | None
    quarantined: str | None
    passages: int

    def state(self, day: date) -> ShelfState:
        if self.quarantined is not None:
            return ShelfState.KEPT_OUT
        begun = self.valid_from is None or self.valid_from <= day
        over = self.valid_to is not None and self.valid_to < day
        return (
            ShelfState.SEARCHABLE
            if begun and not over and not self.superseded_by
            else ShelfState.NOT_IN_FORCE
        )

    @property
    def place(self) -> str:
        """Where a listing goes on after it."""
        return f"{self.external_id}\n{self.version}"
