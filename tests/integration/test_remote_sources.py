"""Sources over the wire: polite, bounded, never where they must not go; half a reading removes nothing."""

import asyncio
import ipaddress
import json
import socket
import time
from datetime import date

import pytest
from starlette.responses import Response, StreamingResponse
from tests.servers.faults import serving
from tests.servers.help_centres import (
    Feed,
    Guide,
    Portal,
    Site,
    chatwoot,
    chatwoot_article,
    feed,
    sitemap_index,
    urlset,
    website,
    zendesk,
    zendesk_article,
)

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.fakes.token_counter import FakeTokenCounter
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.sources.addresses import only_public
from copilot.adapters.sources.fetching import FetchLimits
from copilot.adapters.sources.settings import describe_source, load_source, open_source
from copilot.adapters.sources.spool import SpooledSource
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.domain.errors import ConfigurationError
from copilot.domain.knowledge import Audience, BlockKind, ParsedDocument
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.remote import RemoteIngest

QUICK = FetchLimits(delay=0.0, total=5, read=2, connect=2, longest_pause=3)
SECRETS = {"COPILOT_KEY": "cw_secret", "COPILOT_ZENDESK": "ana@example.com/token:abc"}


def anywhere(_address):
    return True


def opened(limits=QUICK, allowed=anywhere, **values):
    described = describe_source({"name": "help", **values}, where="test")
    return open_source(described, SECRETS.get, allowed=allowed, limits=limits)


def read(source):
    files = list(source.read())
    source.close()
    return files


def documents(files):
    return [document for file in files for document in file.documents]


def reasons(files):
    return [file.refusal.reason for file in files if file.refusal]


@pytest.fixture
def site():
    return Site(
        pages={
            "/returns": '<html lang="en-GB"><head><title>R</title></head><main><h1>Returns</h1>'
            '<p>30 days, see <a href="/fees">fees</a>.</p></main></html>',
            "/fees": "<h1>Fees</h1><p>None.</p>",
        },
        sitemaps={"/sitemap.xml": urlset("/returns", "/fees")},
    )


@pytest.fixture
def base(site):
    with serving(website(site)) as address:
        yield address


class World:
    def __init__(self, database):
        self.store = SqlKnowledgeStore(database)
        counter = FakeTokenCounter()
        self.ingestor = Ingestor(
            store=self.store,
            index=InMemoryPassageIndex(),
            embedder=HashingEmbedder(),
            chunker=Chunker(counter, counter),
            open_folder=FolderSource,
        )
        self.remote = RemoteIngest(self.store, SpooledSource.of)

    async def ingest(self, source):
        report = await self.remote.ingest("acme", source, self.ingestor)
        source.close()
        return report


@pytest.fixture
async def world(tmp_path):
    database = await Database.open(tmp_path / "t.db")
    yield World(database)
    await database.close()


# ------------------------------------------------------------ pages


def test_pages_of_a_sitemap_are_documents_with_absolute_links(base, site):
    first, second = documents(
        read(opened(kind="pages", sitemaps=[f"{base}/sitemap.xml"], metadata={"owner": "Ops"}))
    )
    assert (first.title, first.locale, first.owner) == ("Returns", "en", "Ops")
    assert first.source == f"{base}/returns"
    assert first.external_id.startswith("returns-")
    assert f"fees ({base}/fees)" in first.text
    assert second.title == "Fees"
    assert all("agent-assist-copilot" in headers["user-agent"] for _, headers in site.seen)


def test_sitemaps_in_sitemaps_and_packed_ones_are_followed(base, site):
    site.sitemaps = {
        "/index.xml": sitemap_index("/a.xml", "/b.xml.gz", "/index.xml"),
        "/a.xml": urlset("/returns"),
        "/b.xml.gz": urlset("/fees", "/returns#top"),
    }
    found = documents(read(opened(kind="pages", sitemaps=[f"{base}/index.xml"])))
    assert [document.title for document in found] == ["Returns", "Fees"]


def test_robots_are_obeyed(base, site):
    site.robots = "User-agent: *\nDisallow: /fees\n"
    files = read(opened(kind="pages", urls=[f"{base}/returns", f"{base}/fees"]))
    assert [document.title for document in documents(files)] == ["Returns"]
    assert reasons(files) == ["the site's robots.txt does not allow it."]
    assert site.asked("/fees") == []


