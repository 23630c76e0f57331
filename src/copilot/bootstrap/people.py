"""Whose sign-ins are taken besides our own keys."""

from copilot.adapters.oidc_tokens import OidcTokens, OidcTrust
from copilot.config import Settings


def person_tokens(settings: Settings) -> OidcTokens | None:
    """`ConfigurationError` for a provider that nobody should trust."""
    if settings.oidc is None:
        return None
    return OidcTokens(OidcTrust(tenant=settings.tenant, **settings.oidc.model_dump()))
