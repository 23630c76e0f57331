"""Finds the names in what a model is about to be told, so that they can be masked in all of it."""

import re
from collections.abc import Sequence
from itertools import pairwise

from copilot.assist.redaction import Masker
from copilot.domain.conversation import Speaker, Turn
from copilot.ports import PersonalDataFinder

_WORD = re.compile(r"[^\W_]+")
_ASKS_A_NAME = re.compile(
    r"\b(?:your|the|last|first|full)\b[^.?!]{0,40}\bname\b|\bwho am i speaking\b", re.IGNORECASE
)
_BARE_NAME = re.compile(r"[^\W\d_][\w’'.-]*(?: [^\W\d_][\w’'.-]*){0,3}")


async def masker_for(
    finder: PersonalDataFinder | None,
    texts: Sequence[str],
    *,
    names: dict[str, str] | None = None,
    turns: Sequence[Turn] = (),
    public: Sequence[str] = (),
) -> Masker:
    """A masker that knows `names` and those in `texts` and `turns`; arguments and errors as of `names_in`."""
    return Masker({**await names_in(finder, texts, turns=turns, public=public), **(names or {})})


async def names_in(
    finder: PersonalDataFinder | None,
    texts: Sequence[str],
    *,
    turns: Sequence[Turn] = (),
    public: Sequence[str] = (),
) -> dict[str, str]:
    """What `finder` finds in `texts` and `turns`, each value with its kind.

    Words of `public` (the knowledge that goes out with them) hide nobody, and are left as they are. Raises
    `DependencyUnavailable` as the finder does.
    """
    given = _given_names(turns)
    if finder is None:
        return given
    every = [*texts, *(turn.text for turn in turns)]
    known = {word for text in public for word in _WORD.findall(text)}
    found = {
        text[piece.start : piece.end]: piece.kind
        for text, pieces in zip(every, await finder.find(every), strict=True)
        for piece in pieces
    }
    return {value: kind for value, kind in found.items() if not _says_only(value, known)} | given


def _says_only(value: str, known: set[str]) -> bool:
    return all(word in known for word in _WORD.findall(value))


def _given_names(turns: Sequence[Turn]) -> dict[str, str]:
    """Short answers to a representative who asked for a name, however they are written."""
    return {
        _trimmed(answer.text): "NAME"
        for asked, answer in pairwise(turns)
        if asked.speaker is Speaker.REPRESENTATIVE
        and answer.speaker is Speaker.CUSTOMER
        and _ASKS_A_NAME.search(asked.text)
        and _BARE_NAME.fullmatch(_trimmed(answer.text))
    }


def _trimmed(text: str) -> str:
    return text.strip(" .!,\n")
