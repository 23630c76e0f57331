"""The extension's sign-in at a company's provider, as the extension does it, over real sockets."""

import base64
import hashlib
import secrets
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest
from tests.servers.faults import serving
from tests.servers.identity_provider import (
    AUDIENCE,
    EXTENSION_CALLBACK,
    EXTENSION_CLIENT,
    identity_provider,
)

from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.bootstrap.people import person_tokens, sign_in_offer
from copilot.config import OidcSettings, Settings
from copilot.domain.errors import ConfigurationError
from copilot.server import create_server

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "api"))

from world import World


@pytest.fixture
def provider():
    with identity_provider() as made:
        yield made


def configured(provider, **oidc):
    said = {
        "issuer": provider.url,
        "audience": AUDIENCE,
        "roles": {"desk": "representative"},
        "client_id": "copilot-console",
        "client_secret": "of the console",
        "extension_client_id": EXTENSION_CLIENT,
        "extension_scopes": ("openid", "offline_access"),
    }
    return Settings(oidc=OidcSettings(**said | oidc), tenant="larkfield")


@pytest.fixture
def server(provider):
    """The API's address; what it takes and offers is made of the settings."""
    world = World()
    settings = configured(provider)
    world.person_tokens = person_tokens(settings)
    world.sign_in_offer = sign_in_offer(settings, world.person_tokens)
    with serving(create_server(world)) as address, httpx.Client(base_url=address) as client:
        yield client


class Extension:
    """A public client: all it knows is the server's address."""

    def __init__(self, server):
        answer = server.get("/v1/sign-in")
        assert answer.status_code == 200
        self.offer = answer.json()["company"]
        self.verifier = secrets.token_urlsafe(32)
        self.nonce = secrets.token_urlsafe(32)

    def authorize(self):
        """The code that the browser came back with."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self.offer["client_id"],
            "redirect_uri": EXTENSION_CALLBACK,
            "scope": " ".join(self.offer["scopes"]),
            "state": "s",
            "nonce": self.nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        there = httpx.get(self.offer["authorization_endpoint"], params=asked)
        assert there.headers["location"].startswith(EXTENSION_CALLBACK)
        return dict(parse_qsl(urlsplit(there.headers["location"]).query))["code"]

    def tokens(self, **grant):
        return httpx.post(self.offer["token_endpoint"], data={"client_id": self.offer["client_id"], **grant})

    def exchange(self, code, verifier=None):
        return self.tokens(
            grant_type="authorization_code",
            code=code,
            redirect_uri=EXTENSION_CALLBACK,
            code_verifier=verifier or self.verifier,
        )


def listed(server, token):
    return server.get("/v1/conversations", headers={"Authorization": f"Bearer {token}"})


def test_the_code_stands_for_a_token_that_the_api_takes_until_it_is_renewed(server):
    extension = Extension(server)
    got = extension.exchange(extension.authorize()).json()

    assert jwt.decode(got["id_token"], options={"verify_signature": False})["nonce"] == extension.nonce
    assert listed(server, got["access_token"]).status_code == 200
    begun = server.post(
        "/v1/conversations",
        json={"channel": "chat"},
        headers={"Authorization": f"Bearer {got['access_token']}"},
    )
    assert begun.status_code == 201

    renewed = extension.tokens(grant_type="refresh_token", refresh_token=got["refresh_token"]).json()
    assert listed(server, renewed["access_token"]).status_code == 200
    again = extension.tokens(grant_type="refresh_token", refresh_token=got["refresh_token"])
    assert again.json() == {"error": "invalid_grant"}


def test_an_id_token_opens_nothing(server):
    """It is for the extension, and says who somebody is; the API takes what is for the API."""
    extension = Extension(server)
    got = extension.exchange(extension.authorize()).json()
    assert listed(server, got["id_token"]).status_code == 401


def test_a_code_without_its_verifier_is_worth_nothing(server):
    extension = Extension(server)
    stolen = extension.exchange(extension.authorize(), verifier=secrets.token_urlsafe(32))
    assert stolen.json() == {"error": "invalid_grant"}


def test_who_has_no_role_here_is_told_so(server, provider):
    provider.claims = {"roles": ["elsewhere"]}
    extension = Extension(server)
    refused = listed(server, extension.exchange(extension.authorize()).json()["access_token"])
    assert refused.status_code == 403
    assert "none of the roles" in refused.json()["detail"]


def test_the_offer_has_what_a_public_client_needs_and_nothing_secret(server, provider):
    answer = server.get("/v1/sign-in")
    assert answer.json() == {
        "company": {
            "issuer": provider.url,
            "authorization_endpoint": f"{provider.url}/authorize",
            "token_endpoint": f"{provider.url}/token",
            "client_id": EXTENSION_CLIENT,
            "scopes": ["openid", "offline_access"],
        }
    }
    assert answer.headers["cache-control"] == "no-store"


def test_the_offer_is_503_while_the_provider_is_away(provider):
    provider.down = True
    world, settings = World(), configured(provider)
    world.person_tokens = person_tokens(settings)
    world.sign_in_offer = sign_in_offer(settings, world.person_tokens)
    with serving(create_server(world)) as address:
        answer = httpx.get(f"{address}/v1/sign-in")
    assert answer.status_code == 503
    assert "identity provider" in answer.json()["detail"]


def test_addresses_that_lie_elsewhere_are_not_offered(server, provider):
    provider.published = {
        "issuer": provider.url,
        "jwks_uri": f"{provider.url}/keys",
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": "https://elsewhere.example/token",
    }
    answer = server.get("/v1/sign-in")
    assert answer.status_code == 503
    assert "elsewhere.example" not in answer.text


def test_without_a_client_of_its_own_nothing_is_offered(provider):
    settings = configured(provider, extension_client_id="")
    assert sign_in_offer(settings, person_tokens(settings)) is None
    with serving(create_server(World())) as address:
        assert httpx.get(f"{address}/v1/sign-in").json() == {"company": None}


@pytest.mark.parametrize(
    ("oidc", "where"),
    [
        ({"extension_client_id": "copilot-console"}, "COPILOT_OIDC.extension_client_id"),
        ({"extension_scopes": ("profile",)}, "COPILOT_OIDC.extension_scopes"),
    ],
)
def test_a_client_that_cannot_work_is_refused_at_the_start(provider, oidc, where):
    settings = configured(provider, **oidc)
    with pytest.raises(ConfigurationError, match=where):
        sign_in_offer(settings, person_tokens(settings))


def test_many_who_ask_from_one_address_are_told_to_wait():
    world = World()
    world.rates = MemoryRateLimiter(per_minute=1, burst=2)
    with serving(create_server(world)) as address:
        answers = [httpx.get(f"{address}/v1/sign-in") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "retry-after" in answers[-1].headers
