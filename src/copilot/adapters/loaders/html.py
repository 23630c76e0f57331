"""HTML pages: the article without navigation, scripts and whatever a reader would not see."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from bs4.element import Comment, NavigableString

from copilot.adapters.loaders.building import DocumentBuilder, one_line, table_text, with_address
from copilot.adapters.loaders.encoding import decode, tidy
from copilot.adapters.loaders.metadata import read_metadata
from copilot.domain.knowledge import BlockKind, ParsedDocument

_PREFIX = "copilot:"
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_DROPPED = ["script", "style", "noscript", "template", "nav", "footer", "aside", "form", "iframe", "svg",
            "button", "select", "dialog"]  # fmt: skip
_DROPPED_ROLES = ["navigation", "banner", "contentinfo", "search", "complementary"]
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LISTS = ("ul", "ol")
_BLOCKS = (*_HEADINGS, *_LISTS, "p", "table", "pre", "dl", "div", "section", "article", "main", "blockquote",
           "figure",
           "header", "details", "summary", "address", "hr", "body", "center", "fieldset")  # fmt: skip


class HtmlLoader:
    suffixes = frozenset({".html", ".htm"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        charset = _CHARSET.search(content[:4096])
        text = decode(content, where=source, declared=charset[1].decode("ascii") if charset else None)
        soup = BeautifulSoup(text, "lxml")
        _make_links_absolute(soup)
        found = {
            str(meta.get("name"))[len(_PREFIX) :]: meta.get("content")
            for meta in soup.find_all("meta")
            if str(meta.get("name", "")).startswith(_PREFIX)
        }
        known = read_metadata({**found, **(metadata or {})}, "meta tags", where=source)
        page_title = one_line(soup.title.get_text()) if soup.title else ""
        locale = soup.html.get("lang") if soup.html else None
        _strip(soup)
        builder = DocumentBuilder()
        root = soup.find("main") or soup.find("article") or soup.body
        if root is not None:
            for link in root.find_all("a", href=True):
                builder.link(str(link["href"]))
            _walk(builder, root)
        fallback: dict[str, Any] = {"locale": str(locale).split("-", maxsplit=1)[0]} if locale else {}
        # The page title often ends in the site's name, so a heading is the better title.
        fallback["title"] = builder.first_heading or page_title or None
        return (builder.build(known, external_id=external_id, source=source, fallback=fallback),)


def add_html(builder: DocumentBuilder, fragment: str, *, address: str = "") -> None:
    """The blocks of a piece of HTML; its relative links start from `address`."""
    soup = BeautifulSoup(tidy(fragment), "lxml")
    _make_links_absolute(soup, address)
    _strip(soup)
    if soup.body is not None:
        _walk(builder, soup.body)


def _make_links_absolute(soup: BeautifulSoup, address: str = "") -> None:
    base = soup.find("base", href=True)
    address = urljoin(address, str(base["href"])) if base else address
    if address.startswith(("https://", "http://")):
        for link in soup.find_all("a", href=True):
            with suppress(ValueError):  # not an address at all
                link["href"] = urljoin(address, str(link["href"]))


def _strip(soup: BeautifulSoup) -> None:
    unwanted = [*soup(_DROPPED), *soup(role=_DROPPED_ROLES), *soup(hidden=True), *soup(style=_HIDDEN)]
    unwanted += [*soup.find_all(True, attrs={"aria-hidden": "true"})]
    unwanted += [tag for tag in soup("header") if not tag.find_parent(["main", "article"])]
    for tag in unwanted:
        if not tag.decomposed:
            tag.decompose()
    for comment in soup.find_all(string=lambda string: isinstance(string, Comment)):
        comment.extract()


def _walk(builder: DocumentBuilder, parent: Tag) -> None:
    """Blocks in reading order; text that stands loose between blocks is a paragraph."""
    loose: list[str] = []

    def flush() -> None:
        builder.paragraph(_tidy("".join(loose)))
        loose.clear()

    for child in parent.children:
        if isinstance(child, NavigableString):
            loose.append(str(child))
        elif isinstance(child, Tag):
            if child.name == "br":
                flush()
            elif child.name in _BLOCKS or child.find(_BLOCKS):
                flush()
                _add(builder, child)
            else:
                loose.append(_text(child))
    flush()


def _add(builder: DocumentBuilder, tag: Tag) -> None:
    if tag.name in _HEADINGS:
        builder.heading(int(tag.name[1]), _text(tag))
    elif tag.name in _LISTS:
        builder.block(BlockKind.LIST, "\n".join(_list_lines(tag, 0)))
    elif tag.name == "table":
        _add_table(builder, tag)
    elif tag.name == "pre":
        builder.block(BlockKind.CODE, tidy(tag.get_text()))
    elif tag.name == "dl":
        lines = (f"- {term}: {text}" for term, text in _definitions(tag))
        builder.block(BlockKind.LIST, "\n".join(lines))
    elif (tag.name == "p" and not tag.find("br")) or tag.name == "summary":
        builder.paragraph(_text(tag))
    else:
        _walk(builder, tag)


def _add_table(builder: DocumentBuilder, table: Tag) -> None:
    if table.find("table"):  # a table used for layout
        for cell in table.find_all(["td", "th"], recursive=True):
            if cell.find_parent("table") is table:
                _walk(builder, cell)
        return
    caption = table.find("caption")
    if caption:
        builder.paragraph(_text(caption))
    builder.table(_rows(table))


def _rows(table: Tag) -> Iterator[list[str]]:
    """A cell over several rows is repeated in each, so that every row stands alone."""
    below: dict[int, tuple[int, str]] = {}
    for row in table.find_all("tr"):
        above, below = below, {}
        cells: list[str] = []
        waiting = list(row.find_all(["td", "th"], recursive=False))
        while waiting or len(cells) in above:
            column = len(cells)
            if column in above:
                rows, text = above[column]
                cells.append(text)
                width = 1
            else:
                cell = waiting.pop(0)
                rows, text, width = _span(cell, "rowspan"), _text(cell), _span(cell, "colspan")
                cells.extend([text] + [""] * (width - 1))
            if rows > 1:
                below.update({column + offset: (rows - 1, text) for offset in range(width)})
        yield cells


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name, "1"))
    return min(int(value), 100) if value.isdigit() and value != "0" else 1


def _definitions(tag: Tag) -> Iterator[tuple[str, str]]:
    term = ""
    for child in tag.find_all(["dt", "dd"]):
        if child.name == "dt":
            term = _text(child)
        else:
            yield term, _text(child)


def _list_lines(tag: Tag, depth: int) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(tag.find_all("li", recursive=False), start=_span(tag, "start")):
        nested = item.find_all(_LISTS, recursive=False)
        inner = [line for child in nested for line in _list_lines(child, depth + 1)]
        inner = [*_set_pieces(item, depth), *inner]
        for child in nested:
            child.extract()
        text = _text(item)
        if text:
            lines.append(f"{'  ' * depth}{f'{number}.' if tag.name == 'ol' else '-'} {text}")
        lines.extend(inner)
    return lines


def _set_pieces(item: Tag, depth: int) -> list[str]:
    """Lines of the code and tables in a list item, taken out of it: their line ends mean something."""
    lines: list[str] = []
    for piece in item.find_all(["pre", "table"]):
        if piece.find_parent("li") is item and not piece.find_parent(["pre", "table"]):
            text = tidy(piece.get_text()) if piece.name == "pre" else table_text(_rows(piece))
            lines += [f"{'  ' * (depth + 1)}{line}" for line in text.strip("\n").split("\n")]
            piece.extract()
    return lines


def _text(tag: Tag) -> str:
    for link in tag.find_all("a", href=True):
        shown = with_address(link.get_text(" "), str(link["href"]))
        if shown != link.get_text(" "):
            link.string = shown
            del link["href"]
    for image in tag.find_all("img"):
        image.replace_with(str(image.get("alt", "")))
    return _tidy(_rendered(tag))


def _rendered(tag: Tag) -> str:
    """Text as a browser runs it together: a space only where a block or line ends."""
    parts: list[str] = []
    for child in tag.children:
        if isinstance(child, NavigableString):
            parts.append(str(child))
        elif isinstance(child, Tag):
            separate = " " if child.name in (*_BLOCKS, "br", "li", "td", "th", "dt", "dd") else ""
            parts.append(f"{separate}{_rendered(child)}{separate}")
    return "".join(parts)


def _tidy(text: str) -> str:
    return one_line(tidy(text))
