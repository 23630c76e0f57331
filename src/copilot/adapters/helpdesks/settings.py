"""The file that describes a helpdesk (`integrations/NAME.yaml`), and the helpdesk made from it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from copilot.adapters.descriptions import check_description, load_description
from copilot.adapters.helpdesks.chatwoot import Chatwoot
from copilot.adapters.helpdesks.zendesk import Zendesk
from copilot.adapters.shop_http import HttpLimits
from copilot.domain.errors import ConfigurationError
from copilot.domain.helpdesk import WriteBack
from copilot.domain.value import Value

SecretOf = Callable[[str], str | None]
"""The value of an environment variable."""

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+", max_length=2_000)]
Variable = Annotated[str, Field(pattern=r"^COPILOT_[A-Z0-9_]+$")]


class _Described(Value):
    """What every kind has. A secret is named by its environment variable or its file, never written here."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")
    url: Url
    webhook_secret_env: Variable | None = None
    webhook_secret_file: Path | None = None
    secret_env: Variable | None = None
    """The key for writing notes; not needed with `write_back: none`."""
    secret_file: Path | None = None
    write_back: WriteBack = WriteBack.DRAFTS


class ChatwootSettings(_Described):
    kind: Literal["chatwoot"]
    account: int = Field(ge=1)
    inboxes: frozenset[int] = frozenset()


class ZendeskSettings(_Described):
    kind: Literal["zendesk"]
    brands: frozenset[str] = frozenset()


HelpdeskSettings = Annotated[ChatwootSettings | ZendeskSettings, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[HelpdeskSettings] = TypeAdapter(HelpdeskSettings)


def load_helpdesks(
    folder: Path, tenant_id: str, secret_of: SecretOf, *, limits: HttpLimits | None = None
) -> list[Chatwoot | Zendesk]:
    """Every helpdesk that a file of the folder describes; none where there is no folder.

    `ConfigurationError` naming file and field, or the secret that is missing.
    """
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    described = [describe_helpdesk(load_description(path), where=str(path)) for path in paths]
    found = [open_helpdesk(one, tenant_id, secret_of, limits=limits) for one in described]
    names = [helpdesk.name for helpdesk in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"there are two integrations `{name}`.", where=str(folder))
    return found


def open_helpdesk(
    settings: HelpdeskSettings, tenant_id: str, secret_of: SecretOf, *, limits: HttpLimits | None = None
) -> Chatwoot | Zendesk:
    """`secret_of` gives the value of an environment variable."""
    where = f"integration {settings.name}"
    webhook = _secret(settings.webhook_secret_env, settings.webhook_secret_file, secret_of, where)
    if not webhook:
        raise ConfigurationError(
            "it has no webhook secret, so anybody could send in its name.",
            hint="Name it by webhook_secret_env or webhook_secret_file.",
            where=where,
        )
    key = _secret(settings.secret_env, settings.secret_file, secret_of, where)
    if not key and settings.write_back is not WriteBack.NONE:
        raise ConfigurationError(
            "it has no key to write notes with.",
            hint="Name it by secret_env or secret_file, or set write_back: none.",
            where=where,
        )
    if isinstance(settings, ChatwootSettings):
        return Chatwoot(
            name=settings.name,
            tenant_id=tenant_id,
            url=settings.url,
            account=settings.account,
            webhook_secret=webhook,
            access_token=key,
            write_back=settings.write_back,
            inboxes=settings.inboxes,
            limits=limits,
        )
    return Zendesk(
        name=settings.name,
        tenant_id=tenant_id,
        url=settings.url,
        webhook_secret=webhook,
        api_secret=key,
        write_back=settings.write_back,
        brands=settings.brands,
        limits=limits,
    )


def describe_helpdesk(values: Mapping[str, Any], *, where: str) -> HelpdeskSettings:
    """The description in `values`. `ConfigurationError` naming the field."""
    return check_description(_ADAPTER, values, of="the integration", where=where)


def _secret(variable: str | None, file: Path | None, secret_of: SecretOf, where: str) -> str | None:
    if variable is not None:
        value = secret_of(variable)
        if not value:
            raise ConfigurationError(f"{variable} is not set.", where=where)
        return value
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("the secret's file cannot be read.", where=str(file)) from error
