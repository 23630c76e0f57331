"""A company's questions over its own knowledge: a YAML list, as evals/questions.yaml."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ValidationError

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.evaluation.fingerprint import digest_of
from copilot.evaluation.kinds.rows import DataRow, Row


class Question(DataRow):
    """`document` and `also` name documents that answer it, by external id; `quote` stands in the first."""

    question: str
    kind: Literal["answerable", "unanswerable", "open"]
    """`open`: nobody has said whether the knowledge answers it."""
    document: str | None = None
    also: tuple[str, ...] = ()
    quote: str | None = None
    as_of: date | None = None
    history: tuple[str, ...] = ()
    reference: str | None = None
    """What a person answered."""
    unwanted: str | None = None
    """A draft that a person did not want."""

    @property
    def documents(self) -> tuple[str, ...]:
        return (*([self.document] if self.document else []), *self.also)


def read_questions(path: Path) -> tuple[list[Row[Question]], list[Refusal]]:
    """`InvalidInput` when the file is no YAML list at all."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"cannot read it: {error}", where=str(path)) from error
    if not isinstance(node, yaml.SequenceNode):
        raise InvalidInput("this is no list.", where=str(path), hint="Expected a YAML list of questions.")
    rows: list[Row[Question]] = []
    refused: list[Refusal] = []
    for child in node.value:
        place = f"{path}:{child.start_mark.line + 1}"
        plain = yaml.constructor.SafeConstructor().construct_document(child)
        try:
            row = Question.model_validate(plain)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            refused.append(Refusal(source=place, reason=f"{field}: {first['msg']}."))
            continue
        if row.kind == "answerable" and not row.documents:
            refused.append(Refusal(source=place, reason="answerable, but it names no document."))
            continue
        rows.append(Row(place, row, digest_of(row.model_dump_json())))
    return rows, refused


def is_question_file(data: Path) -> bool:
    return data.suffix in {".yaml", ".yml"}


def names_of(rows: Sequence[Row[Question]]) -> list[str]:
    """A stable name each: the first words of the question, numbered where two begin alike."""
    seen: dict[str, int] = {}
    names = []
    for row in rows:
        name = " ".join(row.value.question.split())[:60]
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names
