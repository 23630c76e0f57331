"""Articles of a Chatwoot help-centre portal, by its application API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from copilot.adapters.loaders.metadata import safe_id
from copilot.adapters.loaders.reading import refused
from copilot.adapters.sources.articles import Markup, article, get_json, items_of
from copilot.adapters.sources.fetching import Fetcher
from copilot.domain.errors import CopilotError
from copilot.domain.knowledge import SourceFile

_PUBLISHED = frozenset({"published", 1})
_MOST_PAGES = 2_000


class ChatwootPortal:
    """The category is the heading path and a tag; drafts and archived articles are left out.

    `url` is the installation's, `portal` the portal's slug. Articles are Markdown.
    """

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        *,
        url: str,
        account: int,
        portal: str,
        locales: Sequence[str],
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.complete = False
        self._fetcher = fetcher
        self._url = url.rstrip("/")
        self._portal = portal
        self._api = f"{self._url}/api/v1/accounts/{account}/portals/{quote(portal, safe='')}/articles"
        self._locales = locales
        self._metadata = dict(metadata or {})
        self._count = 0

    def files(self) -> int:
        return self._count

    def read(self) -> Iterator[SourceFile]:
        failed = False
        for locale in self._locales:
            try:
                for item in self._all(locale):
                    if item.get("status") in _PUBLISHED:
                        self._count += 1
                        yield self._article(item, locale)
            except CopilotError as error:
                failed = True
                yield refused(error, f"{self._api}?locale={locale}")
        self.complete = not failed

    def close(self) -> None:
        self._fetcher.close()

    def _all(self, locale: str) -> Iterator[Mapping[str, Any]]:
        """Page after page until one brings nothing new: older versions give everything on each."""
        seen = set[object]()
        for page in range(1, _MOST_PAGES + 1):
            url = f"{self._api}?{urlencode({'page': page, 'locale': locale})}"
            new = [
                item
                for item in items_of(get_json(self._fetcher, url), "payload", url)
                if item.get("id") not in seen
            ]
            if not new:
                return
            seen.update(item.get("id") for item in new)
            yield from new

    def _article(self, item: Mapping[str, Any], locale: str) -> SourceFile:
        number = str(item.get("id"))
        category = item.get("category") if isinstance(item.get("category"), Mapping) else None
        path = [str(category["name"])] if category and category.get("name") else []
        slug = item.get("slug")
        page = f"/hc/{quote(self._portal, safe='')}/articles/{quote(str(slug), safe='')}"
        source = self._url + page if slug else f"{self._api}/{number}"
        spoken = str((category or {}).get("locale") or item.get("locale") or locale)
        metadata = {
            "id": safe_id(f"chatwoot-{self._portal}-{number}"),
            "title": item.get("title") or None,
            "locale": spoken.replace("_", "-").partition("-")[0].lower(),
            "tags": path,
        } | self._metadata
        return article(item.get("content"), Markup.MARKDOWN, metadata, source=source, under=path)
