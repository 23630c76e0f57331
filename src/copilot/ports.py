"""What the core needs from the outside, as protocols; adapters implement them, `adapters/fakes` fakes them.

Every method is async unless it is pure and quick. Every row and every query carries the tenant.
Adapters raise `CopilotError`s only: vendor errors are translated once, where they occur.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from copilot.domain.access import ApiKey, Principal
from copilot.domain.actions import Action, ActionStatus, Allowance, LedgerEntry, LedgerHead, LedgerRecord
from copilot.domain.asking import LoopAnswer, LoopPrompt, ToolReply, ToolSpec
from copilot.domain.assist import AnswerFeedback, AssistEvent, ConversationSnapshot, EventData, Suggestion
from copilot.domain.assist import Drafter as DrafterKind
from copilot.domain.commerce import Customer, Money, Order, Product, Refund
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.drafting import DraftPiece, DraftRequest
from copilot.domain.knowledge import KnowledgeDocument, KnowledgeGap, ParsedDocument, Passage, SourceFile
from copilot.domain.snapshot import EventMarks
from copilot.domain.verification import VerificationAttempt
from copilot.domain.wrap_up import Summary, WrapUp

Vector = NDArray[np.float32]
"""Shape (dimensions,), unit length."""
Vectors = NDArray[np.float32]
"""Shape (n, dimensions), rows of unit length."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """A new id such as `conv_0193…`: prefix, underscore, UUIDv7 in hex."""


# ---------------------------------------------------------------- models


class Embedder(Protocol):
    @property
    def model_id(self) -> str:
        """Changes whenever the vectors would."""

    @property
    def dimensions(self) -> int: ...

    async def embed_query(self, text: str) -> Vector: ...

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Rows in the order of `texts`; `on_progress` gets the number of texts done so far."""


class TokenCounter(Protocol):
    def count(self, text: str) -> int: ...


class ChatModel(Protocol):
    """Any OpenAI-compatible chat endpoint. Raises `DependencyUnavailable` when it fails or is too slow."""

    @property
    def model_id(self) -> str: ...

    def stream(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        json_schema: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str]:
        """Text as it arrives; with `json_schema`, the text is one JSON object of that schema."""


@dataclass(frozen=True, slots=True)
class ClassifierWeights:
    """A trained linear classifier over unit vectors: all that inference needs, and how good it was.

    `weights` is (labels, dimensions), `bias` (labels,), `centroids` (labels, dimensions) of unit length.
    Logits are divided by `temperature` before the softmax. A text is in scope while
    `scope_weights · (top probability, centroid cosine, logit energy, 1)` is at least 0. `accuracy` and
    `scope_auroc` were measured by cross-validation.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    centroids: NDArray[np.float32]
    temperature: float
    scope_weights: tuple[float, float, float, float]
    accuracy: float
    calibration_error: float
    scope_auroc: float | None


class ClassifierTrainer(Protocol):
    def train(self, vectors: Vectors, labels: Sequence[str]) -> ClassifierWeights:
        """CPU-bound, deterministic. `InvalidInput` with fewer than two labels or three examples of one."""


class Drafter(Protocol):
    """Writes a reply to the last turn of a conversation, sentence by sentence."""

    @property
    def kind(self) -> DrafterKind: ...

    def draft(self, request: DraftRequest) -> AsyncGenerator[DraftPiece]:
        """Nothing at all when there is nothing worth saying.

        Raises `DependencyUnavailable` when its model fails, `InvalidDraft` when its answer is unusable.
        """


class AskTools(Protocol):
    """What a model may do for one question, on behalf of one person in one conversation.

    Reads run, everything else is only proposed. No argument says who the customer is.
    """

    def specs(self) -> Sequence[ToolSpec]: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolReply:
        """What is wrong with a call is a reply that is not `ok`; it never raises for what a model did."""


class AskLoop(Protocol):
    """A model that calls tools until it can answer, within bounds.

    Raises `DependencyUnavailable` when the model fails and `InvalidDraft` when it says nothing of use.
    """

    async def run(self, prompt: LoopPrompt, tools: AskTools) -> LoopAnswer: ...


class RemoteTools(Protocol):
    """Tools of somebody else's server."""

    @property
    def name(self) -> str: ...

    async def list_tools(self) -> list[ToolSpec]:
        """With the effect that our settings declare, never the server's word. `DependencyUnavailable`."""

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, key: str | None = None
    ) -> dict[str, Any]:
        """The tool's answer, bounded. `key` is sent along as idempotency key.

        `ToolFailed` when the tool says so, `DependencyUnavailable` when the call surely did not reach it,
        `OutcomeUnknown` when it may have.
        """


