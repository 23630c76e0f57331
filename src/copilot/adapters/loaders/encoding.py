"""Bytes of unknown encoding to clean text."""

import codecs
import re
import unicodedata

from copilot.domain.errors import UnreadableDocument

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# \x80-\x9f are left by text that was once decoded wrongly; they say nothing, but are not binary.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_MAX_CONTROL_SHARE = 0.005
# Western text in cp1252 is mostly ASCII; much more means another encoding read as this one.
_MAX_FOREIGN_SHARE = 0.25
_EXPECTED = "Expected text in UTF-8 (or Windows-1252)."


def decode(content: bytes, *, where: str, declared: str | None = None) -> str:
    """Text in NFC with line feeds as line ends and no control characters. Raises `UnreadableDocument`.

    Tries the byte order mark, then UTF-8, then `declared`, then Windows-1252 where that looks like text.
    """
    text = _decoded(content, where, declared)
    if len(_BINARY.findall(text)) > max(2, _MAX_CONTROL_SHARE * len(text)):
        raise UnreadableDocument("the file is binary, not text.", hint=_EXPECTED, where=where)
    return tidy(text)


def tidy(text: str) -> str:
    """Unicode composed, line feeds as line ends, control and soft-hyphen characters removed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00ad", "").replace("\u00a0", " ")
    return unicodedata.normalize("NFC", _CONTROL.sub("", text))


def _decoded(content: bytes, where: str, declared: str | None) -> str:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _strictly(content, encoding, where)
    if b"\x00" in content:
        raise UnreadableDocument("the file is binary, not text.", hint=_EXPECTED, where=where)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = content.count(b"\n", 0, error.start) + 1
    if declared and _known(declared):
        return _strictly(content, "cp1252" if _is_latin(declared) else declared, where)
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    foreign = sum(character > "\x7f" for character in text)
    if not text or foreign > _MAX_FOREIGN_SHARE * len(text):
        raise UnreadableDocument(
            f"line {place} is not UTF-8, nor is the file Windows-1252.", hint=_EXPECTED, where=where
        )
    return text


def _strictly(content: bytes, encoding: str, where: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableDocument(
            f"the file says it is {encoding}, but byte {error.start} is not.", hint=_EXPECTED, where=where
        ) from error


def _known(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding)._is_text_encoding  # noqa: SLF001 - rot13, base64 … are codecs too
    except LookupError:
        return False


def _is_latin(encoding: str) -> bool:
    """Browsers read these two as Windows-1252, and so must we."""
    return codecs.lookup(encoding).name in {"iso8859-1", "ascii"}
