"""Loaders: one kind of file each, chosen by suffix. Parsers are imported when the first such file comes."""

from collections.abc import Callable
from functools import cache

from copilot.ports import DocumentLoader


def loader_for(suffix: str) -> DocumentLoader | None:
    """The loader of files that end in `suffix` (".md"), or None when there is none."""
    make = _FACTORIES.get(suffix.lower())
    return make() if make else None


def known_suffixes() -> tuple[str, ...]:
    return tuple(_FACTORIES)


@cache
def _markdown() -> DocumentLoader:
    from copilot.adapters.loaders.markdown import MarkdownLoader  # noqa: PLC0415 - parsers cost start-up time

    return MarkdownLoader()


@cache
def _html() -> DocumentLoader:
    from copilot.adapters.loaders.html import HtmlLoader  # noqa: PLC0415

    return HtmlLoader()


@cache
def _pdf() -> DocumentLoader:
    from copilot.adapters.loaders.pdf import PdfLoader  # noqa: PLC0415

    return PdfLoader()


@cache
def _docx() -> DocumentLoader:
    from copilot.adapters.loaders.docx import DocxLoader  # noqa: PLC0415

    return DocxLoader()


@cache
def _csv_faq() -> DocumentLoader:
    from copilot.adapters.loaders.csv_faq import CsvFaqLoader  # noqa: PLC0415

    return CsvFaqLoader()


@cache
def _text() -> DocumentLoader:
    from copilot.adapters.loaders.plain_text import TextLoader  # noqa: PLC0415

    return TextLoader()


@cache
def _pptx() -> DocumentLoader:
    from copilot.adapters.loaders.pptx import PptxLoader  # noqa: PLC0415

    return PptxLoader()


@cache
def _xlsx() -> DocumentLoader:
    from copilot.adapters.loaders.xlsx import XlsxLoader  # noqa: PLC0415

    return XlsxLoader()


@cache
def _email() -> DocumentLoader:
    from copilot.adapters.loaders.email import EmailLoader  # noqa: PLC0415

    return EmailLoader()


_FACTORIES: dict[str, Callable[[], DocumentLoader]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
    ".csv": _csv_faq,
    ".txt": _text,
    ".text": _text,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
    ".eml": _email,
}
