"""All of a tenant's knowledge in memory, as the checks look at it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from copilot.domain.care import Place
from copilot.domain.knowledge import KnowledgeDocument, Passage
from copilot.ports import KnowledgeStore
from copilot.retrieval.filters import newest_versions

_PAGE = 500


@dataclass(frozen=True)
class Corpus:
    """Documents and passages by id, quarantined ones too, on one day."""

    tenant_id: str
    today: date
    documents: Mapping[str, KnowledgeDocument]
    passages: Mapping[str, Passage]

    @cached_property
    def current(self) -> frozenset[str]:
        """Ids of the documents that a question asked today may be answered from."""
        usable = [
            document
            for document in self.documents.values()
            if document.quarantined is None and document.in_force(self.today) and not document.superseded_by
        ]
        return frozenset(newest_versions(usable))

    @cached_property
    def by_name(self) -> Mapping[str, list[KnowledgeDocument]]:
        """Versions by external id."""
        found: defaultdict[str, list[KnowledgeDocument]] = defaultdict(list)
        for document in self.documents.values():
            found[document.external_id].append(document)
        return found

    @cached_property
    def cut(self) -> Mapping[str, list[Passage]]:
        """Passages by document id, in reading order."""
        found: defaultdict[str, list[Passage]] = defaultdict(list)
        for passage in self.passages.values():
            found[passage.document_id].append(passage)
        for own in found.values():
            own.sort(key=lambda passage: passage.position)
        return found

    def current_documents(self) -> Iterator[KnowledgeDocument]:
        return (document for document in self.documents.values() if document.id in self.current)

    def document_of(self, passage: Passage) -> KnowledgeDocument:
        return self.documents[passage.document_id]

    def place(self, passage: Passage, text: str = "") -> Place:
        """Of a passage; `text` is the part of it that matters, all of it where that is empty."""
        return place_of(self.document_of(passage), passage, text or passage.text)


def place_of(document: KnowledgeDocument, passage: Passage | None = None, text: str = "") -> Place:
    return Place(
        external_id=document.external_id,
        version=document.version,
        title=document.title,
        source=document.source,
        heading_path=passage.heading_path if passage else (),
        passage_id=passage.id if passage else None,
        text=text,
    )


async def load_corpus(store: KnowledgeStore, tenant_id: str, today: date) -> Corpus:
    documents: dict[str, KnowledgeDocument] = {}
    after: str | None = None
    while page := await store.list_documents(tenant_id, after=after, limit=_PAGE):
        documents |= {document.id: document for document in page}
        after = page[-1].id
    passages = {
        passage.id: passage
        async for batch in store.all_passages(tenant_id)
        for passage in batch
        if passage.document_id in documents  # else it came while we read
    }
    return Corpus(tenant_id, today, documents, passages)
