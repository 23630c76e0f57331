import asyncio
from datetime import UTC, datetime

import pytest

from copilot.domain.care import LintCheck, LintProgress, LintReport
from copilot.domain.errors import DependencyUnavailable
from copilot.retrieval.lint.runs import LintRuns

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REPORT = LintReport(checked_at=NOW, documents=1, passages=2, findings=())


class SlowLint:
    """Waits until it is let go on, or fails."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = 0
        self.error: Exception | None = None

    async def run(self, tenant_id, *, checks, uncited_after, on_progress):
        self.begun += 1
        on_progress(LintProgress(step="comparing passages", done=1, total=2))
        await self.go.wait()
        if self.error:
            raise self.error
        return REPORT


@pytest.fixture
async def lint():
    return SlowLint()


@pytest.fixture
async def runs(lint):
    runs = LintRuns(lint)
    yield runs
    await runs.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing says when
            await asyncio.sleep(0)


async def test_shows_how_it_gets_on_and_then_what_was_found(lint, runs):
    assert runs.last("acme") is None
    runs.start("acme", {LintCheck.STALE})
    await until(lambda: runs.last("acme").progress.total == 2)
    assert runs.last("acme").report is None
    lint.go.set()
    await until(lambda: runs.last("acme").progress is None)
    assert runs.last("acme").report == REPORT
    assert runs.last("globex") is None


async def test_runs_once_at_a_time(lint, runs):
    runs.start("acme", {LintCheck.STALE})
    runs.start("acme", {LintCheck.STALE})
    await until(lambda: lint.begun)
    await asyncio.sleep(0)
    assert lint.begun == 1


async def test_stopping_keeps_what_was_found_before(lint, runs):
    lint.go.set()
    runs.start("acme", {LintCheck.STALE})
    await until(lambda: runs.last("acme").report)
    await until(lambda: runs.last("acme").progress is None)
    lint.go.clear()
    runs.start("acme", {LintCheck.STALE})
    await until(lambda: lint.begun == 2)
    await runs.stop("acme")
    assert runs.last("acme").progress is None
    assert runs.last("acme").report == REPORT


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DependencyUnavailable("the index is away.", hint="Wait."), "the index is away"),
        (KeyError("psg_1"), "the server's log says why"),
    ],
)
async def test_says_why_it_failed(lint, runs, error, told):
    lint.error = error
    lint.go.set()
    runs.start("acme", {LintCheck.STALE})
    await until(lambda: runs.last("acme").problem)
    assert told in runs.last("acme").problem
    await until(lambda: runs.last("acme").progress is None)
