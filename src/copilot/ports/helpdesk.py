"""Helpdesks of others: what they tell us, and what we write into them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from copilot.domain.helpdesk import Delivery, HelpdeskMessage, Note, QueueState, WriteBack


class Helpdesk(Protocol):
    """One account of one helpdesk."""

    @property
    def name(self) -> str:
        """What the operator called it; external ids begin with it."""

    @property
    def tenant_id(self) -> str: ...

    @property
    def title(self) -> str:
        """For people: who brought a turn."""

    @property
    def write_back(self) -> WriteBack: ...

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """`NotAuthenticated` unless the helpdesk signed exactly this body, and not long ago."""

    def read(self, body: bytes) -> HelpdeskMessage | None:
        """The message a webhook tells of; None for all that is no message between customer and staff.

        `InvalidInput` for what is not of the published form.
        """

    async def earlier(self, external_id: str) -> Sequence[HelpdeskMessage]:
        """What customer and staff said of late, oldest first, named as by webhooks; none without a key."""

    async def add_note(self, external_id: str, text: str) -> None:
        """Writes a private note. `RateLimited`, `DependencyUnavailable`, `OutcomeUnknown`, `NotFound`,
        `ToolFailed`, `ConfigurationError`.
        """

    async def has_note(self, external_id: str, mark: str) -> bool:
        """Whether a note with `mark` in its text stands there already."""


class HelpdeskStore(Protocol):
    """What was taken in and what is to be written; outlives the process."""

    async def conversation_of(self, tenant_id: str, external_id: str) -> str | None: ...

    async def link(
        self, tenant_id: str, external_id: str, conversation_id: str, at: datetime, *, instead_of: str | None
    ) -> str:
        """The conversation in force: ours, or the one that somebody else linked first.

        `instead_of` is the conversation that it takes the place of.
        """

    async def take_in(self, delivery: Delivery) -> bool:
        """Keeps it, durably. False, keeping nothing, when the event was taken in before."""

    async def last_position(self, tenant_id: str, external_id: str) -> float | None:
        """Of the conversation's messages that became turns; None when none has yet."""

    async def save_delivery(self, delivery: Delivery) -> None: ...

    async def open_deliveries(self) -> Sequence[Delivery]:
        """Received or turned, by conversation in the order of their positions."""

    async def settle(self, delivery: Delivery, note: Note | None) -> None:
        """Saves the delivery and the note it led to in one go; one note for each turn, the first one."""

    async def save_note(self, note: Note) -> None: ...

    async def due_notes(self, now: datetime) -> Sequence[Note]:
        """Waiting or begun, oldest first."""

    async def state(self, tenant_id: str, integration: str) -> QueueState:
        """Of the last thirty days."""

    async def notes(self, tenant_id: str, external_id: str) -> Sequence[Note]:
        """Every one of a conversation, oldest first."""
