"""A playbook: how the tenant handles one intent."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from copilot.domain.assist import NextActionKind
from copilot.domain.conditions import ALWAYS, Condition
from copilot.domain.value import Value

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_SHORT = re.compile(r"(\d{1,4})\s*([smh])")


def _span(value: object) -> object:
    """`10m` as ten minutes; anything else as pydantic reads a duration."""
    if isinstance(value, str) and (match := _SHORT.fullmatch(value.strip())):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    return value


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
    after: Annotated[timedelta, BeforeValidator(_span), Field(gt=timedelta(0))] | None = None
    """Offered, ahead of the others, once nobody has spoken for so long: `10m`, `90s`."""
    say: str | None = None
    tool: str | None = None
    arguments: dict[str, str] = Field(default_factory=dict)
    follows: tuple[str, ...] = ()
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
    remedies: tuple[str, ...] = ()
    """Intents that only say what is wanted about this one: heard in its course, they are no new matter."""
    asks_knowledge: bool = True
    replies: tuple[ReplyTemplate, ...] = ()

    @property
    def timers(self) -> tuple[timedelta, ...]:
        """How long a silence has to last before one of its steps is due, shortest first."""
        return tuple(sorted({step.after for step in self.steps if step.after is not None}))

    def after_silence(self, silence: timedelta) -> "Playbook":
        """When nobody has spoken for so long: due steps first, of these the one that waited longest."""
        timed = [step for step in self.steps if step.after is not None]
        if not timed:
            return self
        due = sorted(
            (s for s in timed if s.after is not None and s.after <= silence),
            key=lambda s: s.after or silence,
            reverse=True,
        )
        return self.model_copy(update={"steps": (*due, *(s for s in self.steps if s.after is None))})
