"""Chatwoot: webhooks of an account, and private notes by its application API.

Webhooks of an account are signed since 4.11.2: `X-Chatwoot-Signature: sha256=<hex>`, an HMAC-SHA256 with the
webhook's secret over `<X-Chatwoot-Timestamp>.<body>` (chatwoot/chatwoot#13573).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from copilot.adapters.helpdesks import calls, payload
from copilot.adapters.helpdesks.signatures import from_epoch, refused, require_recent, require_same, signed
from copilot.adapters.shop_http import HttpLimits, ShopHttp, dig
from copilot.domain.conversation import Channel, Speaker
from copilot.domain.errors import DependencyUnavailable, NotFound
from copilot.domain.helpdesk import ExternalContact, HelpdeskMessage, WriteBack

_SPEAKERS = {
    "incoming": Speaker.CUSTOMER,
    "outgoing": Speaker.REPRESENTATIVE,
    0: Speaker.CUSTOMER,
    1: Speaker.REPRESENTATIVE,
}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")


class Chatwoot:
    """The Helpdesk port for one account. `inboxes`: only these, when any are named."""

    def __init__(
        self,
        *,
        name: str,
        tenant_id: str,
        url: str,
        account: int,
        webhook_secret: str,
        access_token: str | None,
        write_back: WriteBack,
        inboxes: frozenset[int] = frozenset(),
        limits: HttpLimits | None = None,
    ) -> None:
        self.name = name
        self.tenant_id = tenant_id
        self.title = "Chatwoot"
        self.write_back = write_back
        self._account = account
        self._secret = webhook_secret
        self._inboxes = inboxes
        self._has_key = access_token is not None
        credentials = {"api_access_token": access_token} if access_token else {}
        self._http = ShopHttp(url, name="Chatwoot", credentials=credentials, limits=limits)

    async def close(self) -> None:
        await self._http.close()

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        given, time = headers.get("x-chatwoot-signature", ""), headers.get("x-chatwoot-timestamp", "")
        if not given or not time:
            raise refused("the webhook is not signed")
        require_recent(from_epoch(time), now)
        require_same(given, "sha256=" + signed(self._secret, time.encode(), b".", body).hex())

    def read(self, body: bytes) -> HelpdeskMessage | None:
        event = payload.json_object(body)
        speaker = _SPEAKERS.get(event.get("message_type", ""))
        if event.get("event") != "message_created" or speaker is None or event.get("private"):
            return None  # activities, templates and notes, our own among them, are nobody's words
        if dig(event, "account.id") != self._account or not self._wanted(dig(event, "inbox.id")):
            return None
        conversation = payload.mapping(event.get("conversation"))
        number = payload.number(conversation.get("id"), "body.conversation.id")
        contact = ExternalContact(
            external_id=f"{self.name}:{number}",
            channel=_channel(conversation.get("channel")),
            subject=payload.subject_of(dig(conversation, "additional_attributes.mail_subject")),
            customer_email=payload.email_of(dig(conversation, "meta.sender.email")),
        )
        return self._message(event, speaker, contact)

    async def earlier(self, external_id: str) -> list[HelpdeskMessage]:
        """The twenty latest at most: Chatwoot's page."""
        if not self._has_key:
            return []
        answer = await calls.get(self._http, self._messages(external_id))
        found = dig(answer, "payload")
        contact = ExternalContact(external_id=external_id)
        told = [
            self._message(one, _SPEAKERS[one["message_type"]], contact)
            for one in (found if isinstance(found, list) else [])
            if isinstance(one, Mapping) and one.get("message_type") in _SPEAKERS and not one.get("private")
        ]
        return sorted((message for message in told if message), key=lambda message: message.position)

    def _message(
        self, message: Mapping[str, Any], speaker: Speaker, contact: ExternalContact
    ) -> HelpdeskMessage | None:
        text = payload.text_of(message.get("content"))
        if not text:
            return None  # a picture or a file
        number = payload.number(message.get("id"), "body.id")
        return HelpdeskMessage(
            event_id=f"message:{number}",
            message_id=f"{self.name}:message:{number}",
            position=float(number),
            speaker=speaker,
            text=text,
            contact=contact,
        )

    async def add_note(self, external_id: str, text: str) -> None:
        body = {"content": _plain(text), "message_type": "outgoing", "private": True, "content_type": "text"}
        await calls.write(self._http, "POST", self._messages(external_id), body)

    async def has_note(self, external_id: str, mark: str) -> bool:
        answer = await calls.get(self._http, self._messages(external_id))
        found = dig(answer, "payload")
        if not isinstance(found, list):
            raise DependencyUnavailable("Chatwoot answered without the messages asked for.")
        return any(_plain(mark) in str(dig(one, "content")) for one in found if dig(one, "private"))

    def _messages(self, external_id: str) -> str:
        number = external_id.removeprefix(f"{self.name}:")
        if not number.isdecimal():
            raise NotFound(f"{external_id} is no conversation of {self.name}.")
        return f"/api/v1/accounts/{self._account}/conversations/{number}/messages"

    def _wanted(self, inbox: object) -> bool:
        return not self._inboxes or inbox in self._inboxes


def _channel(kind: object) -> Channel:
    return Channel.EMAIL if kind == "Channel::Email" else Channel.CHAT


def _plain(text: str) -> str:
    """Chatwoot shows Markdown: a draft must not become a link or a picture in a note."""
    return _MARKDOWN.sub(r"\\\1", text)
