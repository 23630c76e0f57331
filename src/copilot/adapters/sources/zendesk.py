"""Articles of a Zendesk Guide help centre, by its Help Center API (cursor paging)."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from copilot.adapters.loaders.reading import refused
from copilot.adapters.sources.articles import Markup, article, get_json, items_of, next_page
from copilot.adapters.sources.fetching import Fetcher
from copilot.domain.errors import CopilotError
from copilot.domain.knowledge import SourceFile

_PAGE = "page%5Bsize%5D=100"
_DEEPEST = 10


def authorization(secret: str) -> dict[str, str]:
    """`name@example.com/token:KEY` is an API token, anything else an OAuth token."""
    if ":" in secret:
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    return {"Authorization": f"Bearer {secret}"}


class ZendeskGuide:
    """Category and sections are the heading path and tags; drafts are left out.

    An article for a user segment is internal: not everybody may see it. `url` is the help centre's.
    """

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        *,
        url: str,
        locales: Sequence[str],
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.complete = False
        self._fetcher = fetcher
        self._api = f"{url.rstrip('/')}/api/v2/help_center"
        self._locales = locales
        self._metadata = dict(metadata or {})
        self._count = 0

    def files(self) -> int:
        return self._count

    def read(self) -> Iterator[SourceFile]:
        failed = False
        for locale in self._locales:
            base = f"{self._api}/{quote(locale, safe='')}"
            try:
                categories = {item.get("id"): item for item in self._all(base, "categories")}
                sections = {item.get("id"): item for item in self._all(base, "sections")}
                for item in self._all(base, "articles"):
                    if not item.get("draft"):
                        self._count += 1
                        yield self._article(item, _path(item.get("section_id"), sections, categories))
            except CopilotError as error:
                failed = True
                yield refused(error, f"{base}/articles")
        self.complete = not failed

    def close(self) -> None:
        self._fetcher.close()

    def _all(self, base: str, kind: str) -> Iterator[Mapping[str, Any]]:
        url: str | None = f"{base}/{kind}.json?{_PAGE}"
        seen = set[str]()
        while url is not None and url not in seen:
            seen.add(url)
            answer = get_json(self._fetcher, url)
            yield from items_of(answer, kind, url)
            more = (answer.get("meta") or {}).get("has_more")
            url = next_page(url, (answer.get("links") or {}).get("next")) if more else None

    def _article(self, item: Mapping[str, Any], path: list[str]) -> SourceFile:
        number, locale = str(item.get("id")), str(item.get("locale") or self._locales[0])
        source = str(item.get("html_url") or f"{self._api}/articles/{number}")
        labels = [str(label) for label in item.get("label_names") or ()]
        restricted = item.get("user_segment_id") is not None or bool(item.get("user_segment_ids"))
        metadata = {
            "id": f"zendesk-{number}-{locale.lower()}",
            "title": item.get("title") or item.get("name") or None,
            "locale": locale.partition("-")[0].lower(),
            "tags": list(dict.fromkeys([*labels, *path])),
        } | self._metadata
        if restricted:
            metadata["audience"] = "internal"
        return article(item.get("body"), Markup.HTML, metadata, source=source, under=path)


def _path(
    section_id: object,
    sections: Mapping[object, Mapping[str, Any]],
    categories: Mapping[object, Mapping[str, Any]],
) -> list[str]:
    """Category, section, and the sections within it, from the top."""
    names: list[str] = []
    section = sections.get(section_id)
    top = section
    while section is not None and len(names) < _DEEPEST:
        names.insert(0, str(section.get("name") or ""))
        top, section = section, sections.get(section.get("parent_section_id"))
    category = categories.get(top.get("category_id")) if top else None
    return [name for name in [str(category.get("name") or "") if category else "", *names] if name]
