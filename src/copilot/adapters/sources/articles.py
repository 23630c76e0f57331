"""What help centres and feeds have in common: JSON over the fetcher, and articles of markup with metadata."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin, urlsplit

from copilot.adapters.loaders.building import DocumentBuilder
from copilot.adapters.loaders.encoding import tidy
from copilot.adapters.loaders.html import add_html
from copilot.adapters.loaders.markdown import add_markdown
from copilot.adapters.loaders.metadata import read_metadata
from copilot.adapters.loaders.plain_text import add_text
from copilot.adapters.loaders.reading import refused
from copilot.adapters.sources.fetching import Fetcher
from copilot.domain.errors import CopilotError, DependencyUnavailable, UnreadableDocument
from copilot.domain.knowledge import SourceFile


class Markup(StrEnum):
    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"


def get_json(fetcher: Fetcher, url: str) -> Any:  # noqa: ANN401 - whatever the answer holds
    """The JSON value at an address. `DependencyUnavailable` when it is none."""
    content = fetcher.get(url, accept="application/json").content or b""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DependencyUnavailable("the answer is not JSON.", where=url) from error


def items_of(answer: object, key: str, url: str) -> list[Mapping[str, Any]]:
    """The list of objects under `key`. `DependencyUnavailable` when there is none: the API is another one."""
    found = answer.get(key) if isinstance(answer, Mapping) else None
    if not isinstance(found, list):
        raise DependencyUnavailable(f"the answer has no list `{key}`.", where=url)
    return [item for item in found if isinstance(item, Mapping)]


def next_page(current: str, link: object) -> str | None:
    """The address of the next page, which may be relative, and must be of the same host."""
    if not isinstance(link, str) or not link:
        return None
    address = urljoin(current, link)
    if urlsplit(address).hostname != urlsplit(current).hostname:
        raise DependencyUnavailable("the next page is on another host.", where=address)
    return address


def article(
    body: object,
    markup: Markup,
    metadata: Mapping[str, Any],
    *,
    source: str,
    under: Sequence[str] = (),
) -> SourceFile:
    """One article as a file of its source, refused when its metadata or text cannot be used."""
    try:
        if not isinstance(body, str):
            raise UnreadableDocument("it has no text.", hint="Write it, or take it down.", where=source)
        known = read_metadata(metadata, "what the source says", where=source)
        builder = DocumentBuilder(under)
        match markup:
            case Markup.HTML:
                add_html(builder, body, address=source)
            case Markup.MARKDOWN:
                add_markdown(builder, tidy(body))
            case Markup.TEXT:
                add_text(builder, tidy(body))
        document = builder.build(known, external_id=known.id or "unnamed", source=source)
    except CopilotError as error:
        return refused(error, source)
    return SourceFile(source=source, documents=(document,))