# ---------------------------------------------------------------- knowledge


class DocumentLoader(Protocol):
    """Parses one kind of file. Raises `UnreadableDocument`, naming what is wrong."""

    suffixes: frozenset[str]

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        """One or more documents (a CSV of questions is one per row group). Pure: no I/O.

        `metadata` comes from beside the file and wins over what the file says of itself.
        """


class DocumentSource(Protocol):
    """Where documents come from together, such as a folder: what is gone from it goes from the knowledge."""

    prefix: str
    """The `source` of each of its documents starts with this, and of no other source's."""

    def files(self) -> int:
        """How many `read` will yield, for progress."""

    def read(self) -> Iterator[SourceFile]:
        """Every file, parsed or refused; one bad file never hides another. Blocking."""


class PassageIndex(Protocol):
    """Nearest neighbours by cosine; derived from the store, may be dropped and rebuilt."""

    async def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None: ...

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None: ...

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine), best first."""

    async def count(self, tenant_id: str) -> int: ...

    async def ids(self, tenant_id: str) -> set[str]:
        """Of all passages in the index, to compare with the store's."""

    async def drop(self, tenant_id: str) -> None: ...


class KnowledgeStore(Protocol):
    """The truth about documents, passages and their vectors, with full-text search beside them."""

    async def content_hashes(self, tenant_id: str) -> dict[tuple[str, str], str]:
        """(external id, version) → content hash, of every document."""

    async def sources(self, tenant_id: str) -> dict[tuple[str, str], str]:
        """(external id, version) → source, of every document."""

    async def tenants(self) -> list[str]:
        """Every tenant that has a document."""

    async def put_document(
        self, document: KnowledgeDocument, passages: Sequence[Passage], vectors: Vectors, model_id: str
    ) -> list[str]:
        """Replaces that version whole, in one transaction; returns ids of passages that are gone.

        `vectors` has a row for each passage; a quarantined document has none, and is not searchable.
        """

    async def delete_document(
        self, tenant_id: str, external_id: str, version: str | None = None
    ) -> list[str]:
        """Deletes one version, or all; returns the ids of their passages. `NotFound` when there is none."""

    async def get_document(
        self, tenant_id: str, external_id: str, version: str | None = None
    ) -> KnowledgeDocument:
        """That version, or the newest. `NotFound` when there is none."""

    async def list_documents(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[KnowledgeDocument]:
        """By id, for cursor paging."""

    async def passages_of(self, document_id: str) -> list[Passage]: ...

    async def fetch(
        self, tenant_id: str, passage_ids: Sequence[str]
    ) -> dict[str, tuple[Passage, KnowledgeDocument]]:
        """Only passages of this tenant and of documents that are not quarantined."""

    async def match(self, tenant_id: str, text: str, limit: int) -> list[tuple[str, float]]:
        """BM25 over stemmed words: (passage id, score, higher is better), best first.

        `text` is untrusted: every character is data, none is query syntax.
        """

    async def cached_vectors(self, content_hashes: Sequence[str], model_id: str) -> dict[str, Vector]:
        """Vectors already computed for a passage of the same content."""

    def all_vectors(self, tenant_id: str, model_id: str) -> AsyncIterator[tuple[list[str], Vectors]]:
        """In batches, for rebuilding the index."""

    async def passage_ids(self, tenant_id: str) -> set[str]:
        """Of all searchable passages: those the index must hold."""

    async def passages_without_vector(self, tenant_id: str, model_id: str) -> list[Passage]:
        """Searchable passages this model has not embedded, e.g. after the model was changed."""

    async def put_vectors(self, content_hashes: Sequence[str], vectors: Vectors, model_id: str) -> None: ...

    async def passage_count(self, tenant_id: str) -> int:
        """Of searchable passages."""

    async def put_artifact(self, tenant_id: str, name: str, key: str, content: bytes) -> None:
        """A trained classifier or a compiled playbook set; `key` says from what it was made."""

    async def get_artifact(self, tenant_id: str, name: str) -> tuple[str, bytes] | None:
        """(key, content)."""

    async def record_gap(self, gap: KnowledgeGap) -> None: ...

    async def list_gaps(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[KnowledgeGap]: ...


# ---------------------------------------------------------------- conversations


class ConversationStore(Protocol):
    """Conversations, turns and what was shown at each revision."""

    async def create(self, conversation: Conversation) -> None: ...

    async def get(self, tenant_id: str, conversation_id: str) -> Conversation:
        """With all its turns. `NotFound` for another tenant's."""

    async def list_open(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Conversation]:
        """Newest first, without their turns; `after` is the id of the last one already seen."""

    async def append_turn(
        self, tenant_id: str, conversation_id: str, *, turn_id: str, speaker: Speaker, text: str, at: datetime
    ) -> Conversation:
        """Adds the turn and one to the revision, in one transaction. `ConversationClosed` after wrap-up."""

    async def set_customer(
        self, tenant_id: str, conversation_id: str, customer_id: str, at: datetime
    ) -> Conversation:
        """Binds the verified customer and adds one to the revision."""

    async def save_revision(
        self, snapshot: ConversationSnapshot, events: Sequence[AssistEvent], *, tenant_id: str
    ) -> bool:
        """What was shown for this revision; False, saving nothing, when a newer revision was saved before."""

    async def close(self, tenant_id: str, wrap_up: WrapUp) -> Conversation:
        """`ConversationClosed` when it is closed already."""

    async def snapshot(self, tenant_id: str, conversation_id: str) -> ConversationSnapshot:
        """What was last saved, with the conversation as it is now."""

    async def events_after(
        self, tenant_id: str, conversation_id: str, event_id: int, *, limit: int = 500
    ) -> list[AssistEvent]:
        """Saved events with a greater id, oldest first, at most `limit`."""

    async def event_marks(self, tenant_id: str, conversation_id: str) -> EventMarks:
        """How far the ids of the conversation's events are reserved, and how far they are saved."""

    async def reserve_event_ids(self, conversation_id: str, count: int) -> int:
        """The first of `count` ids that nobody else will ever use in this conversation."""

    async def get_suggestion(self, tenant_id: str, suggestion_id: str) -> Suggestion: ...

    async def add_feedback(self, feedback: AnswerFeedback) -> None:
        """The last word of a principal on a suggestion counts."""

    async def last_summary(self, tenant_id: str, conversation_id: str) -> Summary | None: ...


class EventBus(Protocol):
    """Live events of a conversation. A subscriber that falls too far behind is cut off and reconnects."""

    async def advance(self, conversation: Conversation) -> None:
        """The conversation's state after a turn, a change of customer or its end.

        From now on snapshots speak of it, and events of an older revision are dropped.
        """

    async def publish(
        self, tenant_id: str, conversation_id: str, revision: int, data: EventData
    ) -> AssistEvent | None:
        """Gives the event its id and sends it. None, sending nothing, when `revision` is stale."""

    async def save(self, tenant_id: str, conversation_id: str) -> None:
        """Keeps in the store what has been shown so far; once per revision, and after an action's update."""

    def subscribe(
        self, tenant_id: str, conversation_id: str, after: int | None
    ) -> AsyncGenerator[AssistEvent]:
        """A snapshot first (or, with `after`, what was missed since), then events as they happen.

        It ends when the subscriber is too slow. Close it (`aclosing`) when done.
        """


# ---------------------------------------------------------------- tools


class OrderSystem(Protocol):
    """A shop's orders. `key` is an idempotency key: the same key never does anything twice.

    Raises `NotFound`, `ToolFailed` (the shop refuses, with its reason), `DependencyUnavailable` (surely not
    done) or `OutcomeUnknown` (ask `refunds` what happened).
    """

    async def find_customer_by_email(self, email: str) -> Customer: ...

    async def find_customer_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> Customer: ...

    async def get_customer(self, customer_id: str) -> Customer: ...

    async def get_order(self, order_id: str) -> Order: ...

    async def get_product(self, product_id: str) -> Product: ...

    async def list_products(self) -> list[Product]: ...

    async def cancel_order(self, order_id: str, reason: str, *, key: str) -> Order: ...

    async def return_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str, *, key: str
    ) -> Order: ...

    async def exchange_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order: ...

    async def modify_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
        *,
        key: str,
    ) -> Order: ...

    async def modify_order_address(self, order_id: str, address: Mapping[str, str], *, key: str) -> Order: ...

    async def modify_order_payment(self, order_id: str, payment_method_id: str, *, key: str) -> Order: ...

    async def modify_customer_address(
        self, customer_id: str, address: Mapping[str, str], *, key: str
    ) -> Customer: ...

    async def refund(self, order_id: str, amount: Money, reason: str, *, key: str) -> Refund: ...

    async def refunds(self, order_id: str) -> list[Refund]:
        """For reconciling an unknown outcome by its key."""


