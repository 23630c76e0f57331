"""Uploads, bulk and jobs over the HTTP API, on SQLite and an in-memory index."""

import asyncio
import io
import json
import zipfile

import httpx
import pytest
from tests.servers.faults import serving
from tests.servers.help_centres import Guide, Site, urlset, website, zendesk, zendesk_article
from tests.servers.otlp import collector

from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.api_key_store import MemoryApiKeyStore
from copilot.adapters.fakes.console_sessions import MemoryConsoleSessions
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.idempotency_store import MemoryIdempotencyStore
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.fakes.read_store import MemoryReadStore
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.fakes.usage_store import MemoryUsageStore
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.loaders.reading import read_file
from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.adapters.otel_tracing import OtelSettings, OtelTracer
from copilot.adapters.plain_tracing import PlainTracer
from copilot.adapters.probes import Probes
from copilot.adapters.sources.catalog import FolderCatalog
from copilot.adapters.sources.spool import SpooledSource
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.job_store import SqlJobStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.api.app import create_api
from copilot.assist.metering import Metering
from copilot.assist.read_journal import ReadJournal
from copilot.bootstrap.vitals import Vitals
from copilot.domain.access import Principal, Role
from copilot.domain.errors import DependencyUnavailable
from copilot.domain.ingest import IngestJob, JobStatus
from copilot.ports import trace_names as names
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.jobs import IngestJobs
from copilot.retrieval.library import Library
from copilot.retrieval.planning import Planner
from copilot.retrieval.remote import RemoteIngest

RETURNS = "# Returns\n\n## 3.2 Window\n\nWithin 30 days.\n"


class SlowEmbedder(HashingEmbedder):
    """Waits before each batch where it is told to."""

    def __init__(self):
        super().__init__(32)
        self.gate = asyncio.Event()
        self.gate.set()
        self.embedded = 0

    async def embed_passages(self, texts, on_progress=None):
        await self.gate.wait()
        self.embedded += len(texts)
        return await super().embed_passages(texts, on_progress)


class NoEvents:
    subscriber_count = 0
    cut_off_count = 0

    def listen(self, hear):
        """There is nothing to hear."""


class World:
    """What `create_api` asks for, as far as knowledge goes."""

    def __init__(self, folder, database, tracer=None):
        self.folder = folder / "sources"
        self.folder.mkdir(exist_ok=True)
        self.clock, counter = SystemClock(), FakeTokenCounter()
        self.tracer, self.ended = tracer or PlainTracer(), []
        self.tracer.listen(self.ended.append)
        self.documents = SqlKnowledgeStore(database)
        self.index, self.embedder = InMemoryPassageIndex(), SlowEmbedder()
        chunker = Chunker(counter, counter)
        self.ingestor = Ingestor(
            store=self.documents,
            index=self.index,
            embedder=self.embedder,
            chunker=chunker,
            open_folder=FolderSource,
        )
        planner = Planner(self.documents, chunker)
        self.library = Library(self.ingestor, self.documents, planner, read_file)
        self.sources = FolderCatalog("larkfield", self.folder, {}.get, allowed=lambda _: True)
        self.job_store = SqlJobStore(database)
        self.jobs = IngestJobs(
            store=self.job_store,
            catalog=self.sources,
            library=self.library,
            ingestor=self.ingestor,
            planner=planner,
            remote=RemoteIngest(self.documents, SpooledSource.of),
            clock=self.clock,
            ids=Uuid7Ids(),
            tracer=self.tracer,
        )
        self.api_keys = MemoryApiKeyStore(self.clock)
        self.console_sessions = MemoryConsoleSessions()
        self.reads = ReadJournal(MemoryReadStore(), self.clock, Uuid7Ids(), seconds=0)
        self.idempotency = MemoryIdempotencyStore()
        self.rates = MemoryRateLimiter(per_minute=100_000, burst=100_000)
        self.person_tokens = self.sign_in_offer = None
        self.usage = Metering(MemoryUsageStore())
        self.events = NoEvents()
        self.assist = self.conversations = self.actions = self.search = None
        self.vitals = Vitals(Probes((), self.clock))

    async def agree(self):
        return await self.index.ids("larkfield") == await self.documents.passage_ids("larkfield")

    def describe(self, name, text):
        (self.folder / f"{name}.yaml").write_text(text)


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(tmp_path / "t.db")
    yield opened
    await opened.close()


