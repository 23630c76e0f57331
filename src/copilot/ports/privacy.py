"""Finding personal data in what people write, and taking what is kept of a customer out of every store."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from copilot.domain.privacy import (
    OpenEntry,
    PersonalData,
    PrivacyKind,
    PrivacyRequest,
    PrivacyStatus,
    RetentionKind,
)


class PersonalDataFinder(Protocol):
    async def find(self, texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        """What is personal in each text, in order of its place; pieces may overlap.

        Raises `DependencyUnavailable` when it cannot look: then nothing may leave for a model.
        """


class PersonalRecords(Protocol):
    """What the database keeps of customers' conversations."""

    @property
    def kept(self) -> Mapping[str, str]:
        """Tables that an erasure leaves alone, and why."""

    async def conversations_of(
        self, tenant_id: str, customer_id: str, words: Sequence[str] = ()
    ) -> list[str]:
        """Ids of those with that verified customer, an action for them, or one of `words` in a turn."""

    async def export(self, tenant_id: str, conversation_id: str) -> dict[str, list[dict[str, object]]]:
        """Every row of the conversation, by table."""

    async def erase(self, tenant_id: str, conversation_id: str) -> Counter[str]:
        """Rows removed, by table, in one transaction. `Conflict` while an action of it is under way."""

    async def open_entries(self, tenant_id: str, conversation_ids: Sequence[str]) -> list[OpenEntry]:
        """Old entries of the ledger about these conversations that hold text; to be asked before they go."""

    async def traces(self, tenant_id: str, words: Sequence[str]) -> Counter[str]:
        """Rows in whose texts one of `words` still stands, by table; slow, since it reads everything."""


class PersonalCopies(Protocol):
    """What is kept of a conversation outside the database's rows: live events, files."""

    async def forget(self, tenant_id: str, conversation_id: str) -> Counter[str]:
        """How many things went, by place."""

    async def overwrite(self) -> bool:
        """Whether what was deleted is not even in the database's free pages any more."""

    async def holding(self, words: Sequence[str]) -> Counter[str]:
        """Files in which one of `words` stands, and how many of the words."""


class AgedRecords(Protocol):
    """What has become old, by kind."""

    async def old_conversations(
        self, tenant_id: str, kind: RetentionKind, before: datetime, *, after: str = "", limit: int = 100
    ) -> list[str]:
        """Ids of CONVERSATIONS or ABANDONED that nothing has happened in since, in the ids' order."""

    async def count(self, tenant_id: str, kind: RetentionKind, before: datetime) -> int: ...

    async def remove(self, tenant_id: str, kind: RetentionKind, before: datetime) -> int:
        """A batch of any other kind, in one transaction; 0: there is no more."""


class Leases(Protocol):
    """Work that one server at a time does, whoever it is."""

    async def take(self, tenant_id: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Whether `holder` has it until then: it was free, or over, or the holder's already."""


class PrivacyRequests(Protocol):
    """Erasures and exports that were asked for."""

    async def add(self, request: PrivacyRequest) -> None: ...

    async def get(self, tenant_id: str, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        """`NotFound` when there is none of that kind."""

    async def list(
        self, tenant_id: str, kind: PrivacyKind | None = None, *, after: str | None = None, limit: int = 50
    ) -> Sequence[PrivacyRequest]:
        """Newest first."""

    async def replace(self, request: PrivacyRequest, *, expected: PrivacyStatus) -> None:
        """`Conflict` when its status is not `expected` any more."""

    async def pending(self) -> Sequence[PrivacyRequest]:
        """Of every tenant: those that name a customer still."""
