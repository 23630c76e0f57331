"""Notes who was shown what of customers, and has it written beside the work, in batches."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from copilot.domain.access import Principal
from copilot.domain.errors import CopilotError
from copilot.domain.reads import Channel, Data, Read
from copilot.ports import Clock, Ids
from copilot.ports.reads import ReadStore
from copilot.ports.tasks import ended
from copilot.ports.tracing import current_cause

_log = logging.getLogger(__name__)
_WRITTEN_AFTER_SECONDS = 0.5
_AGAIN_AFTER_SECONDS = 2.0
_AT_ONCE = 1_000
_MOST_WAITING = 100_000
_REPEATED = timedelta(minutes=10)
_MOST_REMEMBERED = 20_000


class ReadJournal:
    """Keeps the audit of reads. `note` never waits; a process that is killed loses the last half second.

    While the database is gone what was noted waits, and is tried again. `lost` counts what was too much to
    keep waiting, which is logged as an error.
    """

    def __init__(
        self, store: ReadStore, clock: Clock, ids: Ids, *, seconds: float = _WRITTEN_AFTER_SECONDS
    ) -> None:
        """`seconds`: how long reads are gathered before they are written."""
        self.lost = 0
        self.store = store
        self._clock = clock
        self._ids = ids
        self._seconds = seconds
        self._waiting: list[Read] = []
        self._lately: OrderedDict[tuple[str, ...], datetime] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many reads are noted and not written yet."""
        return len(self._waiting)

    def note(
        self,
        principal: Principal,
        data: Data,
        *,
        channel: Channel,
        route: str,
        conversation_ids: Iterable[str] = (),
        subject_id: str | None = None,
        again: bool = False,
    ) -> None:
        """One read of each conversation, or one of none.

        With `again` it is what an open page or a list asks for over and over: noted once in ten minutes for
        the same person, address and conversation.
        """
        now = self._clock.now()
        cause = current_cause()
        named: list[str | None] = [*dict.fromkeys(conversation_ids)]
        for conversation_id in named or [None]:
            if again and self._was_lately(
                (principal.tenant_id, principal.id, channel, route, conversation_id or "", subject_id or ""),
                now,
            ):
                continue
            self._take(
                Read(
                    id=self._ids.new("read"),
                    tenant_id=principal.tenant_id,
                    actor_id=principal.id,
                    role=principal.role.value,
                    channel=channel,
                    data=data,
                    route=route,
                    conversation_id=conversation_id,
                    subject_id=subject_id,
                    request_id=cause.request_id if cause else None,
                    at=now,
                )
            )

    async def settle(self) -> None:
        """Writes what was noted; what cannot be written now is lost, and logged."""
        if self._writing is not None:
            await ended(self._writing)
        if not await self._write_all():
            self._lose(len(self._waiting))
            self._waiting.clear()

    def _take(self, read: Read) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._lose(1)
            return
        self._waiting.append(read)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon(), name="audit of reads")

    def _was_lately(self, what: tuple[str, ...], now: datetime) -> bool:
        noted = self._lately.get(what)
        if noted is not None and now - noted < _REPEATED:
            return True
        self._lately[what] = now
        self._lately.move_to_end(what)
        while len(self._lately) > _MOST_REMEMBERED:
            self._lately.popitem(last=False)
        return False

    async def _write_soon(self) -> None:
        await asyncio.sleep(self._seconds)
        while not await self._write_all():  # noqa: ASYNC110 - nobody tells when a database is back
            await asyncio.sleep(_AGAIN_AFTER_SECONDS)

    async def _write_all(self) -> bool:
        """False when the store did not take them."""
        while self._waiting:
            tenant_id = self._waiting[0].tenant_id
            batch = [read for read in self._waiting[:_AT_ONCE] if read.tenant_id == tenant_id]
            # Shielded, so that a batch under way when the server stops is not written a second time.
            if not await asyncio.shield(asyncio.ensure_future(self._write(tenant_id, batch))):
                return False
        return True

    async def _write(self, tenant_id: str, batch: list[Read]) -> bool:
        async with self._turn:
            ids = {read.id for read in batch}
            batch = [read for read in self._waiting if read.id in ids]
            try:
                if batch:
                    await self.store.append(tenant_id, batch)
            except CopilotError as error:
                _log.warning("%d reads wait to be written: %s", len(self._waiting), error.code)
                return False
            except Exception:  # noqa: BLE001 - others must not wait behind it for ever
                _log.exception("these reads cannot be written")
                self._lose(len(batch))
            self._waiting = [read for read in self._waiting if read.id not in ids]
            return True

    def _lose(self, count: int) -> None:
        if count:
            self.lost += count
            _log.error("the audit of %d reads is lost", count)
