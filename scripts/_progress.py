"""Progress for a person at a terminal (bars) or for a log (a line now and then)."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

QUIET_SECONDS = 0.25
LOG_EVERY_SECONDS = 10.0


class Task:
    """One step: `update` says how far it is."""

    def __init__(self, title: str, console: Console, bars: Bars | None) -> None:
        self.title = title
        self._console = console
        self._bars = bars
        self._id = bars.add_task(title, total=None, what="") if bars else None
        self._logged = time.monotonic()

    def update(self, done: float, total: float, what: str) -> None:
        if self._bars is not None and self._id is not None:
            self._bars.update(self._id, completed=done, total=total, what=what)
        elif time.monotonic() - self._logged > LOG_EVERY_SECONDS:
            self._logged = time.monotonic()
            self._console.print(f"    {done / total:4.0%} {what}", markup=False, highlight=False)

    def finish(self) -> None:
        if self._bars is not None and self._id is not None:
            total = self._bars.tasks[self._id].total or 1
            self._bars.update(self._id, completed=total, total=total, what="done")


class Progress:
    """All steps of one run."""

    def __init__(self, steps: int) -> None:
        self._console = Console(soft_wrap=True)
        self._steps = steps
        self._number = 0
        self._bars: Bars | None = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description:38}"), BarColumn(), TaskProgressColumn())
            what = TextColumn("{task.fields[what]}", style="dim")
            self._bars = Bars(*columns, TimeElapsedColumn(), what, console=self._console)

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    @contextmanager
    def task(self, title: str) -> Iterator[Task]:
        self._number += 1
        started = time.monotonic()
        if self._bars is None:
            self._print(f"[{self._number}/{self._steps}] {title} ...")
        task = Task(title, self._console, self._bars)
        yield task
        task.finish()
        if self._bars is None:
            self._print(f"    done in {time.monotonic() - started:.1f} s")

    def warn(self, text: str) -> None:
        self._print(f"Warning: {text}")

    def note(self, text: str) -> None:
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)


def lines_of(process: subprocess.Popen[str]) -> Iterator[str | None]:
    """The process's lines, and None whenever it has been quiet for a moment."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=QUIET_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line
