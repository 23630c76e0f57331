"""E-mails (.eml): subject, sender and text; the HTML part where there is one, since it has the structure."""

import email
import email.policy
from collections.abc import Iterator, Mapping, Sequence
from email.errors import MessageError
from email.message import EmailMessage
from typing import Any

from copilot.adapters.loaders.building import DocumentBuilder, one_line
from copilot.adapters.loaders.encoding import decode, tidy
from copilot.adapters.loaders.html import add_html
from copilot.adapters.loaders.metadata import read_metadata
from copilot.adapters.loaders.plain_text import add_text
from copilot.domain.errors import UnreadableDocument
from copilot.domain.knowledge import Audience, ParsedDocument

_EXPECTED = "Expected one message as a mail program saves it (.eml, RFC 5322)."
_SHOWN = ("from", "date")
_HEADERS = ("from", "to", "subject", "date", "received", "message-id", "content-type")


class EmailLoader:
    """The message; `attachments` are files of their own. Internal unless a side file says otherwise."""

    suffixes = frozenset({".eml"})

    def load(
        self, content: bytes, *, external_id: str, source: str, metadata: Mapping[str, Any] | None = None
    ) -> Sequence[ParsedDocument]:
        known = read_metadata(metadata or {}, f"side file {source}.yaml", where=source)
        message = _parse(content, source)
        subject = tidy(_header(message, "subject"))
        builder = DocumentBuilder()
        builder.heading(1, subject)
        body = message.get_body(preferencelist=("html", "plain"))
        if body is not None:
            text = decode(_bytes(body), where=source, declared=body.get_content_charset())
            if body.get_content_subtype() == "html":
                add_html(builder, text)
            else:
                add_text(builder, text)
        told = "; ".join(f"{name.title()}: {value}" for name in _SHOWN if (value := _header(message, name)))
        fallback = {"title": subject or None, "kind": "email", "audience": Audience.INTERNAL}
        if body is not None and told:
            builder.paragraph(told)
        return (builder.build(known, external_id=external_id, source=source, fallback=fallback),)


def attachments(content: bytes, *, where: str) -> Iterator[tuple[str, bytes]]:
    """(file name, bytes); pictures within the text are left out. Raises `UnreadableDocument`."""
    message = _parse(content, where)
    for number, part in enumerate(message.iter_attachments(), start=1):
        if part.get_content_maintype() == "image":
            continue
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload(0)
            yield part.get_filename() or f"message-{number}.eml", inner.as_bytes()  # type: ignore[union-attr]
        elif name := part.get_filename():
            yield name, _bytes(part)


def _parse(content: bytes, where: str) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not any(name in message for name in _HEADERS):
        raise UnreadableDocument("the file is not an e-mail: it has no headers.", hint=_EXPECTED, where=where)
    return message


def _header(message: EmailMessage, name: str) -> str:
    # The parser of addresses and dates raises many things on a broken header.
    try:
        return one_line(str(message.get(name, "")))
    except (MessageError, ValueError, IndexError, TypeError, AttributeError):
        return ""


def _bytes(part: Any) -> bytes:  # noqa: ANN401 - a message part of either class
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