def test_a_site_whose_robots_cannot_be_had_is_left_alone(base, site):
    site.answers["/robots.txt"] = [Response("down", 500) for _ in range(4)]
    limits = FetchLimits(delay=0.0, tries=1)
    files = read(opened(limits, kind="pages", urls=[f"{base}/returns"]))
    assert "robots.txt: the server answers 500" in reasons(files)[0]
    assert site.asked("/returns") == []


def test_requests_to_one_host_keep_their_distance(base):
    started = time.monotonic()
    read(opened(FetchLimits(delay=0.2), kind="pages", urls=[f"{base}/returns", f"{base}/fees"]))
    assert time.monotonic() - started >= 0.4


def test_a_host_that_is_busy_is_asked_again_when_it_says(base, site):
    site.answers["/returns"] = [Response("slow down", 429, headers={"Retry-After": "1"})]
    started = time.monotonic()
    (document,) = documents(read(opened(kind="pages", urls=[f"{base}/returns"])))
    assert document.title == "Returns"
    assert time.monotonic() - started >= 1
    assert len(site.asked("/returns")) == 2


def test_a_host_that_asks_for_too_long_a_pause_is_left_alone(base, site):
    site.answers["/returns"] = [Response("slow down", 429, headers={"Retry-After": "3600"})]
    source = opened(kind="pages", urls=[f"{base}/returns", f"{base}/fees"])
    files = read(source)
    assert "asks to wait 3600 s" in reasons(files)[0]
    assert [document.title for document in documents(files)] == ["Fees"]
    assert not source.complete


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://127.0.0.2:1/x", "not one of the hosts"),
        ("http://metadata.internal/latest", "not one of the hosts"),
        ("file:///etc/passwd", "expected an http or https address"),
        ("http://user:pw@127.0.0.1/x", "without a password"),
        ("/loop", "leads on more than"),
    ],
)
def test_a_redirect_is_judged_like_the_first_address(base, site, target, says):
    site.redirects = {"/returns": target, "/loop": "/loop"}
    assert says in reasons(read(opened(kind="pages", urls=[f"{base}/returns"])))[0]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_never_read(base, site, host):
    port = base.rpartition(":")[2]
    files = read(opened(allowed=only_public, kind="pages", urls=[f"http://{host}:{port}/returns"]))
    assert "not a public address" in reasons(files)[0]
    assert site.seen == []


@pytest.fixture
def names(monkeypatch):
    """What the name server answers, one list of addresses after the other; every question is counted."""
    answers, real = [], socket.getaddrinfo

    def resolve(host, port, *rest, **more):
        if host[0].isdigit():  # an address already: nobody is asked
            return real(host, port, *rest, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in answers.pop(0)]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    return answers


def not_ten(address):
    return not str(address).startswith("10.")


def test_a_name_is_resolved_once_and_that_address_is_used(base, site, names):
    """A name server that answers a good address first and a bad one later gains nothing."""
    names += [["127.0.0.1"], ["10.0.0.1"]]
    url = f"http://help.example.com:{base.rpartition(':')[2]}/returns"
    (document,) = documents(read(opened(allowed=not_ten, kind="pages", urls=[url])))
    assert document.title == "Returns"
    assert names == [["10.0.0.1"]]
    assert site.asked("/returns")[0]["host"].startswith("help.example.com:")


def test_a_name_with_one_bad_address_among_good_ones_is_refused(base, site, names):
    names += [["127.0.0.1", "10.0.0.1"]] * 2
    url = f"http://help.example.com:{base.rpartition(':')[2]}/returns"
    assert documents(read(opened(allowed=not_ten, kind="pages", urls=[url]))) == []
    assert site.seen == []


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        *[(bad, False) for bad in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
                                   "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "fe80::1",  # noqa: S104
                                   "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::")],
    ],
)  # fmt: skip
def test_only_public_addresses_are_public(address, allowed):
    assert only_public(ipaddress.ip_address(address)) is allowed


def test_answers_too_large_or_too_slow_are_cut_off(base, site):
    site.pages["/big"] = "x" * 300_000
    limits = FetchLimits(delay=0.0, answer_bytes=200_000)
    assert "more than" in reasons(read(opened(limits, kind="pages", urls=[f"{base}/big"])))[0]


async def _trickle():
    for _ in range(100):
        yield b"x"
        await asyncio.sleep(0.1)


def test_an_answer_that_trickles_is_cut_off(base, site):
    site.answers["/slow"] = [StreamingResponse(_trickle())]
    limits = FetchLimits(delay=0.0, total=0.5, tries=1)
    started = time.monotonic()
    assert "not complete after" in reasons(read(opened(limits, kind="pages", urls=[f"{base}/slow"])))[0]
    assert time.monotonic() - started < 5


