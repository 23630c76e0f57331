"""Chatwoot and Zendesk on loopback, in their published payloads: webhooks they send, notes they take."""

import base64
import hashlib
import hmac
import json
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.servers.faults import Faults, serving

CHATWOOT_SECRET = "cw-webhook-secret"  # noqa: S105 - of servers that live for a test
CHATWOOT_TOKEN = "cw-access-token"  # noqa: S105
ZENDESK_SECRET = "zd-signing-secret"  # noqa: S105
ZENDESK_KEY = "robin@example.com/token:zd-key"


def chatwoot_message(number=9001, text="Where is my order LF-1004820?", *, conversation=567, **changes):
    """A `message_created` webhook as Chatwoot's message presenter builds it."""
    message = {
        "event": "message_created",
        "id": number,
        "content": text,
        "content_type": "text",
        "content_attributes": {},
        "created_at": "2026-11-23T09:00:00.000Z",
        "message_type": "incoming",
        "private": False,
        "source_id": None,
        "account": {"id": 1, "name": "Larkfield"},
        "inbox": {"id": 3, "name": "Website"},
        "sender": {"id": 41, "name": "Elena Ruiz", "email": "elena.ruiz@example.com", "type": "contact"},
        "conversation": {
            "id": conversation,
            "inbox_id": 3,
            "channel": "Channel::WebWidget",
            "status": "open",
            "can_reply": True,
            "additional_attributes": {},
            "contact_inbox": {"id": 12, "contact_id": 41, "inbox_id": 3, "hmac_verified": False},
            "labels": [],
            "meta": {
                "sender": {
                    "id": 41,
                    "name": "Elena Ruiz",
                    "email": "elena.ruiz@example.com",
                    "type": "contact",
                },
                "assignee": {"id": 7, "name": "Robin Reyes", "type": "user"},
            },
            "messages": [],
            "unread_count": 1,
            "timestamp": 1795424400,
        },
    }
    return message | changes


def chatwoot_signed(payload, *, at=None, secret=CHATWOOT_SECRET):
    """(headers, body) of a delivery."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    time = str(int((at or datetime.now(UTC)).timestamp()))
    digest = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Chatwoot-Signature": f"sha256={digest}",
        "X-Chatwoot-Timestamp": time,
        "X-Chatwoot-Delivery": "0193a6c2-0000-7000-8000-000000000001",
    }, body


def zendesk_event(
    kind="comment_added", *, ticket=5158, comment=None, time="2026-11-23T09:05:00.123456789Z", **detail
):
    """A ticket event as developer.zendesk.com documents it ("Ticket events")."""
    return {
        "account_id": 22129848,
        "id": f"d4f5c389-8f4a-4c2e-a1b9-{ticket:012d}",
        "subject": f"zen:ticket:{ticket}",
        "time": time,
        "type": f"zen:event-type:ticket.{kind}",
        "zendesk_event_version": "2022-11-06",
        "event": {"comment": comment, "meta": {"sequence": {"id": "B4", "position": 1}}} if comment else {},
        "detail": {
            "actor_id": "8447388090494",
            "assignee_id": None,
            "brand_id": "8447346621310",
            "created_at": "2026-11-23T09:00:00Z",
            "description": "My lantern arrived broken.",
            "external_id": None,
            "id": str(ticket),
            "is_public": True,
            "priority": "NORMAL",
            "requester_id": "8447388090494",
            "status": "OPEN",
            "subject": "Broken lantern",
            "submitter_id": "8447388090494",
            "tags": [],
            "type": "QUESTION",
            "updated_at": "2026-11-23T09:05:00Z",
            "via": {"channel": "web_service"},
        }
        | detail,
    }


def zendesk_comment(number=9876543210, body="Any news?", *, public=True, staff=False):
    author = {"id": "8447388090495", "is_staff": staff, "name": "Robin" if staff else "Elena Ruiz"}
    return {"id": str(number), "body": body, "is_public": public, "author": author}


def zendesk_signed(payload, *, at=None, secret=ZENDESK_SECRET):
    """(headers, body) of a delivery."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    time = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret.encode(), time.encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": time,
        "X-Zendesk-Account-Id": "22129848",
        "X-Zendesk-Webhook-Id": "01GS6HSQP9EQ7E3VMXY4ND2TVM",
    }, body


