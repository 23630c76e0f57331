"""Signing people in at their company's provider: authorisation code with PKCE (RFC 6749, 7636, 9207, 9700).

Two requests by httpx, and the checks that `OidcTokens` has already: a framework's client would bring a
session of its own, and a second library that reads tokens.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from copilot.adapters.oidc_tokens import OidcTokens, secure_address
from copilot.domain.access import CompanySignIn, Principal
from copilot.domain.errors import ConfigurationError, DependencyUnavailable, NotAuthenticated
from copilot.domain.value import Value

_SECONDS = 5.0
_MOST_BYTES = 256 * 1024
_MOST_CODE = 4_096


class OidcClient(Value):
    """What the provider knows us as. Without a `secret` PKCE alone ties the code to who asked for it."""

    id: str
    secret: str = ""
    callback: str
    """The whole address that people come back to, as it was registered with the provider."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")


class OidcSignIn:
    """The PersonSignIn port. Nothing is kept between the two steps: all follows from the browser's secret."""

    def __init__(self, tokens: OidcTokens, client: OidcClient) -> None:
        """`ConfigurationError` for an address to come back to that others could listen at."""
        if not secure_address(client.callback):
            raise ConfigurationError(
                "the address that people come back to is not https.",
                where="COPILOT_CONSOLE_URL",
                hint="Expected https://…",
            )
        self._tokens = tokens
        self._client = client

    async def begin(self, secret: str) -> str:
        address = await self._endpoint("authorization_endpoint")
        challenge = hashlib.sha256(_derived(secret, "verifier").encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._client.callback,
            "scope": " ".join(self._client.scopes),
            "state": _derived(secret, "state"),
            "nonce": _derived(secret, "nonce"),
            "code_challenge": _encoded(challenge),
            "code_challenge_method": "S256",
        }
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def finish(self, secret: str, answer: Mapping[str, str]) -> Principal:
        state = answer.get("state", "")
        if not hmac.compare_digest(state.encode(), _derived(secret, "state").encode()):
            raise NotAuthenticated("This sign-in was begun elsewhere.", hint="Begin it again.")
        if answer.get("iss", self._tokens.issuer) != self._tokens.issuer:
            raise NotAuthenticated("Another provider has answered.", hint="Begin the sign-in again.")
        code = answer.get("code", "")
        if "error" in answer or not code or len(code) > _MOST_CODE:
            raise NotAuthenticated("The provider did not sign you in.", hint="Try again, or ask who runs it.")
        token = await self._exchange(code, _derived(secret, "verifier"))
        return await self._tokens.signed_in(token, self._client.id, _derived(secret, "nonce"))

    async def _exchange(self, code: str, verifier: str) -> str:
        """The ID token that the code stands for."""
        address = await self._endpoint("token_endpoint")
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.callback,
            "client_id": self._client.id,
            "code_verifier": verifier,
        }
        if self._client.secret:
            sent["client_secret"] = self._client.secret
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client:
                answer = await client.post(address, data=sent, headers={"Accept": "application/json"})
            said: Any = answer.json() if len(answer.content) <= _MOST_BYTES else None
        except (httpx.HTTPError, ValueError) as error:
            raise DependencyUnavailable(
                f"the identity provider did not answer ({type(error).__name__}).", where="COPILOT_OIDC"
            ) from error
        token = said.get("id_token") if isinstance(said, dict) and answer.is_success else None
        if not isinstance(token, str):
            if answer.is_server_error:
                raise DependencyUnavailable("the identity provider is in trouble.", where="COPILOT_OIDC")
            raise NotAuthenticated("The provider did not take its own code.", hint="Begin the sign-in again.")
        return token

    async def _endpoint(self, name: str) -> str:
        return await self._tokens.address(name)


class OidcOffer:
    """The SignInOffer port: the provider's addresses as its discovery document has them."""

    def __init__(self, tokens: OidcTokens, client_id: str, scopes: tuple[str, ...]) -> None:
        self._tokens = tokens
        self._client_id = client_id
        self._scopes = scopes

    async def company(self) -> CompanySignIn:
        return CompanySignIn(
            issuer=self._tokens.issuer,
            authorization_endpoint=await self._tokens.address("authorization_endpoint"),
            token_endpoint=await self._tokens.address("token_endpoint"),
            client_id=self._client_id,
            scopes=self._scopes,
        )


def _derived(secret: str, purpose: str) -> str:
    """43 characters that tell nothing of the others, or of the secret."""
    return _encoded(hmac.new(secret.encode(), f"copilot sign-in {purpose}".encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