def test_a_key_goes_to_its_own_host_and_no_redirect_takes_it_elsewhere(base, site):
    port = base.rpartition(":")[2]
    site.redirects["/articles"] = f"http://localhost:{port}/elsewhere"
    site.pages["/elsewhere"] = '{"data": {"articles": []}}'
    read(opened(**MAPPING | {"url": f"{base}/articles"}, hosts=["localhost"]))
    assert [headers.get("x-api-key") for headers in site.asked("/articles")] == ["cw_secret"]
    assert [headers.get("x-api-key") for headers in site.asked("/elsewhere")] == [None]


async def test_an_unchanged_page_is_not_sent_again(world, base, site):
    def source():
        return opened(kind="pages", sitemaps=[f"{base}/sitemap.xml"])

    first = await world.ingest(source())
    assert len(first.added) == 2
    site.seen.clear()
    second = await world.ingest(source())
    assert (len(second.unchanged), second.added, second.removed, second.embedded) == (2, (), (), 0)
    assert "if-none-match" in site.asked("/returns")[0]
    site.pages["/returns"] = "<h1>Returns</h1><p>60 days.</p>"
    third = await world.ingest(source())
    assert (len(third.changed), len(third.unchanged)) == (1, 1)


async def test_a_document_deleted_here_comes_back_though_its_page_has_not_changed(world, base):
    def source():
        return opened(kind="pages", urls=[f"{base}/returns"])

    (added,) = (await world.ingest(source())).added
    await world.ingestor.delete("acme", added.removesuffix(" v1"))
    assert (await world.ingest(source())).added == (added,)


async def test_what_leaves_the_sitemap_leaves_the_knowledge(world, base, site):
    def source():
        return opened(kind="pages", sitemaps=[f"{base}/sitemap.xml"])

    await world.ingest(source())
    site.sitemaps["/sitemap.xml"] = urlset("/returns")
    report = await world.ingest(source())
    assert len(report.removed) == 1
    assert report.removed[0].startswith("fees-")


async def test_half_a_reading_removes_nothing(world, base, site):
    def source(limits=QUICK):
        return opened(limits, kind="pages", sitemaps=[f"{base}/sitemap.xml", f"{base}/more.xml"])

    site.sitemaps["/more.xml"] = urlset("/fees")
    site.sitemaps["/sitemap.xml"] = urlset("/returns")
    await world.ingest(source())
    site.answers["/more.xml"] = [Response("down", 500)]
    report = await world.ingest(source(FetchLimits(delay=0.0, tries=1)))
    assert report.removed == ()
    assert len(report.refused) == 1
    assert len(await world.store.sources("acme")) == 2


async def test_a_page_that_fails_keeps_what_it_gave_while_others_go(world, base, site):
    def source():
        return opened(kind="pages", sitemaps=[f"{base}/sitemap.xml"])

    site.pages["/old"] = "<p>Old.</p>"
    site.sitemaps["/sitemap.xml"] = urlset("/returns", "/fees", "/old")
    await world.ingest(source())
    del site.pages["/fees"]
    site.sitemaps["/sitemap.xml"] = urlset("/returns", "/fees")
    report = await world.ingest(source())
    assert [name.partition("-")[0] for name in report.removed] == ["old"]
    assert {place.rpartition("/")[2] for place in (await world.store.sources("acme")).values()} == {
        "returns",
        "fees",
    }


async def test_two_sources_leave_each_other_alone(world, base):
    one = {"kind": "pages", "urls": [f"{base}/returns"]}
    two = {"kind": "pages", "urls": [f"{base}/fees"], "name": "other"}
    await world.ingest(opened(**one))
    report = await world.ingest(opened(**two))
    assert (len(report.added), report.removed) == (1, ())


async def test_a_document_that_was_put_by_hand_since_is_not_removed_with_its_page(world, base, site):
    await world.ingest(opened(kind="pages", sitemaps=[f"{base}/sitemap.xml"]))
    (fees,) = [key for key, place in (await world.store.sources("acme")).items() if place.endswith("/fees")]
    document = await world.store.get_document("acme", fees[0])
    parsed = {
        k: v for k, v in dict(document).items() if k not in {"id", "tenant_id", "content_hash", "quarantined"}
    }
    await world.ingestor.put("acme", ParsedDocument(**parsed | {"source": "upload/fees"}))
    site.sitemaps["/sitemap.xml"] = urlset("/returns")
    assert (await world.ingest(opened(kind="pages", sitemaps=[f"{base}/sitemap.xml"]))).removed == ()


