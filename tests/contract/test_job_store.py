"""What a JobStore does, in memory and on SQLite."""

from datetime import UTC, datetime, timedelta

import pytest

from copilot.adapters.fakes.job_store import MemoryJobStore
from copilot.adapters.sql.job_store import SqlJobStore
from copilot.domain.errors import NotFound
from copilot.domain.ingest import IngestJob, IngestReport, JobStatus
from copilot.domain.knowledge import Refusal

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        yield MemoryJobStore()
        return
    database = await opened(request.param)
    yield SqlJobStore(database)


def job(number=1, tenant="acme", **more):
    made = {"id": f"job_{number:04}", "tenant_id": tenant, "requested_by": "km_1", "created_at": NOW}
    return IngestJob(**made | more)


async def test_a_job_comes_back_as_it_was_kept(store):
    kept = job(source="help", dry_run=True)
    await store.add(kept)
    assert await store.get("acme", kept.id) == kept


async def test_saving_replaces_it_with_its_report(store):
    await store.add(job())
    report = IngestReport(added=("a v1",), refused=(Refusal(source="x", reason="no"),))
    ended = job(status=JobStatus.SUCCEEDED, report=report, finished_at=NOW, done=3, total=3)
    await store.save(ended)
    assert await store.get("acme", ended.id) == ended


async def test_files_are_kept_in_order_until_the_job_has_ended(store):
    await store.add(job(), [("b.md", b"2"), ("a.md", b"\x00\xff"), ("b.md", b"3")])
    await store.save(job(status=JobStatus.RUNNING))
    assert await store.files("acme", job().id) == [("b.md", b"2"), ("a.md", b"\x00\xff"), ("b.md", b"3")]
    await store.save(job(status=JobStatus.FAILED))
    assert await store.files("acme", job().id) == []


async def test_jobs_are_listed_newest_first_page_by_page(store):
    for number in (2, 1, 3):
        await store.add(job(number))
    first = await store.list_jobs("acme", limit=2)
    assert [found.id for found in first] == ["job_0003", "job_0002"]
    assert [found.id for found in await store.list_jobs("acme", after=first[-1].id)] == ["job_0001"]


async def test_what_has_not_ended_is_found_at_a_start_oldest_first(store):
    await store.add(job(3))
    await store.add(job(2, tenant="other", status=JobStatus.RUNNING))
    await store.add(job(1, status=JobStatus.CANCELLED))
    assert [found.id for found in await store.unfinished()] == ["job_0002", "job_0003"]


async def test_another_tenants_job_is_not_there(store):
    await store.add(job(), [("a.md", b"secret")])
    assert await store.list_jobs("other") == []
    assert await store.files("other", job().id) == []
    with pytest.raises(NotFound):
        await store.get("other", job().id)
    with pytest.raises(NotFound):
        await store.save(job(tenant="other", status=JobStatus.CANCELLED))
    assert (await store.get("acme", job().id)).status is JobStatus.QUEUED


async def test_jobs_that_ended_long_ago_are_forgotten_and_open_ones_never(store):
    old = NOW - timedelta(days=31)
    await store.add(job(1, created_at=old, status=JobStatus.SUCCEEDED))
    await store.add(job(2, created_at=old))
    await store.add(job(3))
    assert [found.id for found in await store.list_jobs("acme")] == ["job_0003", "job_0002"]
