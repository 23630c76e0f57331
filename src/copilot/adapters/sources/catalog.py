"""The descriptions in one folder (`sources/*.yaml`), for the tenant that the folder belongs to."""

from collections.abc import Callable
from pathlib import Path

from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.sources.addresses import AddressRule, only_public
from copilot.adapters.sources.settings import FolderSettings, SourceSettings, load_source, open_source
from copilot.domain.errors import ConfigurationError, NotFound
from copilot.domain.ingest import ConfiguredSource
from copilot.ports import DocumentSource, RemoteSource


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

    def _described(self, tenant_id: str) -> dict[str, SourceSettings]:
        found: dict[str, SourceSettings] = {}
        if tenant_id != self._tenant_id or not self._folder.is_dir():
            return found
        for path in sorted(p for p in self._folder.iterdir() if p.suffix in {".yaml", ".yml"}):
            settings = load_source(path)
            if settings.name in found:
                raise ConfigurationError(f"there are two sources `{settings.name}`.", where=str(path))
            found[settings.name] = settings
        return found