# ------------------------------------------------------------ Zendesk


@pytest.fixture
def guide():
    return Guide(
        categories=[{"id": 1, "name": "Orders", "locale": "en-us"}],
        sections=[
            {"id": 11, "name": "Returns", "category_id": 1, "parent_section_id": None, "locale": "en-us"},
            {"id": 12, "name": "Large items", "category_id": 1, "parent_section_id": 11, "locale": "en-us"},
        ],
        articles=[
            zendesk_article(1, "Window", "<h2>How long</h2><p>30 days.</p>", label_names=["refund"]),
            zendesk_article(2, "Pick-up", "<p>We come.</p>", section_id=12),
            zendesk_article(3, "Fraud", "<p>Ask twice.</p>", user_segment_id=77),
            zendesk_article(4, "Draft", "<p>Soon.</p>", draft=True),
            zendesk_article(5, "Empty", None),
        ],
    )


def test_zendesk_articles_keep_their_place_labels_locale_and_audience(guide):
    with serving(zendesk(guide)) as base:
        source = opened(kind="zendesk", url=base, secret_env="COPILOT_ZENDESK")  # noqa: S106
        files = read(source)
    window, pickup, fraud = documents(files)
    assert (window.external_id, window.title, window.locale) == ("zendesk-1-en-us", "Window", "en")
    assert window.tags == ("refund", "Orders", "Returns")
    assert window.blocks[1].heading_path == ("Orders", "Returns", "How long")
    assert pickup.blocks[0].heading_path == ("Orders", "Returns", "Large items")
    assert (window.audience, fraud.audience) == (Audience.PUBLIC, Audience.INTERNAL)
    assert window.source == "https://acme.zendesk.com/hc/en-us/articles/1"
    assert [file.refusal.source for file in files if file.refusal] == [
        "https://acme.zendesk.com/hc/en-us/articles/5"
    ]
    assert source.complete
    assert set(guide.authorizations) == {"Basic YW5hQGV4YW1wbGUuY29tL3Rva2VuOmFiYw=="}


async def test_zendesk_breaking_off_between_pages_removes_nothing(world, guide):
    with serving(zendesk(guide)) as base:
        first = await world.ingest(opened(kind="zendesk", url=base))
        assert len(first.added) == 3
        guide.articles = guide.articles[1:]
        nowhere = {"articles": [], "meta": {"has_more": True}, "links": {"next": f"{base}/x"}}
        page = Response(json.dumps(nowhere))
        guide.answers = [page]
        half = await world.ingest(opened(kind="zendesk", url=base))
        assert (half.removed, len(half.refused)) == ((), 1)
        whole = await world.ingest(opened(kind="zendesk", url=base))
        assert whole.removed == ("zendesk-1-en-us v1",)


@pytest.mark.parametrize("body", ["<html>login</html>", '{"error": "x"}', '{"articles": 7}', "[" * 100_000])
def test_an_answer_that_is_no_zendesk_is_refused(guide, body):
    guide.answers = [Response(body)]
    with serving(zendesk(guide)) as base:
        source = opened(kind="zendesk", url=base)
        assert len(reasons(read(source))) == 1
        assert not source.complete


def test_a_cursor_never_leads_to_another_host(guide):
    guide.answers = [
        Response('{"articles": [], "meta": {"has_more": true}, "links": {"next": "http://evil.example/x"}}')
    ]
    with serving(zendesk(guide)) as base:
        assert "another host" in reasons(read(opened(kind="zendesk", url=base)))[0]


# ------------------------------------------------------------ Chatwoot


def test_chatwoot_articles_are_markdown_under_their_category():
    portal = Portal(
        articles=[
            chatwoot_article(1, "Window", "## How long\n\n- 30 days\n"),
            chatwoot_article(2, "Draft", "Soon.", status="draft"),
            chatwoot_article(3, "Fees", "None."),
            chatwoot_article(4, "Frist", "30 Tage.", category={"id": 4, "name": "Rückgabe", "locale": "de"}),
        ]
    )
    with serving(chatwoot(portal)) as base:
        described = {
            "kind": "chatwoot",
            "url": base,
            "account": 1,
            "portal": "handbook",
            "locales": ["en", "de"],
        }
        source = opened(**described, secret_env="COPILOT_KEY")  # noqa: S106
        window, fees, frist = documents(read(source))
        locked = opened(**described)
        assert "does not allow it (401)" in reasons(read(locked))[0]
    assert source.complete
    assert not locked.complete
    assert (window.external_id, window.tags) == ("chatwoot-handbook-1", ("Returns",))
    assert window.blocks[1].heading_path == ("Returns", "How long")
    assert window.blocks[1].kind is BlockKind.LIST
    assert window.source == f"{base}/hc/handbook/articles/1-window"
    assert (fees.title, frist.locale) == ("Fees", "de")


