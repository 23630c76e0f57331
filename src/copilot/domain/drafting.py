"""What a drafter gets, and what it gives back piece by piece."""

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


class DraftPiece(Value):
    """The next characters of a draft; `sentence` is the one that they finish, with what it rests on."""

    text: str = ""
    sentence: Sentence | None = None
