"""Documents, passages and their index."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol, runtime_checkable

from copilot.domain.care import QuarantineDecision
from copilot.domain.knowledge import (
    FileStamp,
    KnowledgeDocument,
    KnowledgeGap,
    ParsedDocument,
    Passage,
    PassageFacts,
    SearchQuery,
    SourceFile,
    Validators,
)
from copilot.ports.basics import Vector, Vectors


class DocumentLoader(Protocol):
    """Parses one kind of file. Raises `UnreadableDocument`, naming what is wrong."""

    suffixes: frozenset[str]

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        """One or more documents (a CSV of questions is one per row group). Pure: no I/O.

        `metadata` comes from beside the file and wins over what the file says of itself.
        """


@runtime_checkable
class DocumentSource(Protocol):
    """Where documents come from together, such as a folder: what is gone from it goes from the knowledge."""

    name: str
    """For people; no two sources of a tenant share it."""

    @property
    def complete(self) -> bool:
        """After `read`: whether all of it was seen. Nothing is removed after half a reading."""

    def files(self) -> int:
        """How many `read` will yield, for progress; fewer than there are where that is not known yet."""

    def read(self) -> Iterator[SourceFile]:
        """Every file, parsed or refused; one bad file never hides another. Blocking."""

    def owns(self, external_id: str, version: str, source: str) -> bool:
        """Whether a stored document with this `source` came from here, so that it goes with it."""

    def close(self) -> None:
        """Ends `read` soon, from any thread, and lets go of what it holds."""


class RemoteSource(Protocol):
    """Documents behind a network: slow to read, and sometimes only half there."""

    name: str

    @property
    def complete(self) -> bool:
        """After `read`: whether all of it was seen."""

    def files(self) -> int:
        """How many `read` will yield, as far as is known."""

    def read(self) -> Iterator[SourceFile]:
        """Every article or page, parsed or refused. Blocking."""

    def close(self) -> None:
        """Ends `read` soon, from any thread."""


@runtime_checkable
class ConditionalSource(Protocol):
    """A remote source that can ask whether a page has changed."""

    validators: dict[str, Validators]
    """By `source`, of the pages that were read."""

    def remember(self, known: Mapping[str, Validators]) -> None:
        """What an earlier reading left in `validators`."""


@runtime_checkable
class StampedSource(DocumentSource, Protocol):
    """A source that sees from outside whether a file is as it was, without reading it."""

    def recall(self, stamps: Mapping[str, str]) -> None:
        """Before `read`: by source, the stamp that each file had. One that still has it comes `unchanged`."""

    def stamp(self, source: str) -> str | None:
        """Of a file that `read` has yielded; None when a later change could go unseen."""


class PassageIndex(Protocol):
    """Nearest neighbours by cosine; derived from the store, may be dropped and rebuilt."""

    async def upsert(self, tenant_id: str, passage_ids: Sequence[str], vectors: Vectors) -> None: ...

    async def delete(self, tenant_id: str, passage_ids: Sequence[str]) -> None: ...

    async def nearest(self, tenant_id: str, vector: Vector, limit: int) -> list[tuple[str, float]]:
        """(passage id, cosine), best first."""

    async def settle(self, tenant_id: str) -> None:
        """After much was written: makes what keeps searches quick, for minutes, while searches go on."""

    async def count(self, tenant_id: str) -> int: ...

    async def ids(self, tenant_id: str) -> set[str]:
        """Of all passages in the index, to compare with the store's."""

    async def drop(self, tenant_id: str) -> None: ...


class LookedUp(NamedTuple):
    """Passages, and a vector (a row of `vectors`) for each of `embedded`, in no order."""

    passages: Sequence[PassageFacts]
    embedded: Sequence[str]
    vectors: Vectors


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

    async def put_documents(
        self, entries: Sequence[tuple[KnowledgeDocument, Sequence[Passage], Vectors]], model_id: str
    ) -> list[str]:
        """`put_document` for several in one transaction; none of them twice."""

    async def quarantines(self, tenant_id: str) -> dict[tuple[str, str], str]:
        """(external id, version) → why, of the quarantined documents."""

    async def quarantine_decisions(self, tenant_id: str) -> dict[tuple[str, str], QuarantineDecision]:
        """(external id, version) → a person's last word on it, whether the document is there or not."""

    async def put_quarantine_decision(
        self, tenant_id: str, external_id: str, version: str, decision: QuarantineDecision
    ) -> None: ...

    async def file_stamps(self, tenant_id: str) -> dict[str, FileStamp]:
        """By source: what each file looked like when it was read last."""

    async def put_file_stamps(self, tenant_id: str, stamps: Mapping[str, FileStamp | None]) -> None:
        """None forgets a file."""

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

    def all_passages(self, tenant_id: str) -> AsyncIterator[list[Passage]]:
        """In batches, those of quarantined documents too, in no order."""

    async def look_up(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> LookedUp:
        """What search ranks by, of passages of this tenant and of documents that are not quarantined.

        Of `embedded`, which are some of them, vectors too.
        """

    async def fetch(
        self, tenant_id: str, facts: Sequence[PassageFacts]
    ) -> dict[str, tuple[Passage, KnowledgeDocument]]:
        """By id, the passages looked up, whole; without those whose document was replaced since."""

    async def match(
        self, tenant_id: str, text: str, limit: int, *, among: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """BM25 over stemmed words: (passage id, score, higher is better), best first.

        `text` is untrusted: every character is data, none is query syntax. `among` names the only passages
        wanted; None means all.
        """

    async def passages_within(self, query: SearchQuery, day: date, limit: int) -> list[str]:
        """Ids of at most `limit` passages that the query's filters leave on that day, in no order."""

    async def cached_vectors(self, content_hashes: Sequence[str], model_id: str) -> dict[str, Vector]:
        """Vectors already computed for a passage of the same content."""

    async def vectors_of(self, passage_ids: Sequence[str], model_id: str) -> tuple[list[str], Vectors]:
        """Those of the passages that have one, and a row for each."""

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
