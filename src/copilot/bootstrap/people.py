"""Whose sign-ins are taken besides our own keys."""

from copilot.adapters.oidc_sign_in import OidcClient, OidcOffer, OidcSignIn
from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.config import Settings
from copilot.domain.errors import ConfigurationError

CALLBACK = "/console/sign-in/callback"
_OF_CLIENTS = {"client_id", "client_secret", "scopes", "extension_client_id", "extension_scopes"}


def person_tokens(settings: Settings) -> OidcTokens | None:
    """`ConfigurationError` for a provider that nobody should trust."""
    if settings.oidc is None:
        return None
    return OidcTokens(OidcTrust(tenant=settings.tenant, **settings.oidc.model_dump(exclude=_OF_CLIENTS)))


def person_sign_in(settings: Settings, tokens: OidcTokens | None) -> OidcSignIn | None:
    """None where the console takes keys alone. `ConfigurationError` when nobody could come back."""
    if tokens is None or settings.oidc is None or not settings.oidc.client_id:
        return None
    if settings.console_url is None:
        raise ConfigurationError(
            "people who sign in elsewhere cannot come back.",
            where="COPILOT_CONSOLE_URL",
            hint="Set it to the address that browsers use, and register it with "
            f"{CALLBACK} behind it at the provider.",
        )
    client = OidcClient(
        id=settings.oidc.client_id,
        secret=settings.oidc.client_secret.get_secret_value(),
        callback=f"{settings.console_url.rstrip('/')}{CALLBACK}",
        scopes=settings.oidc.scopes,
    )
    return OidcSignIn(tokens, client)


def sign_in_offer(settings: Settings, tokens: OidcTokens | None) -> OidcOffer | None:
    """None where the extension takes keys alone. `ConfigurationError` for a client that has a secret."""
    oidc = settings.oidc
    if tokens is None or oidc is None or not oidc.extension_client_id:
        return None
    if oidc.extension_client_id == oidc.client_id and oidc.client_secret.get_secret_value():
        raise ConfigurationError(
            "the extension can keep no secret, and this client has one.",
            where="COPILOT_OIDC.extension_client_id",
            hint="Register a public client for the extension.",
        )
    if "openid" not in oidc.extension_scopes:
        raise ConfigurationError(
            "without the scope openid nobody is signed in.",
            where="COPILOT_OIDC.extension_scopes",
            hint='Expected ["openid", …].',
        )
    return OidcOffer(tokens, oidc.extension_client_id, oidc.extension_scopes)
