"""Widget tokens: signed with a key of the server's, so that none has to be stored."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from copilot.domain.access import Principal, WidgetToken
from copilot.domain.errors import NotAuthenticated
from copilot.ports import Clock

PREFIX = "cwt_"
_PURPOSE = b"copilot widget token v1"
_TOKEN = re.compile(r"cwt_([A-Za-z0-9_-]{1,2000})\.([A-Za-z0-9_-]{43})", re.ASCII)


class SignedWidgetTokens:
    """The WidgetTokens port. `secret` is the server's; the key is derived from it for this purpose alone."""

    def __init__(self, secret: bytes, clock: Clock, lifetime: timedelta = timedelta(minutes=10)) -> None:
        self._key = hmac.new(secret, _PURPOSE, hashlib.sha256).digest()
        self._clock = clock
        self._lifetime = lifetime

    def mint(self, principal: Principal, conversation_id: str) -> WidgetToken:
        ends = self._clock.now() + self._lifetime
        ends = ends if principal.until is None else min(ends, principal.until)
        until = datetime.fromtimestamp(int(ends.timestamp()), UTC)
        confined = principal.model_copy(update={"conversation_id": conversation_id, "until": until})
        content = _encoded(confined.model_dump_json().encode())
        token = f"{PREFIX}{content}.{self._sign(content)}"
        return WidgetToken(token=token, conversation_id=conversation_id, expires_at=until)

    def principal_of(self, token: str) -> Principal:
        match = _TOKEN.fullmatch(token)
        if match is None or not hmac.compare_digest(match[2], self._sign(match[1])):
            raise NotAuthenticated("this is not a widget token of this server", hint="Ask for a new one.")
        try:
            principal = Principal.model_validate(json.loads(_decoded(match[1])))
        except (ValueError, binascii.Error, ValidationError) as error:  # signed by an older version of us
            raise NotAuthenticated("this widget token cannot be read", hint="Ask for a new one.") from error
        if principal.conversation_id is None or principal.until is None:
            raise NotAuthenticated("this widget token cannot be read", hint="Ask for a new one.")
        if principal.until <= self._clock.now():
            raise NotAuthenticated("this widget token has expired", hint="Ask for a new one.")
        return principal

    def _sign(self, content: str) -> str:
        return _encoded(hmac.new(self._key, content.encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
