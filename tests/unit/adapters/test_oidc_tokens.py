"""Tokens of an identity provider: whose are believed, and whose are not."""

import time
from datetime import UTC, datetime

import pytest
from tests.servers.identity_provider import AUDIENCE, IdentityProvider, identity_provider

from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.domain.access import Role
from copilot.domain.errors import ConfigurationError, DependencyUnavailable, NotAuthenticated, NotPermitted

ROLES = {"leads": Role.SUPERVISOR, "desk": Role.REPRESENTATIVE}


@pytest.fixture
def provider():
    with identity_provider() as made:
        yield made


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(provider, clock):
    return OidcTokens(trust(provider), clock)


def trust(provider, **more):
    return OidcTrust(issuer=provider.url, audience=AUDIENCE, tenant="larkfield", roles=ROLES, **more)


async def test_a_person_is_who_the_provider_says_with_the_first_role_that_counts(provider, tokens):
    ana = await tokens.principal_of(provider.token())
    lead = await tokens.principal_of(provider.token(roles=["desk", "leads", "others"]))

    assert (ana.tenant_id, ana.name, ana.role) == ("larkfield", "Ana Ruiz", Role.REPRESENTATIVE)
    assert lead.id == ana.id
    assert 300 < (ana.until - datetime.now(UTC)).total_seconds() <= 330
    assert (await tokens.principal_of(provider.token(exp=10**17))).until.year == 3000
    assert lead.role is Role.SUPERVISOR
    assert (await tokens.principal_of(provider.token(sub="u-18"))).id != ana.id
    assert provider.asked == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"algorithm": "none"},
        {"exp": int(time.time()) - 3_600},
        {"nbf": int(time.time()) + 3_600},
        {"iss": "https://elsewhere.example"},
        {"aud": "another product"},
        {"without": ("exp",)},
        {"without": ("sub",)},
        {"key_id": "made up"},
        {"key_id": "../../etc/passwd"},
        {"key": "s" * 64, "algorithm": "HS256", "key_id": "shared"},
    ],
    ids=lambda bad: "+".join(map(str, bad)),
)
async def test_a_token_that_is_not_good_is_nobodys(provider, tokens, bad):
    with pytest.raises(NotAuthenticated, match="token"):
        await tokens.principal_of(provider.token(**bad))


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "e30.e30.", "é.é.é"])
async def test_what_is_no_token_is_nobodys_and_nobody_is_asked(provider, tokens, text):
    with pytest.raises(NotAuthenticated):
        await tokens.principal_of(text)
    assert provider.asked <= 1


async def test_the_public_key_is_no_secret_to_sign_with(provider, tokens):
    import hmac  # noqa: PLC0415 - pyjwt itself refuses to make such a token
    from base64 import urlsafe_b64encode  # noqa: PLC0415

    def encoded(data):
        return urlsafe_b64encode(data).rstrip(b"=").decode()

    _, body, _ = provider.token().split(".")
    head = encoded(b'{"alg":"HS256","typ":"JWT","kid":"first"}')
    seal = encoded(hmac.digest(provider.public_pem, f"{head}.{body}".encode(), "sha256"))
    with pytest.raises(NotAuthenticated):
        await tokens.principal_of(f"{head}.{body}.{seal}")


async def test_another_key_of_the_same_name_does_not_fit(provider, tokens):
    impostor = IdentityProvider()
    impostor.url = provider.url
    with pytest.raises(NotAuthenticated):
        await tokens.principal_of(impostor.token())


@pytest.mark.parametrize("roles", [[], ["others"], "strangers", None, {"desk": True}])
async def test_who_has_no_role_here_may_do_nothing(provider, tokens, roles):
    with pytest.raises(NotPermitted, match="none of the roles"):
        await tokens.principal_of(provider.token(roles=roles))


async def test_roles_and_tenants_are_found_where_the_provider_keeps_them(provider, clock):
    tokens = OidcTokens(trust(provider, role_claim="realm_access.roles", tenant_claim="org"), clock)
    realm = {"roles": ["desk"]}

    found = await tokens.principal_of(provider.token(realm_access=realm, org="bluebird"))
    assert found.tenant_id == "bluebird"
    for org in ("", "Larkfield; DROP", None, 7):
        with pytest.raises(NotPermitted, match="names no tenant"):
            await tokens.principal_of(provider.token(realm_access=realm, org=org))


async def test_keys_rotate_and_made_up_ones_do_not_have_the_provider_asked_each_time(provider, tokens, clock):
    await tokens.principal_of(provider.token())
    provider.rotate("second")
    clock.now += 31
    assert (await tokens.principal_of(provider.token())).name == "Ana Ruiz"
    asked = provider.asked
    for number in range(20):
        with pytest.raises(NotAuthenticated):
            await tokens.principal_of(provider.token(key_id=f"made-up-{number}"))
    assert provider.asked == asked


async def test_while_the_provider_is_gone_known_keys_go_on(provider, clock):
    tokens, newcomer = (OidcTokens(trust(provider), clock) for _ in range(2))
    await tokens.principal_of(provider.token())
    provider.down = True
    clock.now += 7_200

    assert (await tokens.principal_of(provider.token())).name == "Ana Ruiz"
    for _ in range(2):
        with pytest.raises(DependencyUnavailable, match="identity provider did not answer"):
            await newcomer.principal_of(provider.token())
    provider.down = False
    clock.now += 3
    assert (await newcomer.principal_of(provider.token())).name == "Ana Ruiz"


async def test_keys_are_taken_from_the_issuers_own_address_alone(provider, tokens):
    provider.elsewhere = "http://127.0.0.1:9/keys"
    with pytest.raises(DependencyUnavailable, match="jwks_uri lies elsewhere"):
        await tokens.principal_of(provider.token())


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://id.example"},
        {"issuer": "ftp://id.example"},
        {"algorithms": ("HS256",)},
        {"algorithms": ("none",)},
        {"algorithms": ()},
    ],
)
def test_nobody_can_be_told_to_trust_the_untrustworthy(wrong):
    given = {"issuer": "https://id.example", "audience": AUDIENCE, "tenant": "larkfield", "roles": ROLES}
    with pytest.raises(ConfigurationError):
        OidcTokens(OidcTrust(**given | wrong))
