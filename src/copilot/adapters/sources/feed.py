"""Articles of any JSON feed: a mapping says where each of our fields is in its objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from copilot.adapters.loaders.metadata import Metadata, safe_id
from copilot.adapters.loaders.reading import refused
from copilot.adapters.shop_http import dig
from copilot.adapters.sources.articles import Markup, article, get_json, next_page
from copilot.adapters.sources.fetching import Fetcher
from copilot.domain.errors import CopilotError, DependencyUnavailable, UnreadableDocument
from copilot.domain.knowledge import SourceFile

OWN_FIELDS = ("text", "link", "path")
"""Besides those of the metadata: the article itself, its address, and the headings it stands under."""
KNOWN_FIELDS = (*Metadata.model_fields, *OWN_FIELDS)
_DATES = ("review_on", "valid_from", "valid_to")
_DAY = len("2026-03-01")


class JsonFeed:
    """`fields` gives the dotted path of ours in each object; `values` turns its words into ours.

    `items` is the dotted path of the list, `next_link` that of the next page's address. `skip` leaves out
    objects by the words in a field, e.g. {"status": ["draft"]}.
    """

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        *,
        url: str,
        fields: Mapping[str, str],
        items: str = "",
        next_link: str | None = None,
        markup: Markup = Markup.HTML,
        values: Mapping[str, Mapping[str, str]] | None = None,
        skip: Mapping[str, Sequence[str]] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.complete = False
        self._fetcher = fetcher
        self._url = url
        self._fields = fields
        self._items = items
        self._next = next_link
        self._markup = markup
        self._values = values or {}
        self._skip = skip or {}
        self._metadata = dict(metadata or {})
        self._count = 0

    def files(self) -> int:
        return self._count

    def read(self) -> Iterator[SourceFile]:
        try:
            for number, item in enumerate(self._all(), start=1):
                if not self._is_skipped(item):
                    self._count += 1
                    yield self._article(item, number)
        except CopilotError as error:
            yield refused(error, self._url)
        else:
            self.complete = True

    def close(self) -> None:
        self._fetcher.close()

    def _all(self) -> Iterator[Mapping[str, Any]]:
        url: str | None = self._url
        seen = set[str]()
        while url is not None and url not in seen:
            seen.add(url)
            answer = get_json(self._fetcher, url)
            found = dig(answer, self._items)
            if not isinstance(found, list):
                raise DependencyUnavailable(f"there is no list at `{self._items or 'the top'}`.", where=url)
            yield from (item if isinstance(item, Mapping) else {} for item in found)
            url = next_page(url, dig(answer, self._next)) if self._next else None

    def _is_skipped(self, item: Mapping[str, Any]) -> bool:
        return any(str(dig(item, field)).lower() in words for field, words in self._skip.items())

    def _article(self, item: Mapping[str, Any], number: int) -> SourceFile:
        found = {ours: self._value(ours, dig(item, theirs)) for ours, theirs in self._fields.items()}
        found = {ours: value for ours, value in found.items() if value not in (None, "", [])}
        link, identity = found.pop("link", None), found.pop("id", None)
        source = urljoin(self._url, str(link)) if link else f"{self.name}/{identity or f'item {number}'}"
        if identity is None:
            problem = UnreadableDocument(
                f"item {number} has no `{self._fields['id']}`.", hint="It is what names it.", where=source
            )
            return refused(problem, source)
        body, path = found.pop("text", None), found.pop("path", ())
        under = [path] if isinstance(path, str) else [str(part) for part in path]
        metadata = found | {"id": safe_id(f"{self.name}-{identity}")} | self._metadata
        return article(body, self._markup, metadata, source=source, under=under)

    def _value(self, ours: str, value: Any) -> Any:  # noqa: ANN401 - as it comes from the feed
        words = self._values.get(ours)
        if words is not None and value is not None:
            value = words.get(str(value), value)
        if ours in _DATES and isinstance(value, str):
            return value[:_DAY]  # a time of day is more than a day needs
        return value
