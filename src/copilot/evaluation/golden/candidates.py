"""Candidate cases in a JSON Lines file, and what becomes of them when a person has decided."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from copilot.adapters.model_files import write_atomically
from copilot.assist.words import plain
from copilot.domain.errors import InvalidInput, NotFound
from copilot.domain.knowledge import Refusal
from copilot.domain.value import Value
from copilot.evaluation.kinds.rows import DataRow, read_rows
from copilot.ports import Embedder

ALIKE = 0.92
"""Cosine from which two questions ask the same: with MiniLM, rewordings of a question lie at .8 to .95."""


class CaseKind(StrEnum):
    RETRIEVAL = "retrieval"
    """The question finds the document that the reply rested on."""
    ANSWER = "answer"
    """The question is answered as a person answered it."""
    NEGATIVE = "negative"
    """The question must not be answered like this again."""


class CaseStatus(StrEnum):
    CANDIDATE = "candidate"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class CandidateCase(DataRow):
    """Personal data is masked in all of its texts."""

    id: str
    kind: CaseKind
    status: CaseStatus = CaseStatus.CANDIDATE
    question: str
    history: tuple[str, ...] = ()
    """What the customer said before, oldest first."""
    document: str | None = None
    quote: str | None = None
    reference: str | None = None
    """What a person sent."""
    draft: str | None = None
    """What was suggested and not wanted."""
    reason: str | None = None
    origin: str = ""
    """Where it comes from: a suggestion, a conversation, or a document."""

    def as_question(self) -> dict[str, Any]:
        """A row of a question file, which `retrieval` and `answer` read."""
        row = {
            "question": self.question,
            "kind": "answerable" if self.document else "open",
            "document": self.document,
            "quote": self.quote,
            "history": list(self.history),
            "reference": self.reference,
            "unwanted": self.draft if self.kind is CaseKind.NEGATIVE else None,
        }
        return {name: value for name, value in row.items() if value}


class Kept(Value):
    """What a harvest came to."""

    cases: tuple[CandidateCase, ...]
    new: int
    repeated: int


def case_id(kind: CaseKind, *parts: str) -> str:
    """The same case has the same name however often it is found."""
    return f"{kind}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def read_candidates(path: Path) -> tuple[list[CandidateCase], list[Refusal]]:
    rows, refused = read_rows(path, CandidateCase)
    return [row.value for row in rows], refused


def write_candidates(path: Path, cases: Iterable[CandidateCase]) -> None:
    """All of them or, when it fails, none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{c.model_dump_json(exclude_none=True)}\n" for c in cases).encode())


def questions_file(path: Path) -> Path:
    """Where the accepted cases of a candidate file go."""
    return path.with_suffix(".questions.yaml")


def write_accepted(path: Path, cases: Iterable[CandidateCase]) -> Path:
    """The accepted ones as a list of questions, beside the candidates."""
    rows = [case.as_question() for case in cases if case.status is CaseStatus.ACCEPTED]
    target = questions_file(path)
    text = yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=110)
    write_atomically(target, text.encode())
    return target


def decided(cases: Sequence[CandidateCase], decisions: Mapping[str, CaseStatus]) -> list[CandidateCase]:
    """`NotFound` names the ids that no case has, and nothing is decided."""
    known = {case.id for case in cases}
    if strangers := [name for name in decisions if name not in known]:
        raise NotFound(f"there is no case {', '.join(strangers)}.", hint="The file's `id`s name its cases.")
    return [
        case.model_copy(update={"status": decisions[case.id]}) if case.id in decisions else case
        for case in cases
    ]


async def with_new(kept: Sequence[CandidateCase], found: Sequence[CandidateCase], embedder: Embedder) -> Kept:
    """`kept` as it is, decisions included, and of `found` those that ask something new.

    The same: equal questions of one kind after normalising, or questions whose vectors are near each other,
    about the same document where both name one. A question after other earlier turns is another question.
    """
    cases = list(kept)
    seen = {(c.kind, c.history, plain(c.question), c.document) for c in cases}
    names = {c.id for c in cases}
    vectors = [await embedder.embed_query(c.question) for c in cases]
    for case in found:
        key = (case.kind, case.history, plain(case.question), case.document)
        if case.id in names or key in seen:
            continue
        vector = await embedder.embed_query(case.question)
        near = any(
            other.kind is case.kind
            and other.history == case.history
            and (other.document is None or case.document is None or other.document == case.document)
            and float(vector @ known) >= ALIKE
            for other, known in zip(cases, vectors, strict=True)
        )
        if not near:
            cases.append(case)
            vectors.append(vector)
            seen.add(key)
            names.add(case.id)
    new = len(cases) - len(kept)
    return Kept(cases=tuple(cases), new=new, repeated=len(found) - new)


def existing(path: Path) -> list[CandidateCase]:
    """Of an earlier harvest into the same file. `InvalidInput` when it is something else."""
    if not path.exists():
        return []
    cases, refused = read_candidates(path)
    if refused:
        raise InvalidInput(refused[0].reason, where=refused[0].source, hint="Nothing has been written.")
    return cases
