"""Other words for a text that says the same."""

from enum import StrEnum

from copilot.domain.assist import Drafter, Sentence
from copilot.domain.value import Value


class Transform(StrEnum):
    SHORTER = "shorter"
    FRIENDLIER = "friendlier"
    TRANSLATE = "translate"
    REWRITE = "rewrite"


class Transformed(Value):
    """The new text; each of its sentences rests on what the sentence it says again rested on.

    Sentences that say something else are marked unsupported. `left_out` are sentences that went.
    """

    how: Transform
    text: str
    sentences: tuple[Sentence, ...]
    drafter: Drafter
    changed: bool
    left_out: tuple[str, ...] = ()
