"""Signing in at a company's provider: who comes back signed in, and who does not."""

from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from tests.servers.identity_provider import AUDIENCE, CALLBACK, CLIENT, IdentityProvider, identity_provider

from copilot.adapters.oidc_sign_in import OidcClient, OidcSignIn
from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.domain.access import Role
from copilot.domain.errors import ConfigurationError, DependencyUnavailable, NotAuthenticated, NotPermitted

SECRET = "the browser's own"  # noqa: S105


@pytest.fixture
def provider():
    with identity_provider() as made:
        yield made


def sign_in_at(provider, **client):
    roles = {"leads": Role.SUPERVISOR, "desk": Role.REPRESENTATIVE}
    trust = OidcTrust(issuer=provider.url, audience=AUDIENCE, tenant="larkfield", roles=roles)
    return OidcSignIn(OidcTokens(trust), OidcClient(**{"id": CLIENT, "callback": CALLBACK} | client))


@pytest.fixture
def sign_in(provider):
    return sign_in_at(provider)


def went(address):
    """What the browser comes back with from the provider."""
    there = httpx.get(address)
    assert there.status_code == 302, there.text
    assert there.headers["location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(there.headers["location"]).query))


async def test_who_comes_back_is_who_the_provider_says(provider, sign_in):
    address = await sign_in.begin(SECRET)
    person = await sign_in.finish(SECRET, went(address))

    assert (person.name, person.tenant_id, person.role) == ("Ana Ruiz", "larkfield", Role.REPRESENTATIVE)
    assert person.until is None  # the session lasts longer than the token that began it
    token = OidcTokens(
        OidcTrust(issuer=provider.url, audience=AUDIENCE, tenant="larkfield", roles={"desk": "admin"})
    )
    assert person.id == (await token.principal_of(provider.token())).id


async def test_nothing_that_the_provider_is_sent_tells_what_ties_the_code_to_this_browser(sign_in):
    asked = parse_qs(urlsplit(await sign_in.begin(SECRET)).query)
    again = parse_qs(urlsplit(await sign_in.begin("another browser's")).query)

    values = [asked[name][0] for name in ("state", "nonce", "code_challenge")]
    assert len(set(values)) == 3
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))
    assert asked["code_challenge_method"] == ["S256"]
    assert SECRET not in str(asked)


async def test_what_was_begun_in_another_browser_signs_nobody_in(provider, sign_in):
    theirs = went(await sign_in.begin("the attacker's"))
    with pytest.raises(NotAuthenticated, match="begun elsewhere"):
        await sign_in.finish(SECRET, theirs)

    mine = went(await sign_in.begin(SECRET))
    with pytest.raises(NotAuthenticated, match="did not take its own code"):  # PKCE: their code, my verifier
        await sign_in.finish(SECRET, mine | {"code": theirs["code"]})
    assert mine["code"] in provider.codes


async def test_a_code_is_good_once(sign_in):
    answer = went(await sign_in.begin(SECRET))
    await sign_in.finish(SECRET, answer)
    with pytest.raises(NotAuthenticated):
        await sign_in.finish(SECRET, answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "access_denied"},
        {"iss": "https://elsewhere.example"},
        {"code": ""},
        {"code": "made up"},
        {"code": "x" * 5_000},
        {"state": ""},
        {"state": "é"},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_as_it_should_be_signs_nobody_in(sign_in, answer):
    good = went(await sign_in.begin(SECRET))
    with pytest.raises(NotAuthenticated):
        await sign_in.finish(SECRET, good | answer)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": AUDIENCE},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1_000_000_000},
        {"algorithm": "none"},
        {"key_id": "made up"},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_us_and_this_sign_in_signs_nobody_in(provider, sign_in, claims):
    provider.claims = claims
    answer = went(await sign_in.begin(SECRET))
    with pytest.raises(NotAuthenticated, match="token"):
        await sign_in.finish(SECRET, answer)


async def test_a_token_for_several_that_names_us_as_its_party_is_good(provider, sign_in):
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert (await sign_in.finish(SECRET, went(await sign_in.begin(SECRET)))).name == "Ana Ruiz"


async def test_a_token_signed_by_somebody_else_signs_nobody_in(provider, sign_in):
    impostor = IdentityProvider()
    impostor.url = provider.url
    await sign_in.finish(SECRET, went(await sign_in.begin(SECRET)))
    provider.token = impostor.token
    with pytest.raises(NotAuthenticated):
        await sign_in.finish(SECRET, went(await sign_in.begin(SECRET)))


async def test_who_has_no_role_here_is_told_so(provider, sign_in):
    provider.claims = {"roles": []}
    with pytest.raises(NotPermitted, match="none of the roles"):
        await sign_in.finish(SECRET, went(await sign_in.begin(SECRET)))


async def test_a_client_with_a_secret_shows_it_and_another_is_refused(provider):
    provider.secret = "of the client"  # noqa: S105
    good, bad = (sign_in_at(provider, secret=secret) for secret in ("of the client", "guessed"))
    assert (await good.finish(SECRET, went(await good.begin(SECRET)))).name == "Ana Ruiz"
    with pytest.raises(NotAuthenticated, match="did not take its own code"):
        await bad.finish(SECRET, went(await bad.begin(SECRET)))


async def test_while_the_provider_is_gone_nobody_is_refused_for_good(provider, sign_in):
    answer = went(await sign_in.begin(SECRET))
    provider.down = True
    with pytest.raises(DependencyUnavailable, match="identity provider"):
        await sign_in.finish(SECRET, answer)
    with pytest.raises(DependencyUnavailable, match="identity provider"):
        await sign_in_at(provider).begin(SECRET)
    provider.down = False
    assert (await sign_in.finish(SECRET, answer)).name == "Ana Ruiz"


@pytest.mark.parametrize("callback", ["http://desk.example/console", "desk.example", "", "https://"])
def test_nobody_comes_back_to_where_others_listen(provider, callback):
    with pytest.raises(ConfigurationError, match="COPILOT_CONSOLE_URL"):
        sign_in_at(provider, callback=callback)
