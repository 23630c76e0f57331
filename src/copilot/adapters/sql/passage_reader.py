"""What a search reads of passages, documents and vectors: few visits to the database, and none twice."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from copilot.adapters.lru_cache import LruCache
from copilot.adapters.sql.kept_passages import KeptPassages
from copilot.adapters.sql.passage_rows import PassageRows
from copilot.adapters.sql.read_ahead import ReadAhead
from copilot.domain.knowledge import DocumentFacts, KnowledgeDocument, Passage, PassageFacts
from copilot.ports import LookedUp, Vector, Vectors

_DOCUMENTS = 10_000
_DOCUMENT_CHARACTERS = 32_000_000
_FACTS = 50_000
_PASSAGES = 20_000


class PassageReader:
    """What it remembers is remembered by content, so it never goes stale. What is searchable is asked each
    time, or after each write where `kept` hears of them all.
    """

    def __init__(
        self, rows: PassageRows, kept: KeptPassages | None = None, ahead: ReadAhead | None = None
    ) -> None:
        self._rows = rows
        self._kept = kept
        self._ahead = ahead
        self._facts: LruCache[tuple[str, str], DocumentFacts] = LruCache(_FACTS)
        self._documents: LruCache[tuple[str, str], KnowledgeDocument] = LruCache(
            _DOCUMENTS, weigh=lambda document: len(document.text), heaviest=_DOCUMENT_CHARACTERS
        )
        self._passages: LruCache[tuple[str, str], Passage] = LruCache(_PASSAGES)
        self._vectors: LruCache[tuple[str, str], Vector] = LruCache(_PASSAGES)

    def forget(self, tenant_id: str) -> None:
        """What was searchable."""
        if self._kept is not None:
            self._kept.forget(tenant_id)

    def forget_vectors(self) -> None:
        """Of what was deleted nothing stays behind."""
        self._vectors.clear()

    async def close(self) -> None:
        """Ends what it reads in the background."""
        if self._ahead is not None:
            await self._ahead.close()

    async def look_up(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> LookedUp:
        if self._kept is None:
            return await self._read(tenant_id, passage_ids, embedded, model_id)
        facts, vectors = self._kept.facts(tenant_id), self._kept.vectors(tenant_id)
        known = [facts[name] for name in passage_ids if name in facts]
        means = {name: vectors[model_id, name] for name in embedded if (model_id, name) in vectors}
        if len(known) < len(passage_ids) or len(means) < len(embedded):
            generation = self._kept.generation(tenant_id)
            new = [name for name in passage_ids if name not in facts]
            unread = [name for name in embedded if name not in means]
            read, meant = await self._read_and_keep(self._kept, tenant_id, new, unread, model_id)
            if self._kept.generation(tenant_id) != generation:
                return await self._read(tenant_id, passage_ids, embedded, model_id)
            if self._ahead is not None:
                self._ahead.note(tenant_id, partial(self._read_missing, self._kept, tenant_id, model_id))
            known += read
            means |= meant
        return LookedUp(known, list(means), _stacked(list(means.values())))

    async def _read_missing(
        self, kept: KeptPassages, tenant_id: str, model_id: str, passage_ids: Sequence[str]
    ) -> None:
        facts, vectors = kept.facts(tenant_id), kept.vectors(tenant_id)
        new = [name for name in passage_ids if name not in facts]
        unread = [name for name in passage_ids if (model_id, name) not in vectors]
        await self._read_and_keep(kept, tenant_id, new, unread, model_id)

    async def _read_and_keep(
        self,
        kept: KeptPassages,
        tenant_id: str,
        passage_ids: Sequence[str],
        embedded: Sequence[str],
        model_id: str,
    ) -> tuple[Sequence[PassageFacts], Mapping[str, Vector]]:
        generation = kept.generation(tenant_id)
        read = await self._read(tenant_id, passage_ids, embedded, model_id)
        # A copy of each, because a view would keep all that were read with it.
        vectors = dict(zip(read.embedded, map(np.array, read.vectors), strict=True))
        kept.keep(tenant_id, generation, model_id, read.passages, vectors)
        return read.passages, vectors

    async def _read(
        self, tenant_id: str, passage_ids: Sequence[str], embedded: Sequence[str], model_id: str
    ) -> LookedUp:
        rows, (names, vectors) = await self._rows.facts_and_vectors(
            tenant_id, passage_ids, embedded, model_id
        )
        known = {key: self._facts.get(key) for key in {(row[1], row[2]) for row in rows}}
        if new := [identity for (identity, _), facts in known.items() if facts is None]:
            for facts in await self._rows.document_facts(new):
                known[facts.id, facts.content_hash] = facts
                self._facts.put((facts.id, facts.content_hash), facts)
        passages = []
        for identity, document_id, document_hash, content_hash, context, text in rows:
            of = known.get((document_id, document_hash))
            if of is not None:  # not replaced in this moment
                passages.append(PassageFacts(identity, of, content_hash, context, text))
        return LookedUp(passages, names, vectors)

    async def fetch(self, facts: Sequence[PassageFacts]) -> dict[str, tuple[Passage, KnowledgeDocument]]:
        keys = {one.id: (one.document.id, one.document.content_hash) for one in facts}
        of_document = {key: self._documents.get(key) for key in keys.values()}
        of_passage = {name: self._passages.get((name, key[1])) for name, key in keys.items()}
        no_document = [identity for (identity, _), document in of_document.items() if document is None]
        no_passage = [name for name, passage in of_passage.items() if passage is None]
        if no_document or no_passage:
            documents_read, passages_read = await self._rows.documents_and_passages(no_document, no_passage)
            for document in documents_read:
                of_document[document.id, document.content_hash] = document
                self._documents.put((document.id, document.content_hash), document)
            for passage, content_hash in passages_read:
                if keys[passage.id][1] == content_hash:
                    of_passage[passage.id] = passage
                    self._passages.put((passage.id, content_hash), passage)
        found = {}
        for name, key in keys.items():
            whole, of = of_passage[name], of_document[key]
            if whole is not None and of is not None:  # not replaced in this moment
                found[name] = (whole, of)
        return found

    async def cached_vectors(self, content_hashes: Sequence[str], model_id: str) -> dict[str, Vector]:
        known = {key: self._vectors.get((key, model_id)) for key in content_hashes}
        found = {key: vector for key, vector in known.items() if vector is not None}
        missing = [key for key in known if key not in found]
        if not missing:
            return found
        names, vectors = await self._rows.vectors(missing, model_id, by="content_hash")
        for name, vector in zip(names, vectors, strict=True):
            # A copy, because a view would keep all that were read with it.
            found[name] = np.array(vector)
            self._vectors.put((name, model_id), found[name])
        return found

    async def vectors_of(self, passage_ids: Sequence[str], model_id: str) -> tuple[list[str], Vectors]:
        return await self._rows.vectors(passage_ids, model_id, by="id")


def _stacked(vectors: Sequence[Vector]) -> Vectors:
    # As `np.stack`, which takes several times as long for as few.
    return np.concatenate(vectors).reshape(len(vectors), -1) if vectors else np.empty((0, 0), np.float32)
