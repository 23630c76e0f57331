"""Web pages as a source: those of a sitemap, or a list of addresses."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urldefrag, urlsplit

from copilot.adapters.loaders.reading import read_file, refused
from copilot.adapters.sources.fetching import Fetched, Fetcher
from copilot.adapters.sources.robots import Robots
from copilot.adapters.sources.sitemap import parse_sitemap
from copilot.domain.errors import CopilotError, DependencyUnavailable, InvalidInput
from copilot.domain.knowledge import SourceFile, Validators

_ACCEPT = "text/html, application/pdf;q=0.9, text/plain;q=0.8, */*;q=0.5"
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
}
_MAX_SITEMAPS = 200
_MAX_PAGES = 50_000
_KEPT = "What it gave before is kept."
_LONGEST_SLUG = 80
_HEAD = re.compile(rb"<head(\s[^>]*)?>", re.IGNORECASE)


class WebPages:
    """`sitemaps` and `urls` together; a page's `source` is its address.

    `metadata` holds for every page. Nothing is read that robots.txt does not allow.
    """

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        *,
        sitemaps: Sequence[str] = (),
        urls: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.complete = False
        self.validators: dict[str, Validators] = {}
        self._fetcher = fetcher
        self._robots = Robots(fetcher)
        self._sitemaps = sitemaps
        self._urls = urls
        self._metadata = dict(metadata or {})
        self._known: Mapping[str, Validators] = {}
        self._count = len(urls)
        self._failed = False

    def remember(self, known: Mapping[str, Validators]) -> None:
        """Pages for which it is enough to hear that they have not changed."""
        self._known = known

    def files(self) -> int:
        return self._count

    def read(self) -> Iterator[SourceFile]:
        pages = dict.fromkeys(urldefrag(url).url for url in self._urls)
        for found in self._in_sitemaps():
            if isinstance(found, SourceFile):
                yield found
            else:
                pages[urldefrag(found).url] = None
        self._count = len(pages)
        seen: set[str] = set()
        for url in pages:
            yield from self._page(url, seen)
        self.complete = not self._failed

    def close(self) -> None:
        self._fetcher.close()

    def _in_sitemaps(self) -> Iterator[str | SourceFile]:
        """Addresses of pages, and a refusal for each sitemap that cannot be read: then nothing is removed."""
        waiting, read, pages = list(self._sitemaps), set[str](), 0
        while waiting:
            address = waiting.pop(0)
            if address in read:
                continue
            read.add(address)
            try:
                if len(read) > _MAX_SITEMAPS or pages > _MAX_PAGES:
                    raise InvalidInput(
                        "the site has too many sitemaps or pages.",
                        hint=f"Expected at most {_MAX_SITEMAPS} and {_MAX_PAGES}.",
                        where=address,
                    )
                content = self._fetcher.get(address, accept="application/xml, text/xml").content or b""
                found, further = parse_sitemap(content, where=address)
            except CopilotError as error:
                self._failed = True
                yield refused(error, address)
                if len(read) > _MAX_SITEMAPS:
                    return
                continue
            pages += len(found)
            waiting += further
            yield from found

    def _page(self, url: str, seen: set[str]) -> Iterator[SourceFile]:
        try:
            if not self._robots.allows(url):
                raise InvalidInput("the site's robots.txt does not allow it.", hint=_KEPT, where=url)
            fetched = self._fetcher.get(url, accept=_ACCEPT, since=self._known.get(url))
        except CopilotError as error:
            error.hint = error.hint or _KEPT
            yield refused(error, url)
            if isinstance(error, DependencyUnavailable):
                self._failed = True
            return
        if fetched.url in seen:  # two addresses lead to one page
            return
        seen.add(fetched.url)
        if fetched.content is None:
            self.validators[url] = fetched.validators or self._known[url]
            yield SourceFile(source=url, unchanged=True)
            return
        if fetched.validators:
            self.validators[url] = fetched.validators
        yield from self._parsed(url, fetched)

    def _parsed(self, url: str, fetched: Fetched) -> Iterator[SourceFile]:
        content = fetched.content or b""
        kind = fetched.content_type.partition(";")[0].strip().lower()
        suffix = _SUFFIXES.get(kind) or PurePosixPath(urlsplit(fetched.url).path).suffix or ".html"
        if suffix == ".html" and b"<base" not in content[:8192].lower():
            # So that the links of the page lead where they lead on the site.
            content = _with_base(content, fetched.url)
        known = {"id": page_id(url)} | self._metadata
        yield from read_file(f"{page_id(url)}{suffix}", content, source=url, metadata=known)


def _with_base(content: bytes, address: str) -> bytes:
    base = b'<base href="%s">' % address.replace('"', "%22").encode()
    head = _HEAD.search(content)
    return content[: head.end()] + base + content[head.end() :] if head else base + content


def page_id(url: str) -> str:
    """An id that the address always gets and no other address does: its last words, and a short hash."""
    parts = urlsplit(url)
    words = re.sub(r"[^\w]+", "-", re.sub(r"\.\w{2,5}$", "", parts.path)).strip("-").lower()
    slug = words[-_LONGEST_SLUG:].strip("-") or re.sub(r"\W+", "-", parts.hostname or "page")
    return f"{slug}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
