"""What a drafter gets, and what it gives back piece by piece."""

from collections.abc import Sequence
from datetime import date

from pydantic import Field

from copilot.domain.assist import Sentence
from copilot.domain.conditions import FactValue
from copilot.domain.conversation import Conversation
from copilot.domain.knowledge import ScoredPassage
from copilot.domain.macro import FoundMacro
from copilot.domain.playbook import Playbook
from copilot.domain.understanding import Understanding
from copilot.domain.value import Value


class LetterForm(Value):
    """How an e-mail begins and ends; of the greetings, templates, the first that can be filled."""

    greetings: tuple[str, ...]
    closing: str


class DraftRequest(Value):
    """Everything known about the last customer turn when a reply is drafted.

    `knowledge` are the passages that the panel shows, best first, internal ones among them. `sources` maps
    the first part of a fact's name ("order") to the ids of the tool calls it came from.
    """

    conversation: Conversation
    understanding: Understanding
    playbook: Playbook | None = None
    facts: dict[str, FactValue] = Field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    knowledge: tuple[ScoredPassage, ...] = ()
    answerable: bool = False
    as_of: date
    """The day whose version of a policy counts: when the order in question was placed, else today."""
    today: date
    company: str
    lead: str
    """The sentence before an answer that no playbook introduces."""
    promise: tuple[str, ...] = ()
    """What is said when the answer is not known; empty: nothing."""
    hint: str = ""
    """What the representative wants the reply to say."""
    macros: tuple[FoundMacro, ...] = ()
    """Saved replies that may fit the hint, or the turn where no playbook surely does; best first."""
    letter: LetterForm | None = None
    """None: the channel needs no greeting and no closing."""


class DraftPiece(Value):
    """The next characters of a draft; `sentence` is the one that they finish, with what it rests on."""

    text: str = ""
    sentence: Sentence | None = None


def separator(before: str) -> str:
    """What stands between a sentence and the next: a space, or nothing where a paragraph has ended."""
    return "" if not before or before.endswith("\n") else " "


def joined(sentences: Sequence[str]) -> str:
    """A draft's text as it would be sent."""
    text = ""
    for sentence in sentences:
        text += separator(text) + sentence
    return text.strip()
