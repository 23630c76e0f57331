"""Labelled questions over a corpus, to measure by and to calibrate on: any BEIR folder, or our own.

A BEIR folder holds corpus.jsonl, queries.jsonl and qrels.tsv; a query may carry `history` (turns with a text,
oldest first), and tasks.jsonl may say which questions the corpus answers (`answerability`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from copilot.adapters.loaders.folder import FolderSource
from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import ParsedDocument, SourceFile
from copilot.evaluation.beir import read_corpus, read_grades, read_queries
from copilot.ports import DocumentSource

ROOT = Path(__file__).resolve().parent.parent
TODAY = date(2026, 11, 23)
"""On which the demo company's questions are asked."""
ANSWERABILITY = {"ANSWERABLE": True, "UNANSWERABLE": False}
"""What is answered in part, or cannot be understood, counts as neither."""


@dataclass(frozen=True)
class Question:
    """`answerable` is None where nobody said."""

    id: str
    text: str
    history: tuple[str, ...] = ()
    as_of: date | None = None
    answerable: bool | None = None


@dataclass(frozen=True)
class RetrievalSet:
    """Questions, and by question the documents that answer it with their grade, named by external id."""

    name: str
    source: DocumentSource
    questions: Sequence[Question]
    relevant: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def judged(self) -> list[Question]:
        """Those with a document that answers."""
        return [question for question in self.questions if question.id in self.relevant]

    def labelled(self) -> list[Question]:
        """Those of which it is said whether the corpus answers them."""
        return [question for question in self.questions if question.answerable is not None]


class InForce:
    """Of a source's documents only those that are in force on a day."""

    def __init__(self, source: DocumentSource, day: date) -> None:
        self.name = source.name
        self._source, self._day = source, day

    @property
    def complete(self) -> bool:
        return self._source.complete

    def files(self) -> int:
        return self._source.files()

    def read(self) -> Iterator[SourceFile]:
        for file in self._source.read():
            kept = tuple(document for document in file.documents if self._in_force(document))
            yield file.model_copy(update={"documents": kept})

    def owns(self, external_id: str, version: str, source: str) -> bool:
        return self._source.owns(external_id, version, source)

    def close(self) -> None:
        self._source.close()

    def _in_force(self, document: ParsedDocument) -> bool:
        begun = document.valid_from is None or document.valid_from <= self._day
        return begun and (document.valid_to is None or self._day <= document.valid_to)


def read_beir(folder: Path) -> RetrievalSet:
    """`SystemExit` names the file and line of a row that cannot be read: less would be another measure."""
    try:
        corpus, refused = read_corpus(folder)
        queries, bad = read_queries(folder)
        ids = {query.value.id for query in queries}
        relevant, wrong = read_grades(folder, ids, {row.id for row in corpus.rows})
    except InvalidInput as error:
        raise SystemExit(str(error)) from error
    if unreadable := [*refused, *bad, *wrong]:
        raise SystemExit(f"{unreadable[0].source}: {unreadable[0].reason}")
    tasks = _lines(folder / "tasks.jsonl") if (folder / "tasks.jsonl").is_file() else []
    said = {task["id"]: task["answerability"][0] for task in tasks if task.get("answerability")}
    questions = [
        Question(
            id=query.value.id,
            text=query.value.text,
            history=query.value.earlier,
            answerable=ANSWERABILITY.get(said.get(query.value.id, "")),
        )
        for query in queries
    ]
    return RetrievalSet(folder.name, corpus, questions, relevant)


def own_questions() -> RetrievalSet:
    """Those of evals/questions.yaml asked today, on the demo company's documents that are in force."""
    rows = yaml.safe_load((ROOT / "evals/questions.yaml").read_text(encoding="utf-8"))
    asked_today = [row for row in rows if not row.get("as_of")]
    questions, relevant = [], {}
    for number, row in enumerate(asked_today):
        questions.append(own_question(f"q{number}", row))
        if row["kind"] == "answerable":
            relevant[f"q{number}"] = {**dict.fromkeys(row.get("also", ()), 1), row["document"]: 2}
    return RetrievalSet("questions", InForce(FolderSource(ROOT / "knowledge"), TODAY), questions, relevant)


def own_question(name: str, row: Mapping[str, Any]) -> Question:
    """One of evals/questions.yaml."""
    return Question(
        id=name,
        text=row["question"],
        history=tuple(row.get("history", ())),
        as_of=date.fromisoformat(str(row["as_of"])) if row.get("as_of") else TODAY,
        answerable=row["kind"] == "answerable",
    )


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
