"""Zendesk: webhooks that subscribe to ticket events, and private comments by the Tickets API.

Webhooks are signed by `X-Zendesk-Webhook-Signature`: base64 of an HMAC-SHA256 with the webhook's signing
secret over `X-Zendesk-Webhook-Signature-Timestamp` followed by the body.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from copilot.adapters.helpdesks import calls, payload
from copilot.adapters.helpdesks.signatures import from_iso, refused, require_recent, require_same, signed
from copilot.adapters.shop_http import HttpLimits, ShopHttp, dig
from copilot.adapters.sources.zendesk import authorization
from copilot.domain.conversation import Channel, Speaker
from copilot.domain.errors import DependencyUnavailable, NotFound
from copilot.domain.helpdesk import ExternalContact, HelpdeskMessage, WriteBack

_CREATED = "zen:event-type:ticket.created"
_COMMENTED = "zen:event-type:ticket.comment_added"
_LIVE = frozenset(
    {"native_messaging", "messaging", "chat", "chat_transcript", "whatsapp", "sunshine_conversations_api"}
)
_TOGETHER = 60.0
"""Seconds between a ticket and its first comment, at most."""


class Zendesk:
    """The Helpdesk port for one account."""

    def __init__(
        self,
        *,
        name: str,
        tenant_id: str,
        url: str,
        webhook_secret: str,
        api_secret: str | None,
        write_back: WriteBack,
        brands: frozenset[str] = frozenset(),
        limits: HttpLimits | None = None,
    ) -> None:
        self.name = name
        self.tenant_id = tenant_id
        self.title = "Zendesk"
        self.write_back = write_back
        self._secret = webhook_secret
        self._brands = brands
        self._has_key = api_secret is not None
        credentials = authorization(api_secret) if api_secret else {}
        self._http = ShopHttp(url, name="Zendesk", credentials=credentials, limits=limits)

    async def close(self) -> None:
        await self._http.close()

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        given = headers.get("x-zendesk-webhook-signature", "")
        time = headers.get("x-zendesk-webhook-signature-timestamp", "")
        if not given or not time:
            raise refused("the webhook is not signed")
        require_recent(from_iso(time), now)
        require_same(given, base64.b64encode(signed(self._secret, time.encode(), body)).decode())

    def read(self, body: bytes) -> HelpdeskMessage | None:
        event = payload.json_object(body)
        ticket = payload.mapping(event.get("detail"))
        if event.get("type") not in {_CREATED, _COMMENTED} or not self._wanted(ticket.get("brand_id")):
            return None
        number = payload.number(ticket.get("id"), "body.detail.id")
        if event["type"] == _CREATED:
            return self._message(event, ticket, number, None) if ticket.get("is_public", True) else None
        comment = payload.mapping(dig(event, "event.comment"))
        if not comment.get("is_public"):
            return None  # notes, our own among them
        return self._message(event, ticket, number, comment)

    def _message(
        self,
        event: Mapping[str, Any],
        ticket: Mapping[str, Any],
        number: str,
        comment: Mapping[str, Any] | None,
    ) -> HelpdeskMessage | None:
        """The description of a new ticket is its first comment too: both are the one utterance `first`."""
        first = payload.text_of(ticket.get("description"))
        text = first if comment is None else payload.text_of(comment.get("body"))
        if not text:
            return None
        opening = comment is None or (text == first and _at_once(event, ticket))
        if comment is None:
            # A ticket that staff opened tells nothing of the customer's.
            staff = str(ticket.get("submitter_id")) != str(ticket.get("requester_id"))
        else:
            staff = bool(dig(comment, "author.is_staff"))
        part = "first" if opening else payload.number((comment or {}).get("id"), "body.event.comment.id")
        return HelpdeskMessage(
            event_id=f"ticket:{number}:{part}",
            message_id=f"{self.name}:{number}:{part}",
            position=0.0 if opening else payload.seconds_of(event.get("time")),
            speaker=_speaker(staff=staff),
            text=text,
            contact=ExternalContact(
                external_id=f"{self.name}:{number}",
                channel=Channel.CHAT if dig(ticket, "via.channel") in _LIVE else Channel.EMAIL,
                subject=payload.subject_of(ticket.get("subject")),
            ),
        )

    async def earlier(self, external_id: str) -> list[HelpdeskMessage]:
        """The hundred latest public comments at most."""
        if not self._has_key:
            return []
        number = self._number(external_id)
        path = f"/api/v2/tickets/{number}/comments.json"
        asked = {"sort": "-created_at", "page[size]": "100", "include": "users"}
        answer = await calls.get(self._http, path, asked)
        comments, users = dig(answer, "comments"), dig(answer, "users")
        if not isinstance(comments, list) or not isinstance(users, list):
            raise DependencyUnavailable("Zendesk answered without the comments asked for.")
        customers = {dig(user, "id") for user in users if dig(user, "role") == "end-user"}
        whole = not dig(answer, "meta.has_more")
        told = []
        for place, comment in enumerate(reversed(comments)):
            text = payload.text_of(dig(comment, "plain_body") or dig(comment, "body"))
            if not text or not dig(comment, "public"):
                continue
            opening = whole and place == 0
            part = "first" if opening else payload.number(dig(comment, "id"), "comments.id")
            told.append(
                HelpdeskMessage(
                    event_id=f"ticket:{number}:{part}",
                    message_id=f"{self.name}:{number}:{part}",
                    position=0.0 if opening else payload.seconds_of(dig(comment, "created_at")),
                    speaker=_speaker(staff=dig(comment, "author_id") not in customers),
                    text=text,
                    contact=ExternalContact(external_id=external_id),
                )
            )
        return told

    async def add_note(self, external_id: str, text: str) -> None:
        body = {"ticket": {"comment": {"body": text, "public": False}}}
        await calls.write(self._http, "PUT", f"/api/v2/tickets/{self._number(external_id)}.json", body)

    async def has_note(self, external_id: str, mark: str) -> bool:
        path = f"/api/v2/tickets/{self._number(external_id)}/comments.json"
        answer = await calls.get(self._http, path, {"sort": "-created_at", "page[size]": "100"})
        found = dig(answer, "comments")
        if not isinstance(found, list):
            raise DependencyUnavailable("Zendesk answered without the comments asked for.")
        return any(
            mark in str(dig(one, "plain_body") or dig(one, "body")) for one in found if not dig(one, "public")
        )

    def _number(self, external_id: str) -> str:
        number = external_id.removeprefix(f"{self.name}:")
        if not number.isdecimal():
            raise NotFound(f"{external_id} is no ticket of {self.name}.")
        return number

    def _wanted(self, brand: object) -> bool:
        return not self._brands or str(brand) in self._brands


def _speaker(*, staff: bool) -> Speaker:
    return Speaker.REPRESENTATIVE if staff else Speaker.CUSTOMER


def _at_once(event: Mapping[str, Any], ticket: Mapping[str, Any]) -> bool:
    """Whether the comment came with the ticket: customers do say the same thing twice."""
    return (
        abs(payload.seconds_of(event.get("time")) - payload.seconds_of(ticket.get("created_at"))) < _TOGETHER
    )
