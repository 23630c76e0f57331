"""Data sets in BEIR's shape: corpus.jsonl, queries.jsonl (which may carry `history`), qrels.tsv."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import AliasChoices, Field

from copilot.adapters.loaders import loader_for
from copilot.domain.errors import CopilotError, InvalidInput
from copilot.domain.knowledge import Refusal, SourceFile
from copilot.evaluation.kinds.rows import DataRow, Row, read_rows, without_repeated

_COLUMNS = 3


class CorpusRow(DataRow):
    id: str = Field(validation_alias=AliasChoices("_id", "id"), alias="_id", min_length=1)
    title: str = ""
    text: str


class Said(DataRow):
    """An earlier turn: of the customer (`user`, `customer`) or of whoever answered."""

    role: str
    text: str


class QueryRow(DataRow):
    id: str = Field(validation_alias=AliasChoices("_id", "id"), alias="_id", min_length=1)
    text: str
    history: tuple[Said | str, ...] = ()

    @property
    def earlier(self) -> tuple[str, ...]:
        """What was said before, oldest first."""
        return tuple(turn if isinstance(turn, str) else turn.text for turn in self.history)


class Corpus:
    """Documents as a source for the product's own ingest; `digest` changes whenever one of them does."""

    name = "corpus"
    complete = True

    def __init__(self, rows: Sequence[CorpusRow], digest: str) -> None:
        self.rows = rows
        self.digest = digest

    def files(self) -> int:
        return len(self.rows)

    def read(self) -> Iterator[SourceFile]:
        """A passage without a title stays without; one that cannot be parsed is refused."""
        loader = loader_for(".md")
        if loader is None:
            raise LookupError(".md")
        for row in self.rows:
            source = f"{self.name}/{row.id}"
            try:
                documents = loader.load(row.text.encode(), external_id=row.id, source=source)
            except CopilotError as error:
                yield SourceFile(
                    source=source, refusal=Refusal(source=source, reason=error.message, hint=error.hint)
                )
                continue
            titled = [document.model_copy(update={"title": row.title}) for document in documents]
            yield SourceFile(source=source, documents=tuple(titled))

    def owns(self, _external_id: str, _version: str, source: str) -> bool:
        return source.startswith(f"{self.name}/")

    def close(self) -> None:
        """Nothing to release."""


def read_corpus(folder: Path) -> tuple[Corpus, list[Refusal]]:
    """`InvalidInput` when there is no corpus.jsonl, or no row of it can be read."""
    path = folder / "corpus.jsonl"
    rows, refused = read_rows(path, CorpusRow)
    rows, repeated = without_repeated(rows, [row.value.id for row in rows])
    refused += repeated
    if not rows:
        raise InvalidInput("no document can be read.", where=str(path), hint="Expected a BEIR corpus.")
    digest = hashlib.sha256("".join(row.digest for row in rows).encode()).hexdigest()
    return Corpus([row.value for row in rows], digest), refused


def read_queries(folder: Path) -> tuple[list[Row[QueryRow]], list[Refusal]]:
    rows, refused = read_rows(folder / "queries.jsonl", QueryRow)
    kept, repeated = without_repeated(rows, [row.value.id for row in rows])
    return kept, refused + repeated


def read_grades(
    folder: Path, queries: set[str], documents: set[str]
) -> tuple[Mapping[str, Mapping[str, int]], list[Refusal]]:
    """Of qrels.tsv: query → document → grade above 0; lines that name nothing we know are refused."""
    path = folder / "qrels.tsv"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"cannot read it: {error}.", where=str(path), hint="Expected query-id, corpus-id, score."
        ) from error
    grades: dict[str, dict[str, int]] = {}
    refused: list[Refusal] = []
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if not line.strip() or (number == 1 and cells[-1].strip() == "score"):
            continue
        problem = _problem(cells, queries, documents)
        if problem:
            refused.append(Refusal(source=f"{path}:{number}", reason=problem))
        elif int(cells[2]) > 0:
            grades.setdefault(cells[0], {})[cells[1]] = int(cells[2])
    return grades, refused


def _problem(cells: Sequence[str], queries: set[str], documents: set[str]) -> str:
    if len(cells) != _COLUMNS:
        return f"{len(cells)} columns, expected query-id, corpus-id, score between tabs."
    query, document, grade = cells
    if not grade.strip().lstrip("-").isdecimal():
        return f"the score is {grade!r}, expected a whole number."
    if query not in queries:
        return f"there is no query {query!r}."
    return "" if document in documents else f"there is no document {document!r}."