class ActionStore(Protocol):
    """Proposals, approvals, executions. Every change of status is a compare-and-set.

    A change and its ledger record are one durable transaction: there is never one without the other.
    """

    async def add(self, action: Action, record: LedgerRecord) -> None:
        """`Conflict` when an open action of the same fingerprint exists."""

    async def get(self, tenant_id: str, action_id: str) -> Action: ...

    async def list_for(self, tenant_id: str, conversation_id: str) -> list[Action]:
        """Oldest first."""

    async def list_waiting(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Action]:
        """Proposed or awaiting a second approval, oldest first."""

    async def replace(
        self,
        action: Action,
        record: LedgerRecord,
        *,
        expected: ActionStatus,
        reserve: Sequence[Allowance] = (),
    ) -> None:
        """Stores `action` if its status is still `expected`, else `ActionNotOpen`.

        `reserve` is counted in the same transaction, all of it, or `LimitReached` and nothing changes. What
        an action has reserved is given back when it is stored as failed after it began.
        """

    async def supersede(
        self,
        old: Action,
        edited: LedgerRecord,
        new: Action,
        proposed: LedgerRecord,
        *,
        expected: ActionStatus,
    ) -> None:
        """`replace` of `old` and `add` of `new` in one transaction: both happen, or neither."""

    async def unfinished(self) -> list[Action]:
        """Approved or executing, of every tenant: what a restart has to drive on."""

    async def overdue(self, now: datetime) -> list[Action]:
        """Waiting for people although they have expired, of every tenant."""

    async def unresolved(self) -> list[Action]:
        """Those whose outcome is not known and which are not parked, of every tenant."""

    async def in_flight(self, tenant_id: str, customer_id: str) -> list[Action]:
        """Approved, executing or unresolved: money that may move and may not show in the order system yet."""


