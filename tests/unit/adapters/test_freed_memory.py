"""Memory that was freed below what is still in use goes back to the system."""

import platform
from pathlib import Path

import pytest

from copilot.adapters.freed_memory import give_back


def resident():
    """Megabytes of this process's own."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps it")
def test_what_was_freed_is_given_back():
    blocks = [b"x" * 60_000 for _ in range(2_000)]
    last = blocks[-1]  # which keeps the heap from shrinking by itself
    blocks.clear()
    kept = resident()
    give_back()
    assert resident() < kept - 80
    assert last
