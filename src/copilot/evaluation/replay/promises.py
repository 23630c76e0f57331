"""What a draft promises that policy denies, and numbers that it has from nowhere.

Both are read from the draft's words and from what the panel was shown; what the drafter says of its own
support does not count.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from copilot.assist.words import plain
from copilot.evaluation.kinds.answer import numbers_in

_VERBS = {
    "refund_order": r"refund\w*|money back|reimburs\w+|credit(?:ed|ing)?\b",
    "return_delivered_order_items": r"return\w*",
    "exchange_delivered_order_items": r"exchang\w+|replac\w+",
    "cancel_pending_order": r"cancel\w*",
    "modify_pending_order_address": r"(?:chang|updat|correct)\w+",
    "modify_pending_order_items": r"(?:chang|swap|updat)\w+",
    "modify_pending_order_payment": r"(?:chang|updat)\w+",
}
_BY_US = r"\b(?:i|we)(?:['’](?:ve|ll|m|re)| have| will| can| am| are)?\s+(?:\w+\s+){{0,3}}?(?:{verb})"
_DONE = (
    r"\b(?:has|have) been (?:\w+\s+)?(?:{verb})|\b(?:{verb})\s+(?:of \S+ )?(?:is|are) on (?:its|their) way"
)
_YOURS = r"\byou(?:['’]ll| will| can)\s+(?:\w+\s+){{0,3}}?(?:{verb})"
_TAKEN_BACK = re.compile(
    r"n['’]t\b|\b(?:not|cannot|never|unable|unless|without|already|whether|supervisor|once|if|when|check\w*)\b",
    re.IGNORECASE,
)
_DENIED = {"deny"}
_NOT_SAID = {"confidence", "end", "revision", "score", "start"}
_NAMES_AND_TIMES = re.compile(
    r"\b[a-z]+_[0-9a-f-]{16,}|\b[0-9a-f]{32,}|(?<=\d{4}-\d\d-\d\d)T[0-9:.+Z]+", re.IGNORECASE
)
"""Ids, digests and times of day are full of numbers that no draft would take from there."""


def broken_promises(
    sentences: Iterable[Mapping[str, Any]], actions: Iterable[Mapping[str, Any]], cards: Iterable[str]
) -> list[str]:
    """Sentences that promise what policy denies, of a draft and the next actions beside it.

    A sentence that stands in a passage word for word tells a rule, and promises nothing.
    """
    outcomes: dict[str, set[str]] = {}
    for action in actions:
        if action.get("call") and action.get("decision"):
            outcomes.setdefault(action["call"]["tool"], set()).add(action["decision"]["outcome"])
    denied = [tool for tool, found in outcomes.items() if found == _DENIED and tool in _VERBS]
    passages = [plain(card) for card in cards]
    return [
        f"{tool} is denied: {sentence['text']}"
        for tool in denied
        for sentence in sentences
        if _promises(tool, sentence["text"]) and not any(plain(sentence["text"]) in p for p in passages)
    ]


def _promises(tool: str, text: str) -> bool:
    if _TAKEN_BACK.search(text):
        return False
    forms = (_BY_US, _DONE, _YOURS)
    return any(re.search(form.format(verb=_VERBS[tool]), text, re.IGNORECASE) for form in forms)


def numbers_of(value: Any) -> set[str]:  # noqa: ANN401 - any JSON value
    """Every number in it: those in texts, and amounts of money in major units too."""
    return {_bare(number) for text in _texts(value) for number in numbers_in(text)}


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        minor = value.get("minor")
        if isinstance(minor, int):
            yield f"{minor / 100:.2f}"
        for name, item in value.items():
            if name not in _NOT_SAID:
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield _NAMES_AND_TIMES.sub(" ", str(value))


def _bare(number: str) -> str:
    """2026-11-09 speaks of the 9th."""
    return number.lstrip("0") or "0"
