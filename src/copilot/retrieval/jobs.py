"""Ingest in the background: one job at a time, followed by whoever asks, begun again after a crash."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from contextvars import Context, copy_context

from copilot.domain.errors import Conflict, CopilotError, DependencyUnavailable
from copilot.domain.ingest import IngestJob, IngestProgress, IngestReport, JobEvent, JobStatus
from copilot.ports import Clock, DocumentSource, Ids, JobStore, RemoteSource, SourceCatalog
from copilot.ports import trace_names as names
from copilot.ports.tasks import ended
from copilot.ports.tracing import NO_TRACER, Span, SpanKind, Tracer, current_span, within
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.library import Library
from copilot.retrieval.planning import Planner
from copilot.retrieval.remote import RemoteIngest

_log = logging.getLogger(__name__)
MAX_ATTEMPTS = 3
"""A job that was begun so often and never ended probably brings the process down."""
_SAVED_EVERY = 1.0
"""Seconds between two writes of a job's progress."""
_TOLD_EVERY = 0.2
_LOOKED_EVERY = 2.0
"""Seconds between two looks at what other servers have taken in, or have done."""


class IngestJobs:
    """`start` goes on with what a crash left; `stop` leaves what runs to the next start."""

    def __init__(
        self,
        *,
        store: JobStore,
        catalog: SourceCatalog,
        library: Library,
        ingestor: Ingestor,
        planner: Planner,
        remote: RemoteIngest,
        clock: Clock,
        ids: Ids,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._tracer = tracer
        self._store = store
        self._catalog = catalog
        self._library = library
        self._ingestor = ingestor
        self._planner = planner
        self._remote = remote
        self._clock = clock
        self._ids = ids
        self._queue: deque[IngestJob] = deque()
        self._asked_in: dict[str, Context] = {}
        """By job: the request that a job belongs to, for its trace and its log lines."""
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._running: _Running | None = None
        self._begun: set[str] = set()
        """Jobs that ran here, and have not been seen to end."""
        self._told = asyncio.Condition()
        self._changes = 0
        self._stopping = False

    async def start(self, *, work: bool = True) -> None:
        """Goes on with what is unfinished; without `work` this server only takes in for another."""
        if not work:
            return
        await self._take_in(left_by_a_crash=True)
        self._worker = asyncio.create_task(self._work(), name="ingest jobs")

    async def stop(self) -> None:
        self._stopping = True
        if self._worker is not None:
            await ended(self._worker)

    async def submit_source(
        self, tenant_id: str, requested_by: str, source: str, *, dry_run: bool = False
    ) -> IngestJob:
        """Queues the ingest of a configured source. `NotFound` when there is none of this name."""
        opened = await asyncio.to_thread(self._catalog.open, tenant_id, source)
        opened.close()
        return await self._submit(tenant_id, requested_by, source, (), dry_run=dry_run)

    async def submit_files(
        self, tenant_id: str, requested_by: str, files: Sequence[tuple[str, bytes]], *, dry_run: bool = False
    ) -> IngestJob:
        """Queues the ingest of uploaded files, which are kept until it has ended."""
        return await self._submit(tenant_id, requested_by, None, files, dry_run=dry_run)

    async def get(self, tenant_id: str, job_id: str) -> IngestJob:
        """As it stands now. `NotFound` when the tenant has no such job."""
        job = await self._store.get(tenant_id, job_id)
        return self._running.job if self._running and self._running.job.id == job.id else job

    async def list_jobs(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[IngestJob]:
        return await self._store.list_jobs(tenant_id, after=after, limit=limit)

    async def cancel(self, tenant_id: str, job_id: str) -> IngestJob:
        """What is stored already stays. `Conflict` when it has ended."""
        job = await self.get(tenant_id, job_id)
        if job.status.is_final:
            raise Conflict(f"job {job_id} has ended: {job.status.value}.", hint="There is nothing to cancel.")
        if self._running is not None and self._running.job.id == job_id:
            running = self._running
            running.task.cancel()
            await asyncio.wait([running.task])
            return await self._store.get(tenant_id, job_id)
        self._queue = deque(waiting for waiting in self._queue if waiting.id != job_id)
        self._asked_in.pop(job_id, None)
        return await self._end(job, JobStatus.CANCELLED)

    async def watch(self, tenant_id: str, job_id: str) -> AsyncGenerator[JobEvent]:
        """How the job stands now, then whenever that changes; ends with its report."""
        number, last = 0, None
        while True:
            changes = self._changes
            job = await self.get(tenant_id, job_id)
            if job != last:
                number += 1
                last = job
                yield JobEvent(id=number, type="job.done" if job.status.is_final else "job.progress", job=job)
            if job.status.is_final:
                return
            await self._changed_since(changes)
            await asyncio.sleep(_TOLD_EVERY)

    async def _submit(
        self,
        tenant_id: str,
        requested_by: str,
        source: str | None,
        files: Sequence[tuple[str, bytes]],
        *,
        dry_run: bool,
    ) -> IngestJob:
        job = IngestJob(
            id=self._ids.new("job"),
            tenant_id=tenant_id,
            requested_by=requested_by,
            source=source,
            dry_run=dry_run,
            created_at=self._clock.now(),
        )
        await self._store.add(job, files)
        if self._worker is not None:
            self._enqueue(job)
        return job

    def _enqueue(self, job: IngestJob) -> None:
        self._queue.append(job)
        self._asked_in[job.id] = copy_context()
        self._wake.set()

    async def _work(self) -> None:
        """For ever: a database that is gone ends no more than the job it was needed for."""
        while True:
            try:
                await self._work_once()
            except Exception:  # noqa: BLE001 - the worker outlives whatever one round meets
                _log.exception("ingest jobs wait; they are looked at again in %.0f s", _LOOKED_EVERY)
                await asyncio.sleep(_LOOKED_EVERY)

    async def _work_once(self) -> None:
        """The next job, or a look at what there is."""
        self._wake.clear()
        if not self._queue:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOKED_EVERY)
            await self._take_in()
            return
        job = self._queue.popleft()
        if (await self._store.get(job.tenant_id, job.id)).status.is_final:  # cancelled elsewhere
            return
        begun = job.model_copy(
            update={
                "status": JobStatus.RUNNING,
                "started_at": self._clock.now(),
                "attempts": job.attempts + 1,
            }
        )
        asked_in = self._asked_in.pop(job.id, None)
        task = asyncio.create_task(self._run(begun), name=job.id, context=asked_in)
        self._running = _Running(begun, task)
        self._begun.add(job.id)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:  # the server stops: the job goes on at the next start
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            self._running = None
        await self._tell()
        if not task.cancelled():
            task.result()

    async def _take_in(self, *, left_by_a_crash: bool = False) -> None:
        """What other servers were asked for, and what a crash or a lost database has left half-way here.

        Nothing runs here while this looks. What another server runs is its own: a worker that hung for a
        while may not know yet that there is another.
        """
        known = {job.id for job in self._queue}
        unfinished = await self._store.unfinished()
        self._begun &= {job.id for job in unfinished}
        for job in unfinished:
            ours = left_by_a_crash or job.id in self._begun or job.status is JobStatus.QUEUED
            if job.id in known or not ours:
                continue
            if job.attempts >= MAX_ATTEMPTS:
                await self._end(
                    job, JobStatus.FAILED, problem=f"it was interrupted {job.attempts} times; start it anew."
                )
            else:
                self._enqueue(job)

    async def _run(self, job: IngestJob) -> None:
        with within(self._span(job)) as this:
            status = await self._run_to_its_end(job)
            if status is JobStatus.FAILED:
                this.fail(status.value)

    def _span(self, job: IngestJob) -> Span:
        """In its request's trace; in one of its own after a restart, or when another server was asked."""
        described = {names.JOB_ID: job.id, names.TENANT: job.tenant_id}
        request = current_span()
        if request.trace_id:
            return request.child(names.JOB, SpanKind.CONSUMER, described)
        return self._tracer.start(names.JOB, SpanKind.CONSUMER, described)

    async def _run_to_its_end(self, job: IngestJob) -> JobStatus:
        """Ends the job one way or another; nothing that goes wrong in it ends the worker."""
        saver = asyncio.create_task(self._save_progress())
        status, problem, report, again = JobStatus.FAILED, None, None, False
        try:
            await self._store.save(job)
            await self._tell()
            report = await self._ingest(job)
            status = JobStatus.SUCCEEDED
        except asyncio.CancelledError:
            status = JobStatus.CANCELLED
        except DependencyUnavailable as error:
            problem = error.told
            # What was uploaded needs nobody but ourselves: the database or the index was gone for a while.
            again = job.source is None and job.attempts < MAX_ATTEMPTS
        except CopilotError as error:
            problem = str(error)
        except Exception:  # noqa: BLE001 - logged; the next job has nothing to do with it
            _log.exception("job %s failed", job.id)
            problem = "something unexpected went wrong; the log has it."
        saver.cancel()
        await asyncio.wait([saver])  # or its last write would come after ours
        if again and not self._stopping:
            _log.warning("job %s is begun again: %s", job.id, problem)
            await self._store.save(job.model_copy(update={"status": JobStatus.QUEUED}))
            return JobStatus.QUEUED
        if self._stopping:  # goes on at the next start, which mends the index
            waiting = {"status": JobStatus.QUEUED, "attempts": job.attempts - 1}
            await self._store.save(job.model_copy(update=waiting))
            return JobStatus.QUEUED
        if status is not JobStatus.SUCCEEDED:
            await self._mend(job)
        await self._end(self._latest(job), status, problem=problem, report=report)
        return status

    async def _ingest(self, job: IngestJob) -> IngestReport:
        if job.source is None:
            files = await self._store.files(job.tenant_id, job.id)
            return await self._store_or_plan(job, self._library.files(files))
        source = await asyncio.to_thread(self._catalog.open, job.tenant_id, job.source)
        try:
            if isinstance(source, DocumentSource):
                return await self._store_or_plan(job, source)
            return await self._ingest_remote(job, source)
        finally:
            source.close()

    async def _ingest_remote(self, job: IngestJob, source: RemoteSource) -> IngestReport:
        spooled = await self._remote.fetch(job.tenant_id, source, self._moved("Fetching"))
        try:
            if job.dry_run:
                return await self._store_or_plan(job, spooled)
            moved = self._moved("Storing")
            return await self._remote.store(job.tenant_id, source, spooled, self._ingestor, moved)
        finally:
            spooled.close()

    async def _store_or_plan(self, job: IngestJob, source: DocumentSource) -> IngestReport:
        if job.dry_run:
            return await self._planner.plan(job.tenant_id, source, self._moved("Comparing"))
        return await self._ingestor.ingest(job.tenant_id, source, self._moved("Storing"))

    def _moved(self, stage: str) -> Callable[[IngestProgress], None]:
        def move(progress: IngestProgress) -> None:
            if self._running is not None:
                self._running.job = self._running.job.model_copy(
                    update={"stage": stage, "done": progress.done, "total": progress.total}
                )
                self._running.tellers = [t for t in self._running.tellers if not t.done()]
                if not self._running.tellers:
                    self._running.tellers.append(asyncio.ensure_future(self._tell()))

        return move

    async def _save_progress(self) -> None:
        saved: IngestJob | None = None
        while True:
            await asyncio.sleep(_SAVED_EVERY)
            if self._running is None:
                continue
            job = self._running.job
            if (await self._store.get(job.tenant_id, job.id)).status is JobStatus.CANCELLED:  # elsewhere
                self._running.task.cancel()
                return
            if job != saved:
                saved = job
                await self._store.save(saved)

    async def _mend(self, job: IngestJob) -> None:
        """What was broken off between SQL and the index is made whole at once."""
        if not job.dry_run:
            try:
                await self._ingestor.heal(job.tenant_id)
            except CopilotError:
                _log.exception("the index could not be mended after job %s", job.id)

    async def _end(
        self,
        job: IngestJob,
        status: JobStatus,
        *,
        problem: str | None = None,
        report: IngestReport | None = None,
    ) -> IngestJob:
        ended = job.model_copy(
            update={
                "status": status,
                "stage": "",
                "finished_at": self._clock.now(),
                "problem": problem,
                "report": report,
            }
        )
        await self._store.save(ended)
        if self._running is not None and self._running.job.id == job.id:
            self._running.job = ended
        await self._tell()
        return ended

    def _latest(self, job: IngestJob) -> IngestJob:
        return self._running.job if self._running and self._running.job.id == job.id else job

    async def _changed_since(self, changes: int) -> None:
        async with self._told:
            with suppress(TimeoutError):  # of another server's work nobody tells us
                await asyncio.wait_for(
                    self._told.wait_for(lambda: self._changes != changes),
                    None if self._worker else _LOOKED_EVERY,
                )

    async def _tell(self) -> None:
        async with self._told:
            self._changes += 1
            self._told.notify_all()


class _Running:
    def __init__(self, job: IngestJob, task: "asyncio.Task[None]") -> None:
        self.job = job
        self.task = task
        self.tellers: list[asyncio.Future[None]] = []
