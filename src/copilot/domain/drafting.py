"""What a drafter gets, and what it gives back piece by piece."""

from datetime import date

from pydantic import Field

from copilot.domain.assist import Sentence, Understanding
from copilot.domain.conditions import FactValue
from copilot.domain.conversation import Conversation
from copilot.domain.knowledge import ScoredPassage
from copilot.domain.playbook import Playbook
from copilot.domain.value import Value


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


class DraftPiece(Value):
    """The next characters of a draft; `sentence` is the one that they finish, with what it rests on."""

    text: str = ""
    sentence: Sentence | None = None
