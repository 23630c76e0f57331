"""The pieces of a passage that can be said to a customer: whole sentences, and rows of tables in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.assist.words import overlap
from copilot.domain.knowledge import BlockKind, Passage, ScoredPassage
from copilot.retrieval.sentences import split_sentences

_MIN_WORDS, _MAX_CHARACTERS = 4, 420
_LEADING_MARK = re.compile(
    r"^(?:[-*•–]\s+|(?:[QA]:\s+)|\d+(?:\.\d+)*[.)]?\s+(?=[A-Z])|§\s*\d+(?:\.\d+)*\s+)+"
)
# What only makes sense after the sentence before it.
_LEANS = re.compile(
    r"^(?:if (?:none|that|this|it|so|not|they)\b|then|it|its|it's|they|their|this|that|these|those|otherwise|"
    r"in that case|in this case|both|he|she|here|also|but|and|so|or|instead|afterwards?|after that|the same|"
    r"neither|either|above that|one of|each of)\b",
    re.IGNORECASE,
)
_POINTS_ON = re.compile(
    r":$|\b(?:below|above|the following|as follows|this page|this article|this guide)\b", re.IGNORECASE
)
# What staff may do is no answer for a customer, public as it is.
_FOR_STAFF = re.compile(
    r"\b(?:the|a|your)?\s*(?:representative|supervisor|agent|colleague)s?\b(?:\s+\w+){0,2}\s+"
    r"(?:may|can|must|records?|decides?|checks?|takes?|confirms?)\b",
    re.IGNORECASE,
)
# "Always to the one that paid." answers a heading; alone it says nothing.
_STATES = re.compile(
    r"\b(?:is|are|was|were|be|been|can|cannot|may|must|will|would|should|do|does|has|have|gets?|takes?|costs?|arrives?|"
    r"holds?|starts?|ships?|covers?|expires?|pays?|you|we|"
    r"it|it's|you'll|we'll|\w+n't)\b|^\w+\s+(?:the|your|it|a|an|all|every|each|only|once|after|when|at|to|up|off)\b",
    re.IGNORECASE,
)
_FAQ_ANSWER = re.compile(r"^(?:yes|no)\b[,.]?", re.IGNORECASE)
_SAME_QUESTION = 0.5
_RULE = re.compile(r"^\|[\s:|-]+\|?$")
_QUANTITY_ASKED = re.compile(
    r"\bhow (?:long|much|many|soon|late|fast|quick|far|often|old|big|heavy|high|hot|large|tall|wide|deep)\b|"
    r"\bwhen\b|\btill?\b|\buntil\b|\bcosts?\b|\bprice\b|\bfees?\b|\bdeadline\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice|free|never|always|no fee)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quotable:
    """Characters `start`..`end` of a passage's text, and what they say: the same, or a row in words."""

    scored: ScoredPassage
    start: int
    end: int
    said: str


def asks_quantity(query: str) -> bool:
    return bool(_QUANTITY_ASKED.search(query))


def has_quantity(text: str) -> bool:
    return bool(_QUANTITY.search(text))


def quotables(scored: ScoredPassage, query: str) -> list[Quotable]:
    """What may be said in answer to `query`.

    A "Yes, …" only where the passage asks the same, and a sentence that leans on the one before only with it.
    """
    passage = scored.passage
    text = passage.text
    same_question = overlap(passage.heading_path[-1] if passage.heading_path else "", query) >= _SAME_QUESTION
    found = [Quotable(scored, start, end, said) for start, end, said in _rows(text)]
    for start, end in quotable_spans(passage):
        if same_question or not _FAQ_ANSWER.match(text[start:end]):
            found.append(Quotable(scored, start, end, text[start:end]))
    return found


def sayings(passage: Passage) -> list[str]:
    """Everything that `quotables` may find in it, whatever is asked."""
    spans = quotable_spans(passage)
    return [said for _, _, said in _rows(passage.text)] + [passage.text[start:end] for start, end in spans]


def quotable_spans(passage: Passage) -> list[tuple[int, int]]:
    """Whole sentences, each with the one that it leans on."""
    if passage.kind in {BlockKind.CODE, BlockKind.HEADING}:
        return []
    spans: list[tuple[int, int]] = []
    before: tuple[int, int] | None = None
    for start, end in split_sentences(passage.text):
        mark = _LEADING_MARK.match(passage.text[start:end])
        begin = start + (mark.end() if mark else 0)
        sentence = passage.text[begin:end]
        if sentence.startswith("|"):
            before = None
            continue
        if _LEANS.match(sentence):
            joined = before is not None and "\n" not in passage.text[before[1] : begin]
            begin = before[0] if joined and before is not None else -1
        before = (begin, end) if begin >= 0 else None
        if before is not None and _says_something(passage.text[begin:end], listed=mark is not None):
            spans.append((begin, end))
    return spans


def _says_something(sentence: str, *, listed: bool) -> bool:
    return (
        len(sentence.split()) >= _MIN_WORDS
        and len(sentence) <= _MAX_CHARACTERS
        and (listed or sentence.endswith((".", "!", "”", '"', ")", "…")))
        and not sentence.endswith("?")
        and not _POINTS_ON.search(sentence)
        and not _FOR_STAFF.search(sentence)
        and bool(_STATES.search(sentence))
    )


def _rows(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, in words) of each row below a table's header."""
    header: Sequence[str] = ()
    for start, end in split_sentences(text):
        line = text[start:end]
        if not line.startswith("|"):
            header = ()
        elif _RULE.match(line):
            continue
        elif not header:
            header = _cells(line)
        elif said := _in_words(header, _cells(line)):
            yield start, end, said


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _in_words(header: Sequence[str], cells: Sequence[str]) -> str:
    """Of two columns "Umbrella hole: 2 in.", of more "Camp – brightness: 400 lumens; time: 6 hours."."""
    if len(header) != len(cells) or len(cells) < 2 or not cells[0]:  # noqa: PLR2004
        return ""
    if len(cells) == 2:  # noqa: PLR2004
        return f"{cells[0]}: {cells[1]}."
    rest = "; ".join(
        f"{name.lower()}: {cell}" for name, cell in zip(header[1:], cells[1:], strict=True) if cell
    )
    return f"{cells[0]} – {rest}."