class LedgerStore(Protocol):
    """Append-only; one chain per tenant."""

    async def append(self, tenant_id: str, record: LedgerRecord) -> LedgerEntry: ...

    def entries(self, tenant_id: str) -> AsyncIterator[LedgerEntry]:
        """In the order of the chain. `LedgerUnreadable` at a row that is not as it was written."""

    async def head(self, tenant_id: str) -> LedgerHead | None:
        """The last link, kept apart from the chain; None when nothing was ever written."""


class VerificationAttempts(Protocol):
    """Attempts to prove who a customer is, by what is watched; see `domain/verification`."""

    async def begin(self, attempt: VerificationAttempt) -> str | None:
        """Counts the attempt as failed, durably, before anything is looked up; None then.

        Where something watched has failed as often as it may, its subject instead: the attempt is kept,
        and counts for nothing. Counting and deciding are one step, also in a race.
        """

    async def forgive(self, tenant_id: str, attempt_id: str) -> None:
        """It did not fail after all."""

    async def has_failed(self, tenant_id: str, conversation_id: str, subject: str) -> bool:
        """Whether a counted attempt in the conversation named the subject."""

    async def subjects(self, tenant_id: str, conversation_id: str) -> frozenset[str]:
        """All that attempts in the conversation named, counted or not."""

    async def clear(self, tenant_id: str, subjects: Collection[str]) -> None:
        """Forgets every attempt that named one of them, as far as that subject goes."""


class IdempotencyStore(Protocol):
    """Answers remembered by `Idempotency-Key`."""

    async def begin(
        self, tenant_id: str, key: str, fingerprint: str, at: datetime
    ) -> tuple[int, bytes] | None:
        """The earlier answer (status, body), or None when this request is the first and now holds the key.

        `IdempotencyKeyReused` when the key came with another request, `Conflict` while the first still runs.
        """

    async def finish(self, tenant_id: str, key: str, status: int, body: bytes) -> None: ...

    async def abandon(self, tenant_id: str, key: str) -> None:
        """The request failed without effect: the key is free again."""


# ---------------------------------------------------------------- access


class ApiKeyStore(Protocol):
    """API keys; only their hashes are kept, so a key is shown once, when it is made."""

    async def create(self, principal: Principal) -> str:
        """A new key `cop_<prefix>_<secret>` that speaks for `principal`."""

    async def principal_of(self, key: str) -> Principal:
        """`NotAuthenticated` for anything that is not a key in force."""

    async def list_keys(self, tenant_id: str) -> list[ApiKey]:
        """Oldest first, revoked ones too."""

    async def revoke(self, tenant_id: str, prefix: str) -> None:
        """`NotFound` when the tenant has no such key; revoking twice is no error."""
