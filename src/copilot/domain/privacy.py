"""Personal data in a text, and what is left of it after an erasure."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import Field

from copilot.domain.value import Value


class PersonalData(NamedTuple):
    """Characters `start`..`end` of the text are personal data of `kind`: CARD, NAME, PL_PESEL …"""

    kind: str
    start: int
    end: int


class OpenEntry(Value):
    """An old entry of the ledger that holds, in `fields`, what people wrote: the chain cannot lose it."""

    entry: int
    kind: str
    fields: tuple[str, ...]


class ErasureProof(Value):
    """What an erasure did and what a search found afterwards; it names nobody.

    `left` counts rows and files in which something still stands that should not; `kept` says why tables that
    were left alone hold an id or a word. `refused` are conversations with an action under way.
    """

    tenant: str
    conversations: int
    sha256_of_their_ids: str
    at: datetime
    dry_run: bool = False
    removed: dict[str, int] = Field(default_factory=dict)
    refused: dict[str, str] = Field(default_factory=dict)
    left: dict[str, int] = Field(default_factory=dict)
    kept: dict[str, str] = Field(default_factory=dict)
    ledger_still_holds: tuple[OpenEntry, ...] = ()
    free_pages_overwritten: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, or to explain."""
        return not (self.refused or self.left or self.ledger_still_holds)


class RetentionKind(StrEnum):
    """What becomes old; what has no age of its own goes with its conversation."""

    CONVERSATIONS = "conversations"
    """Wrapped up and left alone since: all of it."""
    ABANDONED = "abandoned"
    """Never wrapped up, and nothing has happened since: all of it."""
    EVENTS = "events"
    """What was shown in a wrapped-up conversation, but for its end; turns and summary stay."""
    FEEDBACK_TEXTS = "feedback_texts"
    """What representatives wrote instead of a draft, and why; their verdicts stay."""
    GAPS = "gaps"
    """Questions that nothing answered."""
    VERIFICATION_ATTEMPTS = "verification_attempts"


WHOLE_CONVERSATIONS = (RetentionKind.CONVERSATIONS, RetentionKind.ABANDONED)


class RetentionReport(Value):
    """What a run removed, or with `dry_run` would: by kind, conversations or rows. `refused` had an action
    under way; without `finished` another server took over.
    """

    tenant: str
    at: datetime
    days: dict[RetentionKind, int]
    removed: dict[RetentionKind, int]
    refused: int = 0
    dry_run: bool = False
    finished: bool = True


class PrivacyKind(StrEnum):
    """What may be asked for on a customer's behalf; as it stands in addresses."""

    ERASURES = "erasures"
    EXPORTS = "exports"


class PrivacyStatus(StrEnum):
    """`proposed → approved → running → done | incomplete`, or `rejected`, or `expired`."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    RUNNING = "running"
    DONE = "done"
    INCOMPLETE = "incomplete"
    """Erased as far as it could be: the proof says what is left."""
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self not in (PrivacyStatus.PROPOSED, PrivacyStatus.APPROVED, PrivacyStatus.RUNNING)


class PrivacyRequest(Value):
    """An erasure or export that one person proposes and another approves.

    Once it is over `customer_id`, `said` and `conversation_ids` are forgotten: what stays names no customer.
    An approved export is `done` and may be read until `expires_at`; it is put together anew each time.
    """

    id: str
    tenant_id: str
    kind: PrivacyKind
    status: PrivacyStatus = PrivacyStatus.PROPOSED
    customer_id: str = ""
    said: tuple[str, ...] = ()
    conversations: int = Field(default=0, ge=0)
    """How many were found when it was proposed."""
    conversation_ids: tuple[str, ...] = ()
    """What an erasure that has begun is about, so that it can be gone on with after a crash."""
    proposed_by: str
    proposed_by_name: str
    proposed_at: datetime
    expires_at: datetime
    """Of a proposal, when it can be approved no longer."""
    decided_by: str | None = None
    decided_by_name: str | None = None
    decided_at: datetime | None = None
    proof: ErasureProof | None = None

    def without_customer(self) -> Self:
        return self.model_copy(update={"customer_id": "", "said": (), "conversation_ids": ()})


def hash_of_ids(ids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def spellings(word: str) -> set[str]:
    """The word in the cases in which it may be kept, and as JSON escapes it."""
    cases = {word, word.lower(), word.upper(), word.title()}
    return cases | {json.dumps(case)[1:-1] for case in cases}
