"""What a judge's answer to ragas must hold beside its form, so that no gap in it becomes a good score.

ragas takes an answer without statements for a perfect match, averages over the verdicts that came instead
of those that were asked for, and a question that is missing for a reply of no relevance.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

_BINARY = ("verdict", "attributed", "noncommittal")
_OUTCOMES = {"TP", "FP", "FN"}


class Complaints:
    """One sample's conversation with its judge: what is asked about, and whether all of it is answered."""

    def __init__(self) -> None:
        self._statements = 0

    def about(self, answer: BaseModel) -> str | None:
        """What is wrong with it, to be read after "the judge's answer"; None where nothing is."""
        plain = answer.model_dump()
        for name, value in _verdicts(plain):
            if value not in {0, 1, "0", "1"}:
                return f"has a {name} of {value!r}, expected 0 or 1"
        if plain.keys() == _OUTCOMES and not any(plain.values()):
            return "classifies no statement"
        for name in ("statements", "classifications"):
            if name in plain and not plain[name]:
                return f"holds no {name}"
        for name in ("question", "end_state"):
            if name in plain and not plain[name].strip():
                return f"has an empty {name}"
        return self._all_judged(plain.get("statements"))

    def _all_judged(self, statements: list[Any] | None) -> str | None:
        if not statements:
            return None
        if isinstance(statements[0], str):
            self._statements = len(statements)
            return None
        if len(statements) != self._statements:
            return f"judges {len(statements)} of {self._statements} statements"
        return None


def _verdicts(plain: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in plain.items():
        if name in _BINARY:
            yield name, value
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    yield from _verdicts(item)
