"""Markdown (CommonMark and tables) with YAML front matter."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from copilot.adapters.loaders.building import DocumentBuilder, one_line, table_text, with_address
from copilot.adapters.loaders.encoding import decode
from copilot.adapters.loaders.metadata import read_metadata, read_yaml_mapping
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import BlockKind, ParsedDocument

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)(?:\n|\A)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT = "front matter"
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}


class MarkdownLoader:
    suffixes = frozenset({".md", ".markdown"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        front, body = _split(decode(content, where=source).lstrip("\n"), source)
        known = read_metadata({**front, **(metadata or {})}, _FRONT, where=source)
        builder = DocumentBuilder()
        add_markdown(builder, body)
        return (builder.build(known, external_id=external_id, source=source),)


def add_markdown(builder: DocumentBuilder, text: str) -> None:
    """The blocks of a Markdown text without front matter."""
    tree = SyntaxTreeNode(_parser().parse(text))
    for node in tree.children:
        _add(builder, node)
    for node in tree.walk(include_self=False):
        if node.type == "link":
            builder.link(str(node.attrs.get("href", "")))


@cache
def _parser() -> MarkdownIt:
    """Making one takes as long as a page; a text leaves no trace in it."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _split(text: str, source: str) -> tuple[dict[str, Any], str]:
    if not text.startswith("---\n"):
        return {}, text
    match = _FRONT_MATTER.match(text)
    if match is None:
        # A rule on the first line is legal Markdown, a `key:` below it is front matter nobody closed.
        if re.match(r"---\n\w+:", text):
            raise UnreadableDocument(
                "front matter opened on line 1 is never closed.", hint="Expected a line `---`.", where=source
            )
        return {}, text
    return read_yaml_mapping("\n" + match[1], _FRONT, where=source), text[match.end() :]


def _add(builder: DocumentBuilder, node: SyntaxTreeNode) -> None:
    match node.type:
        case "heading":
            builder.heading(int(node.tag[1]), _inline(node))
        case "paragraph":
            _add_lines(builder, _inline(node))
        case "bullet_list" | "ordered_list":
            builder.block(BlockKind.LIST, "\n".join(_list_lines(node, 0)))
        case "table":
            builder.table(_rows(node))
        case "fence" | "code_block":
            builder.block(BlockKind.CODE, node.content)
        case "html_block":
            builder.paragraph(_html_text(node.content))
        case "blockquote":
            for child in node.children:
                _add(builder, child)
        case _:  # a rule
            pass


def _rows(table: SyntaxTreeNode) -> list[list[str]]:
    rows = [row for part in table.children for row in part.children]
    return [[_inline(cell) for cell in row.children] for row in rows]


def _add_lines(builder: DocumentBuilder, text: str) -> None:
    """A hard line break inside a paragraph (an address, say) is kept as a paragraph of its own."""
    for line in text.split("\n"):
        builder.paragraph(line)


def _list_lines(node: SyntaxTreeNode, depth: int) -> list[str]:
    lines: list[str] = []
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    for item in node.children:
        marker = f"{number}." if number or node.type == "ordered_list" else "-"
        number += node.type == "ordered_list"
        indent = "  " * depth
        head = ""
        for child in item.children:
            if child.type in {"bullet_list", "ordered_list"}:
                lines.extend(_list_lines(child, depth + 1))
                continue
            if child.type in {"fence", "code_block", "table"}:
                piece = table_text(_rows(child)) if child.type == "table" else child.content.strip("\n")
                lines.extend(f"{indent}  {line}" for line in piece.split("\n"))
                head = head or marker
                continue
            text = one_line(_inline(child))
            if not text:
                continue
            lines.append(f"{indent}{head or marker} {text}" if not head else f"{indent}  {text}")
            head = marker
    return lines


def _inline(node: SyntaxTreeNode) -> str:
    """A node's plain text: no emphasis or code marks, addresses of links kept beside their text."""
    if node.type in {"text", "code_inline", "image", "fence", "code_block"}:
        return node.content
    if node.type in _BREAKS:
        return _BREAKS[node.type]
    if node.type == "html_inline":
        return " " if node.content.lower().startswith("<br") else ""
    text = "".join(_inline(child) for child in node.children)
    return with_address(text, str(node.attrs.get("href", ""))) if node.type == "link" else text


def _html_text(fragment: str) -> str:
    if "<" not in re.sub(r"<!--.*?-->", "", fragment, flags=re.DOTALL):
        return ""
    soup = BeautifulSoup(fragment, "lxml")
    for hidden in soup(["script", "style"]):
        hidden.decompose()
    return soup.get_text(" ")
