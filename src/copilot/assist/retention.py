"""Retention: what has become old goes by itself, on one server at a time."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from copilot.assist.erasure import Eraser
from copilot.domain.actions import LedgerRecord
from copilot.domain.privacy import WHOLE_CONVERSATIONS, RetentionKind, RetentionReport
from copilot.ports import AgedRecords, Clock, Leases, LedgerStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import Tracer, within

_log = logging.getLogger(__name__)
_LEASE = "retention"
_FIRST_AFTER_SECONDS = 60.0
_PAUSE = timedelta(hours=1)
_HELD = timedelta(minutes=55)
"""Less than the pause, so that whoever held it may take it again; the others find it taken meanwhile."""

Days = Mapping[RetentionKind, int]


class Retention:
    """Removes of each tenant what is older than its days of that kind; kinds without days are kept."""

    def __init__(
        self,
        rules: Mapping[str, Days],
        aged: AgedRecords,
        eraser: Eraser,
        leases: Leases,
        ledger: LedgerStore,
        clock: Clock,
        holder: str,
    ) -> None:
        """`holder` is this process, as no other is called."""
        self._rules = rules
        self._aged = aged
        self._eraser = eraser
        self._leases = leases
        self._ledger = ledger
        self._clock = clock
        self._holder = holder

    async def run(self, tracer: Tracer) -> None:
        """For as long as the server runs, once an hour; what fails is logged and tried again."""
        pause = _FIRST_AFTER_SECONDS
        while True:
            await asyncio.sleep(pause)
            for tenant_id in self._rules:
                try:
                    with within(tracer.start(names.RETENTION)) as this:
                        if (report := await self.retain(tenant_id)) is not None:
                            removed = {names.removed(kind.value): n for kind, n in report.removed.items()}
                            this.set(removed)
                except Exception:  # noqa: BLE001 - it is tried again
                    _log.exception("retention did not end")
            pause = _PAUSE.total_seconds()

    async def plan(self, tenant_id: str) -> RetentionReport:
        """What `retain` would remove now."""
        now, days = self._clock.now(), self._rules.get(tenant_id, {})
        counts = {
            kind: await self._aged.count(tenant_id, kind, now - timedelta(days=after))
            for kind, after in days.items()
        }
        return RetentionReport(tenant=tenant_id, at=now, days=dict(days), removed=counts, dry_run=True)

    async def retain(self, tenant_id: str) -> RetentionReport | None:
        """What was removed; None while another server does it, or has done it within the hour."""
        if not await self._hold(tenant_id):
            return None
        now, days = self._clock.now(), self._rules.get(tenant_id, {})
        removed, refused, finished = Counter[RetentionKind](), 0, True
        for kind, after in days.items():
            before = now - timedelta(days=after)
            if kind in WHOLE_CONVERSATIONS:
                gone, kept, ended = await self._conversations(tenant_id, kind, before)
                refused += kept
            else:
                gone, ended = await self._rows(tenant_id, kind, before)
            removed[kind] += gone
            if not ended:
                finished = False
                break
        report = RetentionReport(
            tenant=tenant_id,
            at=now,
            days=dict(days),
            removed={kind: removed[kind] for kind in days},
            refused=refused,
            finished=finished,
        )
        await self._tell(report)
        return report

    async def _conversations(
        self, tenant_id: str, kind: RetentionKind, before: datetime
    ) -> tuple[int, int, bool]:
        """How many went, how many have an action under way, and whether all were looked at."""
        gone, kept, last = 0, 0, ""
        while batch := await self._aged.old_conversations(tenant_id, kind, before, after=last):
            if not await self._hold(tenant_id):
                return gone, kept, False
            _, refused = await self._eraser.take_out(tenant_id, batch)
            gone, kept, last = gone + len(batch) - len(refused), kept + len(refused), batch[-1]
        return gone, kept, True

    async def _rows(self, tenant_id: str, kind: RetentionKind, before: datetime) -> tuple[int, bool]:
        gone = 0
        while batch := await self._aged.remove(tenant_id, kind, before):
            gone += batch
            if not await self._hold(tenant_id):
                return gone, False
        return gone, True

    async def _hold(self, tenant_id: str) -> bool:
        now = self._clock.now()
        return await self._leases.take(tenant_id, _LEASE, self._holder, now, now + _HELD)

    async def _tell(self, report: RetentionReport) -> None:
        counts = {kind.value: count for kind, count in report.removed.items() if count}
        if not counts:
            return
        body = {"removed": counts, "refused": report.refused, "days": report.days}
        record = LedgerRecord(kind="retention", subject_id=report.tenant, body=body, at=report.at)
        await self._ledger.append(report.tenant, record)
        said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        _log.info("retention removed %s of %s", said, report.tenant)
