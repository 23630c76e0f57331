"""Runs the checks in the background, where pages and programs can look at how they get on."""

import asyncio
import logging
from collections.abc import Set as AbstractSet
from datetime import timedelta

from copilot.domain.care import LintCheck, LintProgress, LintRun
from copilot.domain.errors import CopilotError
from copilot.ports.tasks import ended
from copilot.retrieval.lint.lint import UNCITED_AFTER, KnowledgeLint

_log = logging.getLogger(__name__)


class LintRuns:
    """One run at a time for each tenant, in this process: the next one replaces what it found."""

    def __init__(self, lint: KnowledgeLint) -> None:
        self._lint = lint
        self._runs: dict[str, LintRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def last(self, tenant_id: str) -> LintRun | None:
        return self._runs.get(tenant_id)

    def start(
        self, tenant_id: str, checks: AbstractSet[LintCheck], uncited_after: timedelta = UNCITED_AFTER
    ) -> LintRun:
        """Unless one is under way, which is then the answer."""
        if tenant_id not in self._tasks:
            before = self._runs.get(tenant_id)
            self._runs[tenant_id] = LintRun(
                progress=LintProgress(step="beginning"),
                report=before.report if before else None,
            )
            work = self._run(tenant_id, frozenset(checks), uncited_after)
            self._tasks[tenant_id] = asyncio.create_task(work)
        return self._runs[tenant_id]

    async def stop(self, tenant_id: str) -> None:
        """What an earlier run found stays."""
        if (task := self._tasks.get(tenant_id)) is not None:
            await ended(task)

    async def close(self) -> None:
        for tenant_id in list(self._tasks):
            await self.stop(tenant_id)

    async def _run(self, tenant_id: str, checks: frozenset[LintCheck], uncited_after: timedelta) -> None:
        def tell(progress: LintProgress) -> None:
            self._change(tenant_id, progress=progress)

        try:
            report = await self._lint.run(
                tenant_id, checks=checks, uncited_after=uncited_after, on_progress=tell
            )
            self._change(tenant_id, report=report)
        except CopilotError as error:
            self._change(tenant_id, problem=error.told)
        except Exception:  # noqa: BLE001 - the page says so
            _log.exception("the checks of the knowledge failed")
            self._change(tenant_id, problem="The checks failed; the server's log says why.")
        finally:
            self._change(tenant_id, progress=None)
            del self._tasks[tenant_id]

    def _change(self, tenant_id: str, **values: object) -> None:
        self._runs[tenant_id] = self._runs[tenant_id].model_copy(update=values)
