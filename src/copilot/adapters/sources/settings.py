"""The file that describes a source (`sources/NAME.yaml`), and the source made from it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, model_validator

from copilot.adapters.descriptions import check_description, load_description
from copilot.adapters.loaders.metadata import read_metadata
from copilot.adapters.sources.addresses import AddressRule, only_public
from copilot.adapters.sources.articles import Markup
from copilot.adapters.sources.chatwoot import ChatwootPortal
from copilot.adapters.sources.feed import KNOWN_FIELDS, JsonFeed
from copilot.adapters.sources.fetching import Fetcher, FetchLimits
from copilot.adapters.sources.pages import WebPages
from copilot.adapters.sources.zendesk import ZendeskGuide, authorization
from copilot.domain.errors import ConfigurationError, UnreadableDocument
from copilot.domain.value import Value
from copilot.ports import RemoteSource

_NEEDED_FIELDS = ("id", "text")
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+", max_length=2_000)]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?$")]


class _Described(Value):
    """What every kind has."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")
    hosts: tuple[str, ...] = ()
    """That may be read besides those of the addresses."""
    delay_seconds: float = Field(default=0.5, ge=0.1, le=60)
    """Between two requests to one host."""
    secret_env: str | None = Field(default=None, pattern=r"^COPILOT_[A-Z0-9_]+$")
    """The environment variable that holds the key."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """For every document: audience, locale, product, tags, owner, review_on …"""

    @model_validator(mode="after")
    def _known_metadata(self) -> Self:
        try:
            read_metadata(self.metadata, "metadata", where=self.name)
        except UnreadableDocument as error:
            raise ValueError(f"{error.message} {error.hint}") from error
        if {"id", "title", "version"} & self.metadata.keys():
            raise ValueError("metadata here holds for every document: it cannot give id, title or version")
        return self


class FolderSettings(_Described):
    """A folder on the server's disk; `path` is relative to the descriptions."""

    kind: Literal["folder"]
    path: str = Field(min_length=1)

    @model_validator(mode="after")
    def _only_a_path(self) -> Self:
        if self.metadata or self.hosts or self.secret_env:
            raise ValueError("a folder has only name and path: side files say the rest")
        return self


class PagesSettings(_Described):
    kind: Literal["pages"]
    sitemaps: tuple[Url, ...] = ()
    urls: tuple[Url, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.sitemaps and not self.urls:
            raise ValueError("expected sitemaps or urls")
        return self


class ZendeskSettings(_Described):
    kind: Literal["zendesk"]
    url: Url
    locales: tuple[Locale, ...] = Field(default=("en-us",), min_length=1)


class ChatwootSettings(_Described):
    kind: Literal["chatwoot"]
    url: Url
    account: int = Field(ge=1)
    portal: str = Field(pattern=r"^[\w-]{1,100}$")
    locales: tuple[Locale, ...] = Field(default=("en",), min_length=1)


class FeedSettings(_Described):
    kind: Literal["feed"]
    url: Url
    items: str = ""
    next: str | None = None
    format: Markup = Markup.HTML
    fields: dict[str, str]
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    skip: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$")
    scheme: str = "Bearer"

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        for name in self.fields:
            if name not in KNOWN_FIELDS:
                raise ValueError(f"fields has {name!r}; expected {', '.join(KNOWN_FIELDS)}")
        for name in _NEEDED_FIELDS:
            if name not in self.fields:
                raise ValueError(f"fields has to say where {name!r} is")
        return self


RemoteSettings = PagesSettings | ZendeskSettings | ChatwootSettings | FeedSettings
SourceSettings = Annotated[
    FolderSettings | PagesSettings | ZendeskSettings | ChatwootSettings | FeedSettings,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[SourceSettings] = TypeAdapter(SourceSettings)


def load_source(path: Path) -> SourceSettings:
    """The description in a file; without `name` it is the file's. `ConfigurationError` naming the place."""
    return describe_source(load_description(path), where=str(path))


def describe_source(values: Mapping[str, Any], *, where: str) -> SourceSettings:
    """The description in `values`. `ConfigurationError` naming the field."""
    return check_description(_ADAPTER, values, of="the source", where=where)


def open_source(
    settings: RemoteSettings,
    secret_of: Callable[[str], str | None],
    *,
    allowed: AddressRule = only_public,
    limits: FetchLimits | None = None,
) -> RemoteSource:
    """The source, which is no folder; `secret_of` gives the value of an environment variable."""
    fetcher = _fetcher(settings, _credentials(settings, secret_of), allowed, limits)
    match settings:
        case PagesSettings():
            return WebPages(
                settings.name,
                fetcher,
                sitemaps=settings.sitemaps,
                urls=settings.urls,
                metadata=settings.metadata,
            )
        case ZendeskSettings():
            return ZendeskGuide(
                settings.name,
                fetcher,
                url=settings.url,
                locales=settings.locales,
                metadata=settings.metadata,
            )
        case ChatwootSettings():
            return ChatwootPortal(
                settings.name,
                fetcher,
                url=settings.url,
                account=settings.account,
                portal=settings.portal,
                locales=settings.locales,
                metadata=settings.metadata,
            )
        case FeedSettings():
            return JsonFeed(
                settings.name,
                fetcher,
                url=settings.url,
                fields=settings.fields,
                items=settings.items,
                next_link=settings.next,
                markup=settings.format,
                values=settings.values,
                skip={field: [w.lower() for w in words] for field, words in settings.skip.items()},
                metadata=settings.metadata,
            )


def _fetcher(
    settings: RemoteSettings,
    credentials: Mapping[str, str],
    allowed: AddressRule,
    limits: FetchLimits | None,
) -> Fetcher:
    if isinstance(settings, PagesSettings):
        addresses = [*settings.sitemaps, *settings.urls]
    else:
        addresses = [settings.url]
    hosts = [urlsplit(address).hostname or "" for address in addresses]
    return Fetcher(
        frozenset([*hosts, *settings.hosts]),
        credentials=credentials,
        credentials_for=hosts[0],
        allowed=allowed,
        limits=limits or FetchLimits(delay=settings.delay_seconds),
    )


def _credentials(settings: RemoteSettings, secret_of: Callable[[str], str | None]) -> dict[str, str]:
    if settings.secret_env is None:
        return {}
    secret = secret_of(settings.secret_env)
    if not secret:
        raise ConfigurationError(f"{settings.secret_env} is not set.", where=f"source {settings.name}")
    match settings:
        case ZendeskSettings():
            return authorization(secret)
        case ChatwootSettings():
            return {"api_access_token": secret}
        case FeedSettings():
            return {settings.header: f"{settings.scheme} {secret}".strip()}
    return {"Authorization": f"Bearer {secret}"}
