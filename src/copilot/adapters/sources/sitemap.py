"""Sitemaps (sitemaps.org): the addresses in one, and in the sitemaps that it names."""

import gzip
import io
import zlib

from lxml import etree

from copilot.domain.errors import TooLarge, UnreadableDocument

_MAX_BYTES = 60 * 2**20
"""50 MB is the most that the protocol allows."""
_EXPECTED = "Expected a sitemap as sitemaps.org describes it, or a text file with an address on each line."


def parse_sitemap(content: bytes, *, where: str) -> tuple[list[str], list[str]]:
    """(pages, further sitemaps). Raises `UnreadableDocument`."""
    if content.startswith(b"\x1f\x8b"):
        content = _unzipped(content, where)
    if not content.lstrip().startswith((b"<", b"\xef\xbb\xbf<")):
        lines = content.decode("utf-8", "replace").split()
        pages = [line for line in lines if line.startswith(("https://", "http://"))]
        if not pages or len(pages) < len(lines):
            raise UnreadableDocument("this is no sitemap.", hint=_EXPECTED, where=where)
        return pages, []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableDocument(f"the sitemap is not XML: {error}.", hint=_EXPECTED, where=where) from error
    found = [text.strip() for text in root.xpath("//*[local-name()='loc']/text()") if text.strip()]
    match etree.QName(root).localname:
        case "urlset":
            return found, []
        case "sitemapindex":
            return [], found
    raise UnreadableDocument("this is no sitemap.", hint=_EXPECTED, where=where)


def _unzipped(content: bytes, where: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableDocument(f"the sitemap is not gzip: {error}.", hint=_EXPECTED, where=where) from error
    if len(unpacked) > _MAX_BYTES:
        raise TooLarge(f"the sitemap unpacks to over {_MAX_BYTES // 2**20} MB.", where=where)
    return unpacked