# ------------------------------------------------------------ feeds

MAPPING = {
    "kind": "feed",
    "items": "data.articles",
    "next": "links.next",
    "format": "markdown",
    "fields": {
        "id": "key",
        "title": "headline",
        "text": "content.body",
        "link": "href",
        "path": "trail",
        "audience": "visibility",
        "valid_from": "published",
        "review_on": "review",
        "owner": "team.name",
        "superseded_by": "replaced_by",
    },
    "values": {"audience": {"staff": "internal", "all": "public"}},
    "skip": {"state": ["Draft"]},
    "secret_env": "COPILOT_KEY",
    "header": "X-Api-Key",
    "scheme": "",
}


def test_a_feed_is_read_as_its_mapping_says():
    item = {
        "key": "A 1",
        "headline": "Window",
        "content": {"body": "Thirty *days*."},
        "href": "/a/1",
        "trail": ["Orders", "Returns"],
        "visibility": "staff",
        "published": "2026-03-01T08:00:00Z",
        "review": "2027-03-01",
        "team": {"name": "Ops"},
        "replaced_by": "A-2",
    }
    kept = Feed(
        pages=[
            [item, {"key": "d", "state": "draft", "content": {"body": "x"}}],
            [{"key": "b", "visibility": "everyone", "content": {"body": "x"}}, {"content": {"body": "x"}}, 7],
        ],
        token="cw_secret",  # noqa: S106
    )
    with serving(feed(kept)) as base:
        source = opened(**MAPPING, url=f"{base}/articles")
        files = read(source)
    (document,) = documents(files)
    assert (document.external_id, document.title, document.text) == ("help-A-1", "Window", "Thirty days.")
    assert (document.audience, document.owner) == (Audience.INTERNAL, "Ops")
    assert (document.valid_from, document.review_on) == (date(2026, 3, 1), date(2027, 3, 1))
    assert document.superseded_by == "A-2"
    assert document.source == f"{base}/a/1"
    assert document.blocks[0].heading_path == ("Orders", "Returns")
    bad_audience, *without_id = reasons(files)
    assert "`audience` is 'everyone'" in bad_audience
    assert len(without_id) == 2
    assert source.complete


# ------------------------------------------------------------ describing


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "pages"}, "expected sitemaps or urls"),
        ({"kind": "gopher"}, "kind"),
        ({"kind": "pages", "urls": ["ftp://x"]}, "urls"),
        ({"kind": "zendesk", "url": "https://a.example", "locale": "en"}, "locale"),
        ({"kind": "feed", "url": "https://a.example", "fields": {"id": "x"}}, "'text'"),
        ({"kind": "feed", "url": "https://a.example", "fields": {"id": "x", "body": "y"}}, "'body'"),
        ({"kind": "pages", "urls": ["https://a.example"], "secret_env": "HOME"}, "secret_env"),
        ({"kind": "pages", "urls": ["https://a.example"], "metadata": {"audience": "all"}}, "audience"),
        ({"kind": "pages", "urls": ["https://a.example"], "metadata": {"id": "x"}}, "cannot give id"),
    ],
)
def test_a_wrong_description_is_refused_with_its_field(values, says):
    with pytest.raises(ConfigurationError, match=says):
        describe_source({"name": "x", **values}, where="x.yaml")


def test_a_description_is_read_from_a_file_that_names_it(tmp_path):
    path = tmp_path / "help-centre.yaml"
    path.write_text("kind: zendesk\nurl: https://acme.zendesk.com\nlocales: [en-us, de]\n")
    assert load_source(path).name == "help-centre"
    path.write_text("kind: [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        load_source(path)


def test_a_key_that_is_not_set_is_named():
    with pytest.raises(ConfigurationError, match="COPILOT_MISSING is not set"):
        opened(kind="zendesk", url="https://acme.zendesk.com", secret_env="COPILOT_MISSING")  # noqa: S106
