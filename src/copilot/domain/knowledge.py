"""Documents, the passages cut from them, and citations that point back at exact characters."""

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from copilot.domain.value import Value

INSIDE = "!/"
"""Between an archive or e-mail and a file in it, in a `source`: "kb/all.zip!/returns.md"."""


class Audience(StrEnum):
    PUBLIC = "public"
    INTERNAL = "internal"
    """For representatives; may inform a reply, never be quoted to a customer."""


class BlockKind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"


class Block(Value):
    """A structural unit of a document: characters `start` to `end` (exclusive) of its text."""

    kind: BlockKind
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    heading_path: tuple[str, ...] = ()
    clause: str | None = None
    """The number of the policy clause the block belongs to, e.g. "3.2"."""
    page: int | None = None


class ParsedDocument(Value):
    """What a loader makes of one file or upload, before it has an identity in a tenant's knowledge."""

    external_id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    version: str = "1"
    audience: Audience = Audience.PUBLIC
    locale: str = "en"
    product: str | None = None
    kind: str = "article"
    tags: tuple[str, ...] = ()
    owner: str | None = None
    review_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    """The last day the version was in force; None means still in force."""
    superseded_by: str | None = None
    source: str = ""
    links: tuple[str, ...] = ()
    """Relative addresses that it links to, as written; absolute ones stand in the text."""


class Refusal(Value):
    """A file or document that could not become knowledge, why, and what was expected instead."""

    source: str
    reason: str
    hint: str = ""


class Validators(Value):
    """What a server gave to ask later whether a page has changed; false when it gave nothing."""

    etag: str = ""
    last_modified: str = ""

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


class SourceFile(Value):
    """One file of a source: the documents in it, or why there are none."""

    source: str
    documents: tuple[ParsedDocument, ...] = ()
    refusal: Refusal | None = None
    unchanged: bool = False
    """Known to be as it was, so it was not read again: what it gave before stays."""


class FileStamp(Value):
    """How to see that a file needs no reading: it looks as it did, and what it gave is stored as it was.

    `stamp` is the source's own, such as size and times; `given` is a hash of the documents it gave.
    """

    stamp: str
    given: str


class KnowledgeDocument(ParsedDocument):
    """One version of one document in one tenant's knowledge.

    (`external_id`, `version`) names it; `content_hash` is SHA-256 over everything the loader produced.
    """

    id: str
    tenant_id: str
    content_hash: str
    quarantined: str | None = None
    """Why the document is kept out of search (a suspected injected instruction), or None."""

    def in_force(self, day: date) -> bool:
        return _in_force(self.valid_from, self.valid_to, day)


class DocumentFacts(NamedTuple):
    """Of one version of a document what decides whether a search may find it; a tuple, for many are read."""

    id: str
    content_hash: str
    external_id: str
    version: str
    audience: Audience
    locale: str
    product: str | None
    tags: frozenset[str]
    valid_from: date | None
    valid_to: date | None
    superseded_by: str | None

    def in_force(self, day: date) -> bool:
        return _in_force(self.valid_from, self.valid_to, day)


def _in_force(first: date | None, last: date | None, day: date) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


class Passage(Value):
    """A piece of a document small enough to show and to embed.

    `text` is what is shown: characters `start` to `end` of the document, except that a part of a long table
    repeats the table's header rows. `context` (title and headings) is embedded with it, never shown as quote.
    """

    id: str
    document_id: str
    position: int
    text: str
    context: str
    kind: BlockKind
    heading_path: tuple[str, ...]
    clause: str | None
    page: int | None
    start: int
    end: int
    token_count: int
    content_hash: str


class PassageFacts(NamedTuple):
    """Of a passage what it is ranked by, before any is shown."""

    id: str
    document: DocumentFacts
    content_hash: str
    context: str
    text: str


class ScoreParts(Value):
    """What a passage's score is made of, to show why it was found.

    `cosine` of meaning to the question in its context; `keyword` the share of the question's words it answers
    to, by BM25; `likeness` its cosine to the best passages of the search.
    """

    cosine: float
    keyword: float
    likeness: float


class ScoredPassage(Value):
    """A passage found for a query, with the version of the document it stands in.

    `score` orders the results; `confidence` is the calibrated probability (0..1) that it answers.
    `rank_*` count from 1; None means that side did not find it.
    """

    passage: Passage
    document: KnowledgeDocument
    score: float
    confidence: float = Field(ge=0, le=1)
    rank_keyword: int | None = None
    rank_dense: int | None = None
    parts: ScoreParts | None = None
    conflicts_with: tuple[str, ...] = ()
    """Ids of passages in the same result that state the same clause with another number."""


class Citation(Value):
    """A verbatim quote and where it stands: characters `start` to `end` of that version's text."""

    passage_id: str
    document_id: str
    external_id: str
    title: str
    version: str
    heading_path: tuple[str, ...]
    clause: str | None
    page: int | None
    quote: str
    start: int
    end: int
    audience: Audience
    source: str = ""


class SearchQuery(Value):
    """A question put to one tenant's knowledge."""

    tenant_id: str
    text: str
    history: tuple[str, ...] = ()
    """Earlier turns, oldest first, that a short last turn leans on."""
    as_of: date | None = None
    audiences: frozenset[Audience] = frozenset(Audience)
    locale: str | None = None
    product: str | None = None
    tags: frozenset[str] = frozenset()
    limit: int = Field(default=5, ge=1, le=50)
    rewrite: bool = False
    """Whether to wait for a language model, where there is one, to write the text out of its history."""


class SearchResult(Value):
    """Passages, best first. `answerable` is False when the knowledge base does not hold the answer."""

    passages: tuple[ScoredPassage, ...]
    answerable: bool
    confidence: float = Field(ge=0, le=1)


class KnowledgeGap(Value):
    """A question the knowledge base could not answer."""

    id: str
    tenant_id: str
    question: str
    conversation_id: str | None
    asked_at: datetime
