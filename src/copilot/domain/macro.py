"""Saved replies (macros): wording that a team keeps at hand, filled with the facts of the conversation."""

from pydantic import Field

from copilot.domain.conditions import ALWAYS, Condition
from copilot.domain.value import Value


class Macro(Value):
    """A saved reply; the file name is its id.

    `text` is a jinja2 template over the facts, each sentence on its own line; every fact in it is required.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    text: str
    examples: tuple[str, ...] = ()
    """What customers say when it fits; it is found by them, its title and its text."""
    when: Condition = ALWAYS


class FoundMacro(Value):
    """A saved reply found for a query; `score` is 0..1."""

    macro: Macro
    score: float = Field(ge=0, le=1)


class FilledMacro(Value):
    """A saved reply filled for one conversation. `sources` are the tool calls its facts came from."""

    macro_id: str
    title: str
    text: str
    sources: tuple[str, ...] = ()
