"""Where the arguments that a model fills in came from, worked out from what it had read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from copilot.domain.actions import Provenance
from copilot.domain.conversation import Conversation, Speaker

_SHORTEST = 2
_AMOUNT = re.compile(r"[$€£]?\d+(?:\.\d+)?", re.ASCII)
_TRUST = tuple(Provenance)
"""Most trustworthy first."""


@dataclass
class Sources:
    """What has been said and found so far; facts are whole values of the order system, the rest is text."""

    representative: str = ""
    customer: str = ""
    knowledge: str = ""
    facts: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, conversation: Conversation, question: str, hint: str) -> "Sources":
        by_speaker = {speaker: "\n".join(_said(conversation, speaker)) for speaker in Speaker}
        return cls(
            representative=_plain("\n".join([question, hint, by_speaker[Speaker.REPRESENTATIVE]])),
            customer=_plain(by_speaker[Speaker.CUSTOMER]),
            facts={_plain(conversation.customer_id)} if conversation.customer_id else set(),
        )

    def add_facts(self, data: Any) -> None:  # noqa: ANN401 - any JSON
        self.facts |= {form for leaf in _leaves(data) for form in _forms(leaf)}

    def add_knowledge(self, text: str) -> None:
        self.knowledge += f"\n{_plain(text)}"


def origins_of(arguments: Mapping[str, Any], sources: Sources) -> dict[str, Provenance]:
    """By argument; of a list, the least trustworthy of its entries."""
    return {name: _worst(_origin(leaf, sources) for leaf in _leaves(v)) for name, v in arguments.items()}


def _worst(origins: Iterable[Provenance]) -> Provenance:
    return max(origins, key=_TRUST.index, default=Provenance.MODEL)


def _origin(value: object, sources: Sources) -> Provenance:
    forms = _forms(value)
    if forms & sources.facts:
        return Provenance.FACT
    for text, origin in (
        (sources.representative, Provenance.REPRESENTATIVE),
        (sources.customer, Provenance.CUSTOMER_TEXT),
        (sources.knowledge, Provenance.KNOWLEDGE),
    ):
        if any(_occurs(form, text) for form in forms):
            return origin
    return Provenance.MODEL


def _occurs(form: str, text: str) -> bool:
    return len(form) >= _SHORTEST and bool(re.search(rf"(?<![\w.]){re.escape(form)}(?![\w]|\.\d)", text))


def _said(conversation: Conversation, speaker: Speaker) -> Iterator[str]:
    return (turn.text for turn in conversation.turns if turn.speaker is speaker)


def _leaves(data: Any) -> Iterator[object]:  # noqa: ANN401 - any JSON
    if isinstance(data, Mapping):
        if data.keys() == {"minor", "currency"}:
            yield Decimal(str(data["minor"])) / 100
            return
        for value in data.values():
            yield from _leaves(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _leaves(value)
    elif data is not None and not isinstance(data, bool):
        yield data


def _forms(value: object) -> set[str]:
    """How a value may be written: an amount with and without cents, a code without underscores."""
    text = _plain(str(value))
    if not _AMOUNT.fullmatch(text):
        return {text, text.replace("_", " ")} - {""}
    try:
        amount = Decimal(text.lstrip("$€£"))
    except InvalidOperation:
        return {text}
    plain = f"{amount.quantize(Decimal('0.01'))}" if amount.adjusted() < 12 else text  # noqa: PLR2004
    whole = {f"{amount.to_integral_value():f}"} if amount == amount.to_integral_value() else set()
    return {plain, text.lstrip("$€£"), *whole}


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold()).strip()
