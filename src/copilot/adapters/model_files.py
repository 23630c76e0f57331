"""Finds weights that arrived inside installed packages, checks them, and says where derived ones are kept."""

import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

from copilot.domain.errors import ConfigurationError

CACHE_VARIABLE = "COPILOT_CACHE_DIR"
_INSTALL = "Run scripts/demo or scripts/test once (they install everything)."


def default_cache_dir() -> Path:
    """Where derived files live: $COPILOT_CACHE_DIR, else the virtual environment, else the user's cache.

    They belong to the environment because they are made from the packages installed in it.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        return Path(sys.prefix) / "share" / "copilot"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "agent-assist-copilot"


def find_packaged_file(packages: dict[str, str], name: str) -> Path:
    """The file called `name` in the first installed package of `packages` (name → required version).

    Reads the package's file list only: its code, which may import anything, is not run.
    """
    for package, version in packages.items():
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue
        if distribution.version != version:
            continue
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if file.name == name and path.is_file():
                return path
    wanted = " or ".join(f"{package}=={version}" for package, version in packages.items())
    raise ConfigurationError(
        f"{name} is not installed: it comes in the package {wanted}.", hint=_INSTALL, where=name
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_sha256(
    content: bytes, expected: str, where: Path, *, hint: str = "Delete .venv and install again."
) -> None:
    """Raise `ConfigurationError` unless `content` is byte for byte the expected file."""
    found = sha256(content)
    if found != expected:
        raise ConfigurationError(
            f"the file was changed or damaged: its SHA-256 is {found}, expected {expected}.",
            hint=hint,
            where=str(where),
        )


def write_atomically(path: Path, content: bytes) -> None:
    """A reader sees the old file or the whole new one, even if two processes write or one is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
