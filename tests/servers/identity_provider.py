"""An identity provider on loopback: discovery, keys that rotate, and tokens, good and bad."""

import time
from contextlib import contextmanager

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from jwt.algorithms import RSAAlgorithm
from tests.servers.faults import serving

AUDIENCE = "copilot"


class IdentityProvider:
    """`asked` counts how often its keys were fetched; `down` answers nothing but errors."""

    def __init__(self):
        self.url = ""
        self.asked = 0
        self.down = False
        self.elsewhere = ""
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
        return app

    def _configuration(self):
        if self.down:
            return JSONResponse({"error": "unavailable"}, 503)
        return {"issuer": self.url, "jwks_uri": self.elsewhere or f"{self.url}/keys"}

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
