"""Sitemaps are untrusted XML: what is one is read, what is a trap is refused."""

import gzip

import pytest

from copilot.adapters.sources.pages import page_id
from copilot.adapters.sources.sitemap import parse_sitemap
from copilot.domain.errors import TooLarge, UnreadableDocument

SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ONE = f"<urlset {SPACE}><url><loc> https://a.example/x </loc><lastmod>2026-01-01</lastmod></url></urlset>"


@pytest.mark.parametrize("content", [ONE.encode(), gzip.compress(ONE.encode()), b"https://a.example/x\n"])
def test_a_sitemap_is_xml_packed_xml_or_lines(content):
    assert parse_sitemap(content, where="s") == (["https://a.example/x"], [])


def test_an_index_names_further_sitemaps():
    index = f"<sitemapindex {SPACE}><sitemap><loc>https://a.example/b.xml</loc></sitemap></sitemapindex>"
    assert parse_sitemap(index.encode(), where="s") == ([], ["https://a.example/b.xml"])


def test_entities_are_not_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "https://a.example/"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    content = f"{bomb}<urlset {SPACE}><url><loc>&b;</loc></url><url><loc>&f;</loc></url></urlset>"
    assert parse_sitemap(content.encode(), where="s") == ([], [])


@pytest.mark.parametrize(
    "content", [b"", b"<html><body>404</body></html>", b"<urlset", b"\x1f\x8b broken", b"hello"]
)
def test_what_is_no_sitemap_is_refused(content):
    with pytest.raises(UnreadableDocument):
        parse_sitemap(content, where="s")


def test_a_packed_sitemap_that_is_too_large_is_refused():
    with pytest.raises(TooLarge):
        parse_sitemap(gzip.compress(b" " * (61 * 2**20)), where="s")


def test_every_address_has_an_id_of_its_own():
    addresses = ["https://a.example/x", "https://a.example/x/", "https://b.example/x", "https://a.example/x?p=2",
                 "https://a.example/", "https://a.example/" + "long-" * 90]  # fmt: skip
    ids = [page_id(address) for address in addresses]
    assert len(set(ids)) == len(ids)
    assert ids[0].startswith("x-")
    assert all(len(one) < 120 for one in ids)
