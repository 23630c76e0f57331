"""A playbook: how the tenant handles one intent."""

from pydantic import Field

from copilot.domain.assist import NextActionKind
from copilot.domain.conditions import ALWAYS, Condition
from copilot.domain.value import Value


class PlaybookStep(Value):
    """One thing to do; it is offered while `when` holds, in the order written.

    `say` is a jinja2 template over the facts. `arguments` maps a tool's argument to a fact's name, or to a
    literal written as `"=literal"`.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    kind: NextActionKind
    title: str
    why: str
    when: Condition = ALWAYS
    say: str | None = None
    tool: str | None = None
    arguments: dict[str, str] = Field(default_factory=dict)
    after: tuple[str, ...] = ()
    """Ids of the steps that it usually comes straight after, where the order written does not say it."""
    cues: tuple[str, ...] = ()
    """What it answers to: the words of a customer or a look-up, e.g. yes, unavailable, failed."""


class Flow(Value):
    """What is done about one intent."""

    intent: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    steps: tuple[PlaybookStep, ...] = ()


class ReplyTemplate(Value):
    """A reply for a situation: the first whose `when` holds is used.

    `text` is a jinja2 template over the facts, each sentence on its own line; the line `{{ knowledge }}`
    is where the composer puts the cited sentences.
    """

    when: Condition = ALWAYS
    text: str


class Playbook(Flow):
    """One intent with its examples, steps and replies. The file name is the intent's name."""

    description: str
    disposition: str
    examples: tuple[str, ...] = Field(min_length=8)
    knowledge_tags: tuple[str, ...] = ()
    """Documents with these tags are preferred when the intent is recognised."""
    needs_order: bool = False
    asks_knowledge: bool = True
    replies: tuple[ReplyTemplate, ...] = ()
