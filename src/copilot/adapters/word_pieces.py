"""Counts the word pieces the built-in embedding model will see, so that no passage is cut off by it."""

import threading
from typing import TYPE_CHECKING

from copilot.adapters.minilm import PACKAGES
from copilot.adapters.model_files import find_packaged_file

if TYPE_CHECKING:
    import tokenizers


class WordPieceCounter:
    """A `TokenCounter` over all-MiniLM-L6-v2's own tokenizer, without its two special tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokenizer: tokenizers.Tokenizer | None = None

    def count(self, text: str) -> int:
        return len(self._load().encode(text, add_special_tokens=False).ids)

    def _load(self) -> "tokenizers.Tokenizer":
        with self._lock:
            if self._tokenizer is None:
                import tokenizers  # noqa: PLC0415 - costs start-up time

                self._tokenizer = tokenizers.Tokenizer.from_file(
                    str(find_packaged_file(PACKAGES, "tokenizer.json"))
                )
                self._tokenizer.no_truncation()
                self._tokenizer.no_padding()
            return self._tokenizer