@pytest.fixture
async def world(tmp_path, database):
    made = World(tmp_path, database)
    await made.jobs.start()
    yield made
    await made.jobs.stop()


@pytest.fixture
async def client_of(world):
    transport = httpx.ASGITransport(create_api(world))
    clients = []

    async def signed_in(role=Role.KNOWLEDGE_MANAGER, tenant_id="larkfield"):
        principal = Principal(id=f"{role}_1", tenant_id=tenant_id, name="Ana", role=role)
        headers = {"Authorization": f"Bearer {await world.api_keys.create(principal)}"}
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers))
        return clients[-1]

    yield signed_in
    for client in clients:
        await client.aclose()


@pytest.fixture
async def client(client_of):
    return await client_of()


def files(*pairs):
    return [("files", pair) for pair in pairs]


def job_spans(world):
    """(job, error) of each that ended."""
    return [(e.attributes[names.JOB_ID], e.error) for e in world.ended if e.name == names.JOB]


def packed(*pairs):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as made:
        for name, content in pairs:
            made.writestr(name, content)
    return into.getvalue()


def events(text):
    """(event, data) of a stream that has ended."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def until(holds):
    for _ in range(1_000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def ended(client, job):
    """The job after its stream has ended, with all that was told on the way."""
    stream = await client.get(f"/v1/knowledge/jobs/{job['id']}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    told = events(stream.text)
    assert told[-1][0] == "job.done"
    return told[-1][1]["job"], told


# ------------------------------------------------------------ uploads


async def test_each_uploaded_file_has_its_own_fate(client, world):
    answer = await client.post(
        "/v1/knowledge/uploads",
        files=files(
            ("returns.md", RETURNS),
            ("all.zip", packed(("fees.md", "# Fees\n\nNone."), ("../x.md", "x"))),
            ("a.xyz", "x"),
        ),
    )
    report = answer.json()
    assert answer.status_code == 200
    assert sorted(report["added"]) == ["fees v1", "returns v1"]
    assert {r["source"] for r in report["refused"]} == {"upload/a.xyz", "upload/all.zip!/../x.md"}
    assert all(r["reason"] and r["hint"] for r in report["refused"])
    assert await world.agree()


async def test_an_upload_never_removes_anything(client):
    await client.post("/v1/knowledge/uploads", files=files(("returns.md", RETURNS)))
    report = (await client.post("/v1/knowledge/uploads", files=files(("fees.md", "None.")))).json()
    assert (report["added"], report["removed"]) == (["fees v1"], [])


async def test_a_dry_run_shows_the_passages_and_stores_nothing(client, world):
    await client.post("/v1/knowledge/uploads", files=files(("fees.md", "# Fees\n\nNone.")))
    embedded = world.embedder.embedded
    given = files(("returns.md", RETURNS), ("fees.md", "# Fees\n\nFive."), ("a.xyz", "x"))
    plan = (await client.post("/v1/knowledge/uploads?dry_run=true", files=given)).json()
    assert (plan["report"]["added"], plan["report"]["changed"]) == (["returns v1"], ["fees v1"])
    assert len(plan["report"]["refused"]) == 1
    (passage,) = plan["documents"][0]["passages"]
    assert (passage["text"], passage["heading_path"]) == ("Within 30 days.", ["Returns", "3.2 Window"])
    assert passage["token_count"] > 0
    assert world.embedder.embedded == embedded
    assert await world.documents.passage_count("larkfield") == 1


async def test_a_single_upload_is_stored_whole_or_not_at_all(client, world):
    zipped = packed(("a.md", "Good."), ("b.xyz", "bad"))
    answer = await client.post("/v1/knowledge/documents", files={"file": ("all.zip", zipped)})
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_document")
    assert "all.zip!/b.xyz" in answer.json()["where"]
    assert await world.documents.passage_count("larkfield") == 0


async def test_passages_are_shown_as_the_index_sees_them(client):
    await client.post("/v1/knowledge/uploads", files=files(("returns 2026.md", RETURNS)))
    answer = await client.get("/v1/knowledge/documents/returns 2026/passages")
    assert [(p["text"], p["context"]) for p in answer.json()] == [("Within 30 days.", "Returns › 3.2 Window")]
    assert (await client.get("/v1/knowledge/documents/nothing/passages")).status_code == 404


async def test_metadata_of_a_put_document_is_kept(client):
    metadata = {"owner": "Ops", "review_on": "2027-01-01", "valid_from": "2026-01-01", "audience": "internal"}
    body = {"title": "Returns", "text": RETURNS, "metadata": metadata}
    kept = (await client.put("/v1/knowledge/documents/returns", json=body)).json()
    assert {key: kept[key] for key in metadata} == metadata


# ------------------------------------------------------------ bulk

BULK = "/v1/knowledge/documents/bulk"


def lines(*documents):
    return "\n".join(d if isinstance(d, str) else json.dumps(d) for d in documents)


async def test_a_malformed_line_is_named_and_the_rest_goes_in(client, world):
    body = lines(
        {"external_id": "a", "title": "A", "text": "One.", "metadata": {"tags": ["x"], "locale": "de"}},
        "{not json",
        "",
        {"external_id": "b", "title": "B"},
        {"external_id": "../c", "title": "C", "text": "x"},
        {"external_id": "d", "title": "D", "text": "x", "metadata": {"valid_from": "2026-13-01"}},
        {"external_id": "e", "title": "E", "text": "# Only a heading"},
        {"external_id": "a", "title": "A", "text": "Again."},
        {"external_id": "f", "title": "F", "text": "Last."},
    )
    report = (await client.post(BULK, content=body, headers={"Content-Type": "application/x-ndjson"})).json()
    assert sorted(report["added"]) == ["a v1", "f v1"]
    refused = {r["source"]: r["reason"] for r in report["refused"]}
    assert set(refused) == {"line 2", "line 4", "line 5", "line 6", "line 7", "upload/a"}
    assert "not JSON" in refused["line 2"]
    assert refused["line 4"].startswith("text: ")
    assert "metadata.valid_from" in refused["line 6"]
    assert (await world.documents.get_document("larkfield", "a")).locale == "de"


async def test_bulk_can_be_tried_first_and_is_answered_once_per_key(client, world):
    body = lines({"external_id": "a", "title": "A", "text": "One."})
    plan = (await client.post(f"{BULK}?dry_run=true", content=body)).json()
    assert plan["report"]["added"] == ["a v1"]
    assert await world.documents.content_hashes("larkfield") == {}
    key = {"Idempotency-Key": "k"}
    first = await client.post(BULK, content=body, headers=key)
    again = await client.post(BULK, content=body, headers=key)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


async def test_an_empty_bulk_is_refused(client):
    answer = await client.post(BULK, content="\n\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


# ------------------------------------------------------------ jobs


async def test_an_upload_job_tells_its_progress_and_ends_with_its_report(client, world):
    given = files(*[(f"{n}.md", f"# {n}\n\nText {n}.") for n in range(40)], ("bad.pdf", b"x"))
    answer = await client.post("/v1/knowledge/jobs/uploads", files=given)
    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"
    job, told = await ended(client, answer.json())
    assert (job["status"], len(job["report"]["added"]), len(job["report"]["refused"])) == ("succeeded", 40, 1)
    assert job["done"] == job["total"] == 41
    assert {name for name, _ in told[:-1]} <= {"job.progress"}
    assert (await client.get(f"/v1/knowledge/jobs/{job['id']}")).json() == job
    assert await world.agree()


async def test_a_configured_source_is_ingested_by_name(client, world):
    guide = Guide(articles=[zendesk_article(n, f"T{n}", f"<p>Text {n}.</p>") for n in (1, 2, 3)])
    with serving(zendesk(guide)) as base:
        world.describe("help", f"kind: zendesk\nurl: {base}\ndelay_seconds: 0.1\n")
        assert (await client.get("/v1/knowledge/sources")).json() == [{"name": "help", "kind": "zendesk"}]
        planned = (await client.post("/v1/knowledge/jobs", json={"source": "help", "dry_run": True})).json()
        plan, _ = await ended(client, planned)
        assert len(plan["report"]["added"]) == 3
        assert await world.documents.content_hashes("larkfield") == {}
        job, _ = await ended(
            client, (await client.post("/v1/knowledge/jobs", json={"source": "help"})).json()
        )
        assert len(job["report"]["added"]) == 3
        guide.articles.pop()
        job, _ = await ended(
            client, (await client.post("/v1/knowledge/jobs", json={"source": "help"})).json()
        )
        assert job["report"]["removed"] == ["zendesk-3-en-us v1"]


async def test_a_configured_folder_is_a_source_too(client, world, tmp_path):
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "returns.md").write_text(RETURNS)
    world.describe("articles", "kind: folder\npath: ../kb\n")
    job, _ = await ended(
        client, (await client.post("/v1/knowledge/jobs", json={"source": "articles"})).json()
    )
    assert job["report"]["added"] == ["returns v1"]


async def test_a_source_that_nobody_described_is_not_found(client):
    answer = await client.post("/v1/knowledge/jobs", json={"source": "nowhere"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    address = await client.post("/v1/knowledge/jobs", json={"source": "https://169.254.169.254/"})
    assert address.status_code == 422


async def test_a_job_that_runs_can_be_cancelled_and_leaves_whole_documents(client, world):
    world.embedder.gate.clear()
    given = files(*[(f"{n}.md", f"# {n}\n\nText {n}.") for n in range(40)])
    job = (await client.post("/v1/knowledge/jobs/uploads", files=given)).json()
    waiting = (await client.post("/v1/knowledge/jobs/uploads", files=files(("x.md", "X.")))).json()

    async def runs():
        return (await client.get(f"/v1/knowledge/jobs/{job['id']}")).json()["status"] == "running"

    await until(runs)
    for one in (waiting, job):
        cancelled = await client.post(f"/v1/knowledge/jobs/{one['id']}/cancel")
        assert cancelled.json()["status"] == "cancelled"
    again = await client.post(f"/v1/knowledge/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    world.embedder.gate.set()
    job, _ = await ended(client, (await client.post("/v1/knowledge/jobs/uploads", files=given)).json())
    assert len(job["report"]["added"]) + len(job["report"]["unchanged"]) == 40
    assert await world.agree()


async def test_a_job_goes_on_after_a_restart(client, world, tmp_path, database):
    world.embedder.gate.clear()
    job = (await client.post("/v1/knowledge/jobs/uploads", files=files(("returns.md", RETURNS)))).json()
    await asyncio.sleep(0.1)
    await world.jobs.stop()
    stored = await world.job_store.get("larkfield", job["id"])
    assert (stored.status, stored.attempts) == (JobStatus.QUEUED, 0)
    restarted = World(tmp_path, database)
    await restarted.jobs.start()
    async for event in restarted.jobs.watch("larkfield", job["id"]):
        last = event
    assert last.job.report.added == ("returns v1",)
    await restarted.jobs.stop()
    assert job_spans(restarted) == [(job["id"], None)]


async def test_a_job_that_another_server_was_asked_for_is_counted_where_it_is_done(tmp_path, database):
    asked, worker = World(tmp_path, database), World(tmp_path, database)
    await asked.jobs.start(work=False)
    done = await asked.jobs.submit_files("larkfield", "km_1", [("returns.md", RETURNS.encode())])
    broken = await asked.jobs.submit_files("larkfield", "km_1", [("returns.pdf", b"no pdf")], dry_run=True)
    await worker.jobs.start()
    for job in (done, broken):
        async for _ in worker.jobs.watch("larkfield", job.id):
            pass
    await worker.jobs.stop()
    assert job_spans(asked) == []
    assert [job_id for job_id, _ in job_spans(worker)] == [done.id, broken.id]
    assert {e.attributes[names.TENANT] for e in worker.ended if e.name == names.JOB} == {"larkfield"}


async def test_a_job_is_in_the_trace_of_its_request(tmp_path, database):
    with collector() as kept:
        tracer = OtelTracer(OtelSettings(endpoint=kept.url), "1")
        world = World(tmp_path, database, tracer)
        await world.jobs.start()
        transport = httpx.ASGITransport(create_api(world))
        principal = Principal(id="km_1", tenant_id="larkfield", name="Ana", role=Role.KNOWLEDGE_MANAGER)
        headers = {"Authorization": f"Bearer {await world.api_keys.create(principal)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            given = files(("returns.md", RETURNS))
            await ended(client, (await client.post("/v1/knowledge/jobs/uploads", files=given)).json())
        await world.jobs.stop()
        await tracer.close()
    (job,) = kept.named(names.JOB)
    (request,) = kept.named("POST /v1/knowledge/jobs/uploads")
    assert (job.trace_id, job.parent_id) == (request.trace_id, request.span_id)


async def test_a_job_that_was_killed_is_begun_again_and_given_up_in_the_end(tmp_path, database):
    world = World(tmp_path, database)
    for number, attempts in ((1, 1), (2, 3)):
        killed = IngestJob(
            id=f"job_{number}",
            tenant_id="larkfield",
            requested_by="km_1",
            status=JobStatus.RUNNING,
            attempts=attempts,
            created_at=world.clock.now(),
        )
        await world.job_store.add(killed, [("returns.md", RETURNS.encode())])
    await world.jobs.start()
    async for event in world.jobs.watch("larkfield", "job_1"):
        last = event
    given_up = await world.jobs.get("larkfield", "job_2")
    await world.jobs.stop()
    assert (last.job.status, last.job.attempts) == (JobStatus.SUCCEEDED, 2)
    assert given_up.status is JobStatus.FAILED
    assert "interrupted 3 times" in given_up.problem


class Away:
    """Stands before one method of a port, which is not reached so many times."""

    def __init__(self, monkeypatch, port, method, times):
        self.left, self._real = times, getattr(port, method)
        monkeypatch.setattr(port, method, self)

    async def __call__(self, *arguments, **named):
        if self.left:
            self.left -= 1
            raise DependencyUnavailable("It is away.")
        return await self._real(*arguments, **named)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("copilot.retrieval.jobs._LOOKED_EVERY", 0.02)


async def upload_ends(client, **expected):
    job, _ = await ended(
        client, (await client.post("/v1/knowledge/jobs/uploads", files=files(("returns.md", RETURNS)))).json()
    )
    assert {name: job[name] for name in expected} == expected


async def test_jobs_are_looked_for_again_when_the_database_is_back(client, world, monkeypatch, impatient):
    away = Away(monkeypatch, world.job_store, "unfinished", times=3)

    async def is_back():
        return away.left == 0

    await until(is_back)
    await upload_ends(client, status="succeeded", attempts=1)


async def test_a_job_that_another_server_runs_is_left_to_it(client, world, monkeypatch, impatient):
    theirs = IngestJob(
        id="job_theirs",
        tenant_id="larkfield",
        requested_by="mia",
        status=JobStatus.RUNNING,
        created_at=world.clock.now(),
        attempts=1,
    )
    await world.job_store.add(theirs)
    await upload_ends(client, status="succeeded")
    await asyncio.sleep(0.1)  # several looks
    assert await world.job_store.get("larkfield", "job_theirs") == theirs


async def test_a_job_whose_end_could_not_be_kept_is_begun_again(client, world, monkeypatch, impatient):
    real, ends = world.job_store.save, []

    async def save(job):
        if job.status.is_final:
            ends.append(job.status)
            if len(ends) == 1:
                raise DependencyUnavailable("It is away.")
        await real(job)

    monkeypatch.setattr(world.job_store, "save", save)
    await upload_ends(client, status="succeeded", attempts=2)
    assert len(ends) == 2


async def test_an_upload_is_begun_again_when_the_index_was_away(client, world, monkeypatch, impatient):
    Away(monkeypatch, world.index, "upsert", times=2)
    await upload_ends(client, status="succeeded")
    assert await world.agree()


async def test_an_upload_fails_with_the_reason_when_the_index_stays_away(
    client, world, monkeypatch, impatient
):
    Away(monkeypatch, world.index, "upsert", times=10**6)
    Away(monkeypatch, world.index, "ids", times=10**6)
    await upload_ends(client, status="failed", attempts=3, problem="It is away.")


async def test_what_the_index_missed_is_made_good_by_the_next_write(client, world, monkeypatch):
    """The text is stored already, so sending it again changes nothing."""
    Away(monkeypatch, world.index, "upsert", times=1)
    body = {"title": "Returns", "text": RETURNS}
    refused = await client.put("/v1/knowledge/documents/returns", json=body)
    assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
    assert not await world.agree()
    assert (await client.put("/v1/knowledge/documents/returns", json=body)).is_success
    assert await world.agree()


async def test_what_the_index_missed_is_made_good_by_itself(client, world, monkeypatch):
    Away(monkeypatch, world.index, "upsert", times=2)
    body = {"title": "Returns", "text": RETURNS}
    assert (await client.put("/v1/knowledge/documents/returns", json=body)).status_code == 503
    with pytest.raises(DependencyUnavailable):
        await world.ingestor.mend()
    assert await world.ingestor.mend() > 0
    assert await world.ingestor.mend() == 0
    assert await world.agree()


async def test_a_source_that_is_down_is_told_in_the_report(client, world):
    world.describe("site", "kind: pages\nsitemaps: [http://127.0.0.1:9/sitemap.xml]\ndelay_seconds: 0.1\n")
    world.sources._allowed = lambda _: False
    job, _ = await ended(client, (await client.post("/v1/knowledge/jobs", json={"source": "site"})).json())
    (refusal,) = job["report"]["refused"]
    assert "not a public address" in refusal["reason"]


async def test_cancelling_ends_a_slow_fetch_at_once(client, world):
    site = Site(
        pages={f"/{n}": "<p>x</p>" for n in range(50)},
        sitemaps={"/s.xml": urlset(*[f"/{n}" for n in range(50)])},
    )
    with serving(website(site)) as base:
        world.describe("site", f"kind: pages\nsitemaps: [{base}/s.xml]\ndelay_seconds: 20\n")
        job = (await client.post("/v1/knowledge/jobs", json={"source": "site"})).json()

        async def asked():
            return bool(site.seen)

        await until(asked)
        cancelled = await asyncio.wait_for(client.post(f"/v1/knowledge/jobs/{job['id']}/cancel"), 5)
    assert cancelled.json()["status"] == "cancelled"


async def test_jobs_are_listed_newest_first_and_only_ones_own(client, client_of):
    made = [
        (await client.post("/v1/knowledge/jobs/uploads", files=files((f"{n}.md", "X.")))).json()["id"]
        for n in range(3)
    ]
    page = (await client.get("/v1/knowledge/jobs?limit=2")).json()
    rest = (await client.get("/v1/knowledge/jobs", params={"cursor": page["next_cursor"]})).json()
    assert [j["id"] for j in page["items"] + rest["items"]] == made[::-1]
    other = await client_of(tenant_id="other")
    assert (await other.get("/v1/knowledge/jobs")).json()["items"] == []
    assert (await other.get("/v1/knowledge/sources")).json() == []
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        assert (await other.request(method, f"/v1/knowledge/jobs/{made[0]}{path}")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "sources"),
        ("GET", "jobs"),
        ("POST", "jobs"),
        ("POST", "jobs/uploads"),
        ("GET", "jobs/job_1"),
        ("GET", "jobs/job_1/events"),
        ("POST", "jobs/job_1/cancel"),
        ("POST", "uploads"),
        ("POST", "uploads?dry_run=true"),
        ("POST", "documents/bulk"),
    ],
)
async def test_a_representative_may_not_feed_the_knowledge(client_of, method, path):
    client = await client_of(Role.REPRESENTATIVE)
    answer = await client.request(method, f"/v1/knowledge/{path}")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert "knowledge:write" in answer.json()["detail"]


async def test_a_representative_may_look_at_passages(client, client_of):
    await client.post("/v1/knowledge/uploads", files=files(("returns.md", RETURNS)))
    reader = await client_of(Role.REPRESENTATIVE)
    assert (await reader.get("/v1/knowledge/documents/returns/passages")).status_code == 200
