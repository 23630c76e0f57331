"""The descriptions in one folder (`sources/*.yaml`), for the tenant that the folder belongs to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.sources.addresses import AddressRule, only_public
from copilot.adapters.sources.settings import (
    FolderSettings,
    SourceSettings,
    describe_source,
    load_source,
    open_source,
)
from copilot.domain.errors import ConfigurationError, Conflict, InvalidInput, NotFound, NotPermitted
from copilot.domain.ingest import ConfiguredSource
from copilot.ports import DocumentSource, RemoteSource

SECRETS = "COPILOT_SOURCE_"
"""What the environment variables begin with that a source of the console may use: it names its own host, and
would otherwise be a way to send any of the server's secrets there."""


class FolderCatalog:
    """The SourceCatalog port. The files are read whenever they are asked for: a change needs no restart."""

    def __init__(
        self,
        tenant_id: str,
        folder: Path,
        secret_of: Callable[[str], str | None],
        *,
        allowed: AddressRule = only_public,
    ) -> None:
        self._tenant_id = tenant_id
        self._folder = folder
        self._secret_of = secret_of
        self._allowed = allowed

    def sources(self, tenant_id: str) -> list[ConfiguredSource]:
        return [
            ConfiguredSource(name=settings.name, kind=settings.kind)
            for settings in sorted(self._described(tenant_id).values(), key=lambda settings: settings.name)
        ]

    def open(self, tenant_id: str, name: str) -> DocumentSource | RemoteSource:
        settings = self._described(tenant_id).get(name)
        if settings is None:
            raise NotFound(
                f"there is no source `{name}`.", hint="GET /v1/knowledge/sources lists what there is."
            )
        if isinstance(settings, FolderSettings):
            return FolderSource(self._folder / settings.path, settings.name)
        return open_source(settings, self._secret_of, allowed=self._allowed)

    def describe(self, tenant_id: str, values: Mapping[str, Any]) -> ConfiguredSource:
        if tenant_id != self._tenant_id:
            raise NotPermitted("This server keeps no sources for your tenant.", hint="Ask the operator.")
        if values.get("kind") == "folder":
            raise InvalidInput("A folder of the server is described by an operator.", where="kind")
        try:
            settings = describe_source(values, where="the source")
        except ConfigurationError as error:
            raise InvalidInput(error.message, hint="Mend it and send the form again.") from error
        secret = settings.secret_env
        if secret is not None and not secret.startswith(SECRETS):
            raise InvalidInput(
                f"{secret} is not meant for sources.", hint=f"Its name begins with {SECRETS}.", where="secret"
            )
        if settings.name in self._described(tenant_id):
            raise Conflict(f"There is a source `{settings.name}` already.", hint="Choose another name.")
        self._write(settings.name, values)
        return ConfiguredSource(name=settings.name, kind=settings.kind)

    def forget(self, tenant_id: str, name: str) -> None:
        for path in self._files(tenant_id):
            if load_source(path).name == name:
                path.unlink(missing_ok=True)
                return
        raise NotFound(f"there is no source `{name}`.")

    def _write(self, name: str, values: Mapping[str, Any]) -> None:
        path = self._folder / f"{name}.yaml"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                yaml.safe_dump(dict(values), file, sort_keys=False, allow_unicode=True)
        except FileExistsError as error:
            raise Conflict(f"There is a file {path.name} already.", hint="Choose another name.") from error
        except OSError as error:
            raise ConfigurationError(
                f"the description cannot be written: {error.strerror}.",
                where=str(self._folder),
                hint="Let the server write there, or set COPILOT_SOURCES_DIR.",
            ) from error

    def _described(self, tenant_id: str) -> dict[str, SourceSettings]:
        found: dict[str, SourceSettings] = {}
        for path in self._files(tenant_id):
            settings = load_source(path)
            if settings.name in found:
                raise ConfigurationError(f"there are two sources `{settings.name}`.", where=str(path))
            found[settings.name] = settings
        return found

    def _files(self, tenant_id: str) -> list[Path]:
        if tenant_id != self._tenant_id or not self._folder.is_dir():
            return []
        return sorted(p for p in self._folder.iterdir() if p.suffix in {".yaml", ".yml"})
