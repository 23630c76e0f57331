"""Documents that are handed in, one or many, as the API does it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Protocol

from copilot.domain.errors import UnreadableDocument
from copilot.domain.ingest import IngestReport
from copilot.domain.knowledge import KnowledgeDocument, ParsedDocument, Passage, Refusal, SourceFile
from copilot.domain.value import Value
from copilot.ports import DocumentSource, KnowledgeStore
from copilot.retrieval.ingest import Ingestor, Outcome
from copilot.retrieval.planning import Planner

_UPLOADED = "upload/"


class ReadFile(Protocol):
    """Makes documents of one file's bytes, and of the files in it; refuses one by one."""

    def __call__(
        self, path: str, content: bytes, *, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Iterator[SourceFile]: ...


class Written(Value):
    """A document that somebody wrote in Markdown; `metadata` holds fields of ParsedDocument."""

    external_id: str
    title: str
    text: str
    metadata: dict[str, Any]
    place: str
    """Where it stood in what was sent ("line 7"), for a refusal."""


class PlannedDocument(Value):
    """A document as an upload would store it, with its passages as the index would see them."""

    external_id: str
    version: str
    title: str
    outcome: Outcome
    passages: tuple[Passage, ...]


class UploadPlan(Value):
    """What an upload would do."""

    report: IngestReport
    documents: tuple[PlannedDocument, ...]


class Library:
    """Makes documents part of a tenant's knowledge, and takes them out."""

    def __init__(
        self, ingestor: Ingestor, store: KnowledgeStore, planner: Planner, read_file: ReadFile
    ) -> None:
        self._ingestor = ingestor
        self._store = store
        self._planner = planner
        self._read_file = read_file

    async def add_file(self, tenant_id: str, file_name: str, content: bytes) -> Sequence[KnowledgeDocument]:
        """The documents of one uploaded file, whole or not at all. `UnreadableDocument` says why not."""
        parsed: list[ParsedDocument] = []
        for file in self.files([(file_name, content)]).read():
            _raise_refusal(file)
            parsed += file.documents
        return [await self._put(tenant_id, document) for document in parsed]

    async def add_files(self, tenant_id: str, files: Sequence[tuple[str, bytes]]) -> IngestReport:
        """Many files, each with its own fate. Nothing else is removed."""
        return await self._ingestor.ingest(tenant_id, self.files(files))

    async def plan_files(self, tenant_id: str, files: Sequence[tuple[str, bytes]]) -> UploadPlan:
        """What `add_files` would do, and the passages that it would store."""
        return await self._plan(tenant_id, self.files(files))

    async def put_many(
        self, tenant_id: str, documents: Sequence[Written], refused: Sequence[Refusal]
    ) -> IngestReport:
        """Documents written in Markdown; `refused` are those that could not even be read."""
        return await self._ingestor.ingest(tenant_id, self._written(documents, refused))

    async def plan_many(
        self, tenant_id: str, documents: Sequence[Written], refused: Sequence[Refusal]
    ) -> UploadPlan:
        """What `put_many` would do."""
        return await self._plan(tenant_id, self._written(documents, refused))

    async def put_markdown(
        self, tenant_id: str, external_id: str, title: str, text: str, metadata: Mapping[str, Any]
    ) -> KnowledgeDocument:
        """One document from Markdown; `metadata` holds fields of ParsedDocument."""
        written = Written(
            external_id=external_id, title=title, text=text, metadata=dict(metadata), place=external_id
        )
        (file,) = self._written([written], ()).read()
        _raise_refusal(file)
        return await self._put(tenant_id, file.documents[0])

    async def remove(self, tenant_id: str, external_id: str, version: str | None) -> None:
        """`NotFound` when there is no such document."""
        await self._ingestor.delete(tenant_id, external_id, version)

    async def passages(self, tenant_id: str, external_id: str, version: str | None) -> Sequence[Passage]:
        """Of that version or the newest, in reading order, as the index sees them."""
        document = await self._store.get_document(tenant_id, external_id, version)
        return await self._store.passages_of(document.id)

    def files(self, files: Sequence[tuple[str, bytes]]) -> DocumentSource:
        """Uploaded files as a source."""

        def read() -> Iterator[SourceFile]:
            for file_name, content in files:
                name = PurePath(file_name.replace("\\", "/")).name
                yield from self._read_file(name, content, source=_UPLOADED + name)

        return _HandedIn(read, len(files))

    def _written(self, documents: Sequence[Written], refused: Sequence[Refusal]) -> DocumentSource:
        def read() -> Iterator[SourceFile]:
            for refusal in refused:
                yield SourceFile(source=refusal.source, refusal=refusal)
            for written in documents:
                known = {"id": written.external_id, "title": written.title, **written.metadata}
                source = _UPLOADED + written.external_id
                path = f"{written.external_id}.md"
                for file in self._read_file(path, written.text.encode(), source=source, metadata=known):
                    if file.refusal is None:
                        yield file
                    else:
                        named = file.refusal.model_copy(update={"source": written.place})
                        yield SourceFile(source=written.place, refusal=named)

        return _HandedIn(read, len(documents) + len(refused))

    async def _plan(self, tenant_id: str, source: DocumentSource) -> UploadPlan:
        planned: list[PlannedDocument] = []

        def keep(document: KnowledgeDocument, outcome: Outcome, passages: Sequence[Passage]) -> None:
            planned.append(
                PlannedDocument(
                    external_id=document.external_id,
                    version=document.version,
                    title=document.title,
                    outcome=outcome,
                    passages=tuple(passages),
                )
            )

        report = await self._planner.plan(tenant_id, source, on_document=keep)
        return UploadPlan(report=report, documents=tuple(planned))

    async def _put(self, tenant_id: str, parsed: ParsedDocument) -> KnowledgeDocument:
        await self._ingestor.put(tenant_id, parsed)
        return await self._store.get_document(tenant_id, parsed.external_id, parsed.version)


class _HandedIn:
    """The DocumentSource port over what somebody sent: it owns nothing, so nothing goes when it is gone."""

    name = "upload"
    complete = True

    def __init__(self, read: "_Read", count: int) -> None:
        self._read = read
        self._count = count

    def files(self) -> int:
        return self._count

    def read(self) -> Iterator[SourceFile]:
        return self._read()

    def owns(self, _external_id: str, _version: str, _source: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing to release."""


class _Read(Protocol):
    def __call__(self) -> Iterator[SourceFile]: ...


def _raise_refusal(file: SourceFile) -> None:
    if file.refusal is not None:
        where = file.source.removeprefix(_UPLOADED)
        raise UnreadableDocument(file.refusal.reason, hint=file.refusal.hint, where=where)
