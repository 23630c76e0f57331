"""The language of a turn; where it is too short to tell, of what the customer said before."""

from collections.abc import Sequence

from copilot.ports import LanguageDetector

_ENOUGH_LETTERS = 12
_SURE, _SURE_WHEN_SHORT = 0.5, 0.9


def language_of(
    text: str, earlier: Sequence[str], detector: LanguageDetector, known: str | None = None
) -> str | None:
    """ISO 639-1. `earlier` are the customer's turns before, `known` is what the conversation was in."""
    guess = detector.detect(text)
    if guess is None:
        return known
    letters = sum(character.isalpha() for character in text)
    if letters >= _ENOUGH_LETTERS and guess.confidence >= _SURE:
        return guess.code
    if known is not None and not (letters >= _ENOUGH_LETTERS // 2 and guess.confidence >= _SURE_WHEN_SHORT):
        return known
    together = detector.detect(" ".join([*earlier[-3:], text]))
    return together.code if together is not None and together.confidence >= _SURE else known
