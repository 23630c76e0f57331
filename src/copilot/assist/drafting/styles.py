"""How a model is asked for a draft, by what its name says of its size."""

import re
from enum import StrEnum


class DraftStyle(StrEnum):
    """STRUCTURED asks for evidence and reply as JSON (small models), PROSE for text with [n] marks."""

    STRUCTURED = "structured"
    PROSE = "prose"


STRONG_FROM = 24.0
"""Billions of parameters from which a model is trusted to mark its own sentences."""
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)\s?(b|m)(?![a-z])", re.IGNORECASE)
_SMALL = re.compile(
    r"(?<![a-z])(?:mini|nano|micro|tiny|small|lite|haiku|instant|flash|edge|smol\w*|phi|gemma)(?![a-z])",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"(?<![a-z])(?:gpt-?[4-9]|chatgpt|o[1-9]|claude|opus|sonnet|gemini|mistral-large|command-(?:r-plus|a)"
    r"|deepseek-(?:v\d|r\d|chat|reasoner)|grok|kimi|glm-[4-9]|qwen-?(?:max|plus))",
    re.IGNORECASE,
)


def style_for(model: str) -> DraftStyle:
    """The style for a model of this name.

    A size in the name decides ("qwen2.5-32b", "mixtral-8x22b"). Without one, words for small models, then the
    names of hosted families. An unknown name gets STRUCTURED, which demands more proof.
    """
    if (size := size_of(model)) is not None:
        return DraftStyle.PROSE if size >= STRONG_FROM else DraftStyle.STRUCTURED
    if not _SMALL.search(model) and _STRONG.search(model):
        return DraftStyle.PROSE
    return DraftStyle.STRUCTURED


def size_of(model: str) -> float | None:
    """Billions of parameters, as far as the name tells; experts are added up."""
    found = [
        float(number) * int(experts or 1) * (1.0 if unit.lower() == "b" else 0.001)
        for experts, number, unit in _SIZE.findall(model)
    ]
    return max(found, default=None)
