"""Whether what a step answers to has just been said: a yes or no, or a look-up's outcome."""

import re

from copilot.assist.flow.progress import Progress
from copilot.assist.words import plain

_YES = re.compile(
    r"\b(?:yes|yeah|yep|sure|ok|okay|please|great|perfect|sounds good|do it|go ahead|book it)\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\b(?:no|nope|not|don't|nah|instead|different|other)\b", re.IGNORECASE)
_GOOD = re.compile(r"succe|confirm|booked|done|true\b", re.IGNORECASE)
_BAD = re.compile(
    r"fail|unable|unsucc|wrong|incorrect|declin|reject|\bnot\b|unavailable|nothing found", re.IGNORECASE
)
_OUTCOMES = {
    "available": (
        re.compile(r"\bavailable", re.IGNORECASE),
        re.compile(r"unavailable|not avail", re.IGNORECASE),
    ),
    "unavailable": (re.compile(r"unavailable|not avail", re.IGNORECASE), re.compile(r"(?!)")),
    "succeeded": (_GOOD, _BAD),
    "failed": (_BAD, re.compile(r"(?!)")),
}


def cue_heard(cue: str, progress: Progress) -> bool | None:
    """None where it cannot be told, because nobody has just said anything of the kind."""
    cue = cue.lower()
    if cue in ("yes", "no"):
        if progress.last_event != "customer":
            return None
        refuses = bool(_NO.search(progress.since))
        return refuses if cue == "no" else bool(_YES.search(progress.since)) and not refuses
    if progress.last_event != "result":
        return None
    said = " ".join(progress.status)
    if cue in _OUTCOMES:
        wanted, unwanted = _OUTCOMES[cue]
        return bool(wanted.search(said)) and not unwanted.search(said)
    return plain(cue) in plain(said)
