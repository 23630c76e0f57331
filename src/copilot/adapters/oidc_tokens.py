"""Sign-in by a company's identity provider: its signed tokens (OpenID Connect Core 1.0, RFC 7519, RFC 8725).

Algorithms, issuer and audience are the operator's, never the token's; keys are at the issuer's own address.
"""

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from copilot.domain.access import Principal, Role
from copilot.domain.errors import ConfigurationError, DependencyUnavailable, NotAuthenticated, NotPermitted
from copilot.domain.value import Value

_SECONDS = 5.0
_MOST_BYTES = 256 * 1024
_REFRESHED_SECONDS = 3_600.0
_AFTER_TROUBLE_SECONDS = 2.0
_YEAR_3000 = 32_503_680_000
_AGAIN_SECONDS = 30.0
"""An unknown key has the keys fetched anew at most so often, whoever makes up key ids."""
_TENANT = re.compile(r"[a-z][a-z0-9-]{1,40}")
_SEVERAL = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"}


class OidcTrust(Value):
    """Whose tokens are believed, and what they say of a person."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    tenant: str
    """For everybody, or with `tenant_claim` for nobody."""
    tenant_claim: str = ""
    """The claim that names a person's tenant; empty: all are `tenant`'s."""
    role_claim: str = "roles"
    """Dots lead into objects: "realm_access.roles"."""
    roles: dict[str, Role]
    """By the provider's name; the first that a person has, in this order, counts."""
    leeway_seconds: float = 30.0


