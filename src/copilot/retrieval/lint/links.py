"""Links that lead nowhere, and links to pages that hold no more.

A relative link leads to a document by its file (`../returns/fees.md`) or its name (`/help/fees`). Links to
other sites are only followed when asked to, by a function that is given.
"""

import asyncio
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from copilot.domain.care import Finding, LintCheck, Place, Severity
from copilot.domain.knowledge import BlockKind, KnowledgeDocument
from copilot.retrieval.lint.corpus import Corpus, place_of

CheckLink = Callable[[str], str | None]
"""What is wrong with an address, or None. Blocking; keeps to the hosts that it was given."""

_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"'`|]+")
_SOURCED = re.compile(r"\.(?:md|markdown)$", re.IGNORECASE)
_CURRENT_SITE = frozenset({"", "/", "index", "home"})


@dataclass(frozen=True)
class _Targets:
    """Documents by file and by the last part of their address."""

    by_source: Mapping[str, Sequence[KnowledgeDocument]]
    by_name: Mapping[str, Sequence[KnowledgeDocument]]


def find_dead_links(corpus: Corpus) -> Iterator[Finding]:
    """Links inside the knowledge; nothing is fetched."""
    targets = _targets(corpus)
    folders = _help_folders(corpus, targets)
    for document in corpus.current_documents():
        for link in document.links:
            yield from _judge(corpus, document, link, targets, folders)


async def find_dead_addresses(corpus: Corpus, check: CheckLink) -> list[Finding]:
    """Links to the web, each address asked once, one after the other: politeness is the checker's."""
    where: dict[str, list[KnowledgeDocument]] = {}
    for document in corpus.current_documents():
        for address in dict.fromkeys(_ADDRESS.findall(document.text)):
            where.setdefault(address.rstrip(".,;:!?"), []).append(document)
    findings = []
    for address, documents in sorted(where.items()):
        if problem := await asyncio.to_thread(check, address):
            places = tuple(place_of(document, text=address) for document in documents)
            findings.append(_finding(Severity.ERROR, f"{address}: {problem}", *places))
    return findings


def _judge(
    corpus: Corpus, document: KnowledgeDocument, link: str, targets: _Targets, folders: frozenset[str]
) -> Iterator[Finding]:
    here = place_of(document, text=link)
    try:
        parts = urlsplit(link)
    except ValueError:
        yield _finding(Severity.ERROR, f"`{link}` is not an address.", here)
        return
    path = unquote(parts.path)
    if not path:
        if parts.fragment and _SOURCED.search(document.source) and not _has_anchor(document, parts.fragment):
            message = f"There is no heading `#{parts.fragment}` in it."
            yield _finding(Severity.ERROR, message, here)
        return
    found = _resolve(document, path, targets)
    if not found:
        if not path.startswith("/") or posixpath.dirname(path.rstrip("/")) in folders:
            yield _finding(Severity.ERROR, f"There is no document `{path}`.", here)
        return
    live = [target for target in found if target.id in corpus.current]
    if not live:
        target = found[0]
        why = "is kept out of search" if target.quarantined else _ended(target)
        message = f"It links to {target.external_id} v{target.version}, which {why}."
        yield _finding(Severity.WARNING, message, here, place_of(target))
    elif parts.fragment and _SOURCED.search(live[0].source) and not _has_anchor(live[0], parts.fragment):
        message = f"{live[0].external_id} has no heading `#{parts.fragment}`."
        yield _finding(Severity.ERROR, message, here, place_of(live[0]))


def _ended(target: KnowledgeDocument) -> str:
    if target.superseded_by:
        return f"is superseded by {target.superseded_by}"
    return f"ended on {target.valid_to}" if target.valid_to else "is not in force yet"


def _resolve(document: KnowledgeDocument, path: str, targets: _Targets) -> Sequence[KnowledgeDocument]:
    if not path.startswith("/"):
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(document.source), path))
        for source in (beside, *(beside + ending for ending in (".md", ".html"))):
            if found := targets.by_source.get(source):
                return found
    name = posixpath.splitext(posixpath.basename(path.rstrip("/")))[0]
    return targets.by_name.get(name.casefold(), ())


def _targets(corpus: Corpus) -> _Targets:
    by_source: dict[str, list[KnowledgeDocument]] = {}
    by_name: dict[str, list[KnowledgeDocument]] = {}
    for document in corpus.documents.values():
        by_source.setdefault(document.source, []).append(document)
        stem = posixpath.splitext(posixpath.basename(urlsplit(document.source).path.rstrip("/")))[0]
        for name in {document.external_id.casefold(), stem.casefold()} - _CURRENT_SITE:
            by_name.setdefault(name, []).append(document)
    return _Targets(by_source, by_name)


def _help_folders(corpus: Corpus, targets: _Targets) -> frozenset[str]:
    """Folders of the site that documents are linked in: elsewhere (`/sale`) are pages that we never had."""
    return frozenset(
        posixpath.dirname(path.rstrip("/"))
        for document in corpus.current_documents()
        for link in document.links
        if (path := link.split("#")[0].split("?")[0]).startswith("/") and _resolve(document, path, targets)
    )


def _has_anchor(document: KnowledgeDocument, fragment: str) -> bool:
    wanted = _slug(unquote(fragment))
    return wanted in {"", "top"} or any(
        _slug(document.text[block.start : block.end]) == wanted
        for block in document.blocks
        if block.kind is BlockKind.HEADING
    )


def _slug(text: str) -> str:
    """As GitHub and most makers of pages do it: lower case, words joined by hyphens, nothing else."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text.casefold())).strip("-")


def _finding(severity: Severity, message: str, *places: Place) -> Finding:
    return Finding(check=LintCheck.DEAD_LINK, severity=severity, message=message, places=places)
