"""An identity provider on loopback: discovery, keys that rotate, tokens good and bad, signing in by code."""

import secrets
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from hashlib import sha256
from html import escape
from typing import Annotated
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jwt.algorithms import RSAAlgorithm
from tests.servers.faults import serving

AUDIENCE = "copilot"
CLIENT = "copilot-console"
CALLBACK = "http://127.0.0.1:8000/console/sign-in/callback"
EXTENSION_CLIENT = "copilot-extension"
EXTENSION_CALLBACK = "https://abcdefghijklmnopabcdefghijklmnop.chromiumapp.org/"


class IdentityProvider:
    """`asked` counts how often its keys were fetched; `down` answers nothing but errors; `published` is
    its discovery document, in place of the right one.

    Whoever comes to /authorize is Ana, and is signed in at once, or after a click where it `asks`. `claims`
    are put into its tokens, over its own; `secret`, where there is one, has to come with the console's code.
    Access tokens are for the API. Who asks for `offline_access` gets a refresh token too, which is good once.
    """

    def __init__(self):
        self.url = ""
        self.callback = CALLBACK
        self.extension_callback = EXTENSION_CALLBACK
        self.asks = False
        self.asked = 0
        self.down = False
        self.elsewhere = ""
        self.published = None
        self.claims = {}
        self.secret = ""
        self.codes = {}
        self.refreshes = {}
        self.lasts = 300
        self._keys = {}
        self.rotate("first")

    def rotate(self, key_id):
        """Another key from now on; the old ones are gone."""
        self._keys = {key_id: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    @property
    def public_pem(self):
        (key,) = self._keys.values()
        return key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, *, algorithm="RS256", key=None, key_id=None, without=(), **claims):
        ((known_id, known),) = self._keys.items()
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "u-17", "iat": now, "exp": now + 300}
        said |= {"name": "Ana Ruiz", "roles": ["desk"]} | claims
        said = {name: value for name, value in said.items() if name not in without}
        signing = None if algorithm == "none" else key or known
        return jwt.encode(said, signing, algorithm=algorithm, headers={"kid": key_id or known_id})

    def app(self):
        app = FastAPI(openapi_url=None)
        app.add_api_route("/.well-known/openid-configuration", self._configuration, methods=["GET"])
        app.add_api_route("/keys", self._public, methods=["GET"])
        app.add_api_route("/authorize", self._authorize, methods=["GET"])
        app.add_api_route("/token", self._token, methods=["POST"])
        return app

    def _authorize(
        self,
        request: Request,
        client_id: str,
        redirect_uri: str,
        response_type: str,
        scope: str,
        state: str,
        nonce: str,
        code_challenge: str,
        code_challenge_method: str,
    ):
        known = (redirect_uri, response_type, code_challenge_method)
        if known != (self._callback_of(client_id), "code", "S256") or "openid" not in scope.split():
            return JSONResponse({"error": "invalid_request"}, 400)
        if self.asks and "clicked" not in request.query_params:
            return HTMLResponse(f'<a href="{escape(str(request.url))}&amp;clicked=1">I am Ana</a>')
        code = f"code-{len(self.codes)}"
        self.codes[code] = (client_id, nonce, code_challenge, "offline_access" in scope.split())
        query = urlencode({"code": code, "state": state, "iss": self.url})
        return RedirectResponse(f"{redirect_uri}?{query}", 302)

    def _callback_of(self, client_id):
        return {CLIENT: self.callback, EXTENSION_CLIENT: self.extension_callback}.get(client_id)

    def _token(
        self,
        grant_type: Annotated[str, Form()],
        client_id: Annotated[str, Form()],
        code: Annotated[str, Form()] = "",
        redirect_uri: Annotated[str, Form()] = "",
        code_verifier: Annotated[str, Form()] = "",
        refresh_token: Annotated[str, Form()] = "",
        client_secret: Annotated[str, Form()] = "",
    ):
        if self.down:
            return JSONResponse({"error": "unavailable"}, 503)
        secret = self.secret if client_id == CLIENT else ""
        if grant_type == "refresh_token":
            nonce, again = None, True
            good = bool(refresh_token) and self.refreshes.pop(refresh_token, None) == client_id
        else:
            owner, nonce, challenge, again = self.codes.pop(code, ("", "", "", False))
            proof = urlsafe_b64encode(sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
            good = (grant_type, redirect_uri) == ("authorization_code", self._callback_of(client_id))
            good = good and (owner, challenge) == (client_id, proof)
        if not good or client_secret != secret:
            return JSONResponse({"error": "invalid_grant"}, 400)
        given = {
            "token_type": "Bearer",
            "expires_in": self.lasts,
            "access_token": self.token(exp=int(time.time()) + self.lasts, **self._said("roles")),
            "id_token": self.token(**{"aud": client_id, "nonce": nonce} | self.claims),
        }
        if again:
            given["refresh_token"] = secrets.token_urlsafe(8)
            self.refreshes[given["refresh_token"]] = client_id
        return given

    def _said(self, *names):
        return {name: self.claims[name] for name in names if name in self.claims}

    def _configuration(self):
        if self.down:
            return JSONResponse({"error": "unavailable"}, 503)
        return self.published or {
            "issuer": self.url,
            "jwks_uri": self.elsewhere or f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }

    def _public(self):
        self.asked += 1
        found = [
            RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            | {"kid": key_id, "use": "sig", "alg": "RS256"}
            for key_id, key in self._keys.items()
        ]
        return {"keys": [*found, {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}]}


@contextmanager
def identity_provider():
    provider = IdentityProvider()
    with serving(provider.app()) as url:
        provider.url = url.rstrip("/")
        yield provider