class ChatwootServer:
    """The messages of an account; `faults` spoil the writing of new ones."""

    def __init__(self, *, hang_seconds=1.0) -> None:
        def throttled():
            return JSONResponse({"error": "Retry later"}, 429, {"Retry-After": "1"})

        self.faults = Faults(throttled, hang_seconds=hang_seconds)
        self.url = ""
        self.messages = {}
        self.broken = False
        """Whether reading goes wrong."""
        self._numbers = count(20_000)

    def notes(self, conversation=567):
        return [m["content"] for m in self.messages.get(conversation, []) if m["private"]]

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        path = "/api/v1/accounts/{account}/conversations/{conversation}/messages"
        app.add_api_route(path, self._create, methods=["POST"])
        app.add_api_route(path, self._list, methods=["GET"])
        return app

    def said(self, number, text, *, staff=False, conversation=567, public=True):
        """A message that no webhook told of."""
        made = {"id": number, "content": text, "message_type": int(staff), "private": not public}
        self.messages.setdefault(conversation, []).append(made)

    async def _create(self, account: int, conversation: int, request: Request):
        if request.headers.get("api_access_token") != CHATWOOT_TOKEN:
            return JSONResponse({"error": "Invalid Access Token"}, 401)
        if account != 1:
            return JSONResponse({"error": "Resource could not be found"}, 404)
        given = await request.json()

        async def write():
            made = {
                "id": next(self._numbers),
                "content": given["content"],
                "conversation_id": conversation,
                "message_type": 1,
                "private": given["private"],
                "created_at": 1795424460,
                "sender": {"id": 9, "name": "Copilot", "type": "user"},
            }
            self.messages.setdefault(conversation, []).append(made)
            return JSONResponse(made)

        return await self.faults.around(request, write)

    async def _list(self, account: int, conversation: int, request: Request):
        del account
        if self.broken:
            return JSONResponse({"error": "Internal error"}, 500)
        if request.headers.get("api_access_token") != CHATWOOT_TOKEN:
            return JSONResponse({"error": "Invalid Access Token"}, 401)
        return {"meta": {}, "payload": self.messages.get(conversation, [])}


class ZendeskServer:
    """The comments of tickets; `faults` spoil updates."""

    def __init__(self, *, hang_seconds=1.0) -> None:
        def throttled():
            return JSONResponse({"error": "TooManyRequests"}, 429, {"Retry-After": "1"})

        self.faults = Faults(throttled, hang_seconds=hang_seconds)
        self.url = ""
        self.comments = {}
        self.broken = False
        """Whether reading goes wrong."""
        self._numbers = count(20_000)
        self._authorization = f"Basic {base64.b64encode(ZENDESK_KEY.encode()).decode()}"

    def notes(self, ticket=5158):
        return [c["body"] for c in self.comments.get(ticket, []) if not c["public"]]

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.add_api_route("/api/v2/tickets/{ticket}.json", self._update, methods=["PUT"])
        app.add_api_route("/api/v2/tickets/{ticket}/comments.json", self._list, methods=["GET"])
        return app

    async def _update(self, ticket: int, request: Request):
        if request.headers.get("authorization") != self._authorization:
            return JSONResponse({"error": "Couldn't authenticate you"}, 401)
        comment = (await request.json())["ticket"]["comment"]

        async def write():
            number = next(self._numbers)
            made = {
                "id": number,
                "body": comment["body"],
                "plain_body": comment["body"],
                "public": comment["public"],
            }
            self.comments.setdefault(ticket, []).append(made)
            return JSONResponse({"ticket": {"id": ticket}, "audit": {"id": number}})

        return await self.faults.around(request, write)

    async def _list(self, ticket: int, request: Request):
        if self.broken:
            return JSONResponse({"error": "Internal error"}, 500)
        if request.headers.get("authorization") != self._authorization:
            return JSONResponse({"error": "Couldn't authenticate you"}, 401)
        found = self.comments.get(ticket, [])[::-1]
        users = [{"id": 41, "role": "end-user"}, {"id": 77, "role": "agent"}]
        return {"comments": found, "users": users, "meta": {"has_more": False}, "links": {}}

    def said(self, number, text, *, staff=False, ticket=567, public=True):
        """A comment that no webhook told of."""
        at = f"2026-11-23T09:{number % 100:02}:00Z"
        made = {"id": number, "author_id": 77 if staff else 41, "public": public, "created_at": at}
        self.comments.setdefault(ticket, []).append(made | {"body": text, "plain_body": text})


@contextmanager
def chatwoot_server(**options):
    server = ChatwootServer(**options)
    with serving(server.app()) as url:
        server.url = url
        yield server


@contextmanager
def zendesk_server(**options):
    server = ZendeskServer(**options)
    with serving(server.app()) as url:
        server.url = url
        yield server