class OidcTokens:
    """Who the bearer of a token is. Keys are remembered; while the provider is gone, known ones go on."""

    def __init__(self, trust: OidcTrust, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`ConfigurationError` for an issuer or algorithms that nobody should trust."""
        if not secure_address(trust.issuer):
            raise ConfigurationError(
                "the issuer's address is not https.", where="COPILOT_OIDC", hint="Expected https://…"
            )
        if not trust.algorithms or not set(trust.algorithms) <= _SEVERAL:
            raise ConfigurationError(
                f"of these signatures some are not taken: {', '.join(trust.algorithms)}.",
                where="COPILOT_OIDC",
                hint=f"Expected some of {', '.join(sorted(_SEVERAL))}.",
            )
        self._trust = trust
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._found: dict[str, Any] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._problem: DependencyUnavailable | None = None
        self._fetching = asyncio.Lock()

    @property
    def issuer(self) -> str:
        return self._trust.issuer

    async def principal_of(self, token: str) -> Principal:
        """`NotAuthenticated` for a token that is not good, `NotPermitted` for a person without a role here.

        `DependencyUnavailable` when its key is not known and the provider does not answer.
        """
        return self._principal(await self._claims(token, self._trust.audience))

    async def signed_in(self, token: str, client_id: str, nonce: str) -> Principal:
        """Of an ID token that was made for us, and for this very sign-in; it does not say how long it lasts.

        Errors as of `principal_of`.
        """
        claims = await self._claims(token, client_id)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        party = claims.get("azp", client_id if len(audiences) == 1 else None)
        said = claims.get("nonce")
        if party != client_id or not isinstance(said, str) or not hmac.compare_digest(said, nonce):
            raise NotAuthenticated("the token is not of this sign-in", hint="Sign in again.")
        return self._principal(claims).model_copy(update={"until": None})

    async def address(self, name: str) -> str:
        """Where the provider does something, by its name in the discovery document; at its own host.

        `DependencyUnavailable` when it cannot be found out.
        """
        if not self._found:
            async with self._fetching:
                if not self._found and self._may_ask():
                    await self._fetch()
        if not self._found:
            raise self._problem or DependencyUnavailable("the identity provider did not answer.")
        return _own_address(self._trust.issuer, self._found, name)

    async def _claims(self, token: str, audience: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError as error:
            raise _refused(error) from error
        key = await self._key(key_id if isinstance(key_id, str) else "")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=list(self._trust.algorithms),
                audience=audience,
                issuer=self._trust.issuer,
                leeway=self._trust.leeway_seconds,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise _refused(error) from error
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        trust = self._trust
        tenant = _at(claims, trust.tenant_claim) if trust.tenant_claim else trust.tenant
        if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
            raise NotPermitted(
                f"the token's claim {trust.tenant_claim!r} names no tenant.", hint="Ask who runs the sign-in."
            )
        said = _at(claims, trust.role_claim)
        listed = said if isinstance(said, list) else [said]
        has = {name for name in listed if isinstance(name, str)}
        role = next((role for name, role in trust.roles.items() if name in has), None)
        if role is None:
            raise NotPermitted(
                "you have none of the roles that this product knows.",
                hint=f"Ask for one of: {', '.join(trust.roles)}.",
            )
        subject = str(claims["sub"])
        named = hashlib.sha256(f"{trust.issuer}\n{subject}".encode()).hexdigest()[:32]
        name = claims.get("name") or claims.get("preferred_username") or subject
        return Principal(
            id=f"person_{named}",
            tenant_id=tenant,
            name=str(name)[:120],
            role=role,
            until=datetime.fromtimestamp(min(int(claims["exp"]) + trust.leeway_seconds, _YEAR_3000), UTC),
        )

    async def _key(self, key_id: str) -> jwt.PyJWK:
        now = self._monotonic()
        if key_id not in self._keys or now - self._fetched_at > _REFRESHED_SECONDS:
            async with self._fetching:
                wanted = key_id not in self._keys or now - self._fetched_at > _REFRESHED_SECONDS
                if wanted and self._may_ask():
                    await self._fetch()
        if key_id in self._keys:
            return self._keys[key_id]
        if self._problem is not None:
            raise self._problem
        raise NotAuthenticated(
            "the token is signed with a key that its issuer does not have", hint="Sign in again."
        )

    def _may_ask(self) -> bool:
        again = _AGAIN_SECONDS if self._problem is None else _AFTER_TROUBLE_SECONDS
        return self._monotonic() - self._tried_at > again

    async def _fetch(self) -> None:
        self._tried_at, self._problem = self._monotonic(), None
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False) as client:
                issuer = self._trust.issuer
                found = await _json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                self._keys = _usable(await _json(client, _own_address(issuer, found, "jwks_uri")))
                self._found = found
                self._fetched_at = self._monotonic()
        except DependencyUnavailable as error:
            self._problem = error


def secure_address(address: str) -> bool:
    """Whether what is sent there, others cannot read: by https, or on this machine."""
    parts = urlsplit(address)
    local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))


def _own_address(issuer: str, found: Mapping[str, Any], name: str) -> str:
    address = str(found.get(name, ""))
    if found.get("issuer") != issuer:
        raise DependencyUnavailable("the provider calls itself otherwise.", where="COPILOT_OIDC")
    if urlsplit(address)[:2] != urlsplit(issuer)[:2]:
        raise DependencyUnavailable(f"the provider's {name} lies elsewhere.", where="COPILOT_OIDC")
    return address


async def _json(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    try:
        answer = await client.get(address)
        answer.raise_for_status()
        found = answer.json() if len(answer.content) <= _MOST_BYTES else None
    except (httpx.HTTPError, ValueError) as error:
        raise DependencyUnavailable(
            f"the identity provider did not answer ({type(error).__name__}).",
            where="COPILOT_OIDC",
            hint="Try again; API keys still work.",
        ) from error
    if not isinstance(found, dict):
        raise DependencyUnavailable("the identity provider's answer is no object.", where="COPILOT_OIDC")
    return found


def _usable(found: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Public keys to verify with, by id; symmetric ones are none."""
    keys: dict[str, jwt.PyJWK] = {}
    for described in found.get("keys", []):
        if not isinstance(described, dict) or described.get("kty") not in {"RSA", "EC", "OKP"}:
            continue
        if described.get("use", "sig") != "sig" or not isinstance(described.get("kid"), str):
            continue
        try:
            keys[described["kid"]] = jwt.PyJWK(described)
        except jwt.PyJWTError:
            continue  # a kind that we do not know
    return keys


def _at(claims: Mapping[str, Any], path: str) -> object:
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _refused(error: Exception) -> NotAuthenticated:
    expired = isinstance(error, jwt.ExpiredSignatureError)
    reason = "has expired" if expired else "is not good here"
    return NotAuthenticated(f"the token {reason}", hint="Sign in again.")
