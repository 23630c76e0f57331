"""A disk of a few megabytes that can be filled; only who may mount has one."""

import errno
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """To the last byte."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                while _takes(filler, size):
                    pass

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="disk-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", name]
        if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603 - our own words
            pytest.skip("this user may not mount a disk")
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)  # noqa: S603, S607


def _takes(file: BinaryIO, size: int) -> bool:
    try:
        return file.write(bytes(size)) == size
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
