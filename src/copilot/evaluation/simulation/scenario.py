"""Scenarios: who the customer is, what they want and say, and how the shop must look in the end."""

import re
from decimal import Decimal
from pathlib import Path

from pydantic import Field, field_validator

from copilot.adapters.yaml_source import read_all, yaml_files
from copilot.domain.conversation import Channel
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.domain.recording import Verification
from copilot.domain.value import Value

_WHAT = "a scenario (YAML), or a folder of them"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


class Line(Value):
    """What the customer says, once, when what they are told matches `when` (a regular expression)."""

    when: str = "."
    say: str = Field(min_length=1)

    _valid = field_validator("when")(_pattern)


class CustomerScript(Value):
    """A customer: `goal` and `persona` are for a model that plays them; the rest is said word for word."""

    goal: str
    persona: str = "polite and brief"
    crm: bool = False
    """The CRM has authenticated them before the first turn."""
    proof: Verification | None = None
    """What they prove who they are with; said when they are asked for it."""
    opening: str = Field(min_length=1)
    lines: tuple[Line, ...] = ()
    """Of those that match, the first that is not said yet; none left: they say goodbye."""
    goodbye: str = "Okay, thanks. Bye."


class RightAction(Value):
    """What a representative who knows the rules does."""

    tool: str
    amount: str | None = None
    """In major units, e.g. "49.00"; None: the tool takes none."""
    after: str = "."
    """A regular expression: not before the customer has said so."""

    _valid = field_validator("after")(_pattern)


class OrderState(Value):
    """What an order must be like in the end; what is not written is not looked at."""

    status: str | None = None
    refunded: str | None = None
    address1: str | None = None
    zip: str | None = None

    def differences(self, found: dict[str, str]) -> list[str]:
        wanted = self.model_dump(exclude_none=True)
        return [
            f"{name}: expected {value}, found {found[name]}"
            for name, value in wanted.items()
            if not _same(value, found[name])
        ]


class Scenario(Value):
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    channel: Channel = Channel.CHAT
    tags: tuple[str, ...] = ()
    customer: CustomerScript
    own_words: str = Field(min_length=1)
    """What a representative answers who does not use the draft."""
    right_actions: tuple[RightAction, ...] = ()
    expected: dict[str, OrderState] = Field(default_factory=dict)
    """By order, those that change; every other order of the shop must stay as it is."""


def load_scenarios(paths: list[Path]) -> tuple[list[Scenario], list[Refusal]]:
    """What reads well, and what does not by file and line. No two may change the same order."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InvalidInput("there is no such file or folder.", where=str(path), hint=f"Expected {_WHAT}.")
        try:
            files += [path] if path.is_file() else yaml_files(path)
        except ConfigurationError as error:
            raise InvalidInput(error.message, where=error.where, hint=f"Expected {_WHAT}.") from error
    sources, problems = read_all(files, Scenario)
    refused = [Refusal(source=f"{p.file}:{p.line}" if p.line else p.file, reason=p.message) for p in problems]
    taken: dict[str, str] = {}
    found = []
    for source in sources:
        scenario = source.value
        names = [f"scenario {scenario.id}", *(f"order {order}" for order in scenario.expected)]
        if again := [name for name in names if name in taken]:
            reason = f"{again[0]} is {taken[again[0]]}'s already: scenarios share one shop."
            refused.append(Refusal(source=source.file, reason=reason))
            continue
        taken.update(dict.fromkeys(names, source.file))
        found.append(scenario)
    return found, refused


def _same(wanted: str, found: str) -> bool:
    try:
        return Decimal(wanted) == Decimal(found)
    except ArithmeticError:
        return wanted.casefold() == found.casefold()
