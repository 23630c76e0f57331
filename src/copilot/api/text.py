"""Text that people wrote: what is refused, and how the refusal reads."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]*"
)
_REPLACEMENT = "\ufffd"
_TOLERATED_REPLACEMENTS = 0.1


def without_junk(text: str) -> str:
    """The text itself; refuses control characters, and what was plainly decoded the wrong way."""
    found = _NOT_TEXT.search(text)
    if found:
        raise PydanticCustomError(
            "control_character",
            "Holds the control character U+{code} at position {position}; expected readable text",
            {"code": f"{ord(found[0]):04X}", "position": found.start()},
        )
    if text.count(_REPLACEMENT) > _TOLERATED_REPLACEMENTS * len(text):
        raise PydanticCustomError(
            "wrong_encoding", "Was decoded with the wrong encoding (full of U+FFFD); send UTF-8"
        )
    return text


def not_blank(text: str) -> str:
    """The text itself; refuses what shows nothing on a screen."""
    if _INVISIBLE.fullmatch(text):
        raise PydanticCustomError(
            "blank", "Is empty or only white space; expected at least one visible character"
        )
    return text


Text = Annotated[str, AfterValidator(without_junk)]
"""Readable text, maybe empty."""
NonBlank = Annotated[str, AfterValidator(without_junk), AfterValidator(not_blank)]
"""Readable text with something in it."""
