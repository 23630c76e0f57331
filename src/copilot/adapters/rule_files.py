"""Policies and playbooks in a folder of YAML files: read, tried with other texts, written."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from copilot.adapters.policy_signing import signed_text
from copilot.adapters.yaml_files import load_playbooks, load_policies
from copilot.adapters.yaml_source import yaml_files
from copilot.domain.errors import ConfigurationError, InvalidInput, NotFound
from copilot.domain.playbook import Playbook
from copilot.domain.policy import Clause, ClauseKey, PolicySet

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,80}\.yaml")
RuleT = TypeVar("RuleT")


class _YamlFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return [path.name for path in yaml_files(self._folder)] if self._folder.is_dir() else []

    def read(self, name: str) -> str:
        try:
            return self._path(name).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NotFound(f"There is no file {name}.", hint="Choose one of the list.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The file cannot be read: {error}.", where=name) from error

    def write(self, name: str, text: str) -> None:
        path = self._path(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self._folder, prefix=".", suffix=".new", delete=False
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except OSError as error:
            raise ConfigurationError(
                f"The file cannot be written: {error.strerror}.",
                where=str(path),
                hint="Let the server write to this folder.",
            ) from error

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:60]!r} is no name for a file of rules.", hint="Expected such as late_delivery.yaml."
            )
        return self._folder / name

    def _loaded(
        self, load: Callable[[Path], tuple[RuleT, ...]], instead: Mapping[str, str]
    ) -> dict[str, RuleT]:
        """Read from copies, so that what stands in the folder is never half of one and half of another."""
        with self._with(instead) as copies:
            try:
                return dict(zip((path.name for path in yaml_files(copies)), load(copies), strict=True))
            except ConfigurationError as error:
                plain = error.message.replace(f"{copies}{os.sep}", "")
                where = error.where.replace(f"{copies}{os.sep}", "")
                raise ConfigurationError(plain, hint=error.hint, where=where) from error

    @contextmanager
    def _with(self, instead: Mapping[str, str]) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="copilot-rules-") as folder:
            texts = {name: self.read(name) for name in self.names() if name not in instead}
            for name, text in {**texts, **instead}.items():
                (Path(folder) / self._path(name).name).write_text(text, encoding="utf-8")
            yield Path(folder)


class PlaybookFolder(_YamlFolder):
    """The PlaybookFiles port."""

    def load(self, instead: Mapping[str, str]) -> dict[str, Playbook]:
        return self._loaded(load_playbooks, instead)


class PolicyFolder(_YamlFolder):
    """The PolicyFiles port."""

    def load(self, instead: Mapping[str, str], *, require_signature: bool = True) -> dict[str, PolicySet]:
        return self._loaded(
            lambda folder: load_policies(folder, require_signature=require_signature), instead
        )

    def signed(
        self,
        text: str,
        policy: PolicySet,
        clauses: Mapping[ClauseKey, Clause],
        name: str,
        at: datetime,
    ) -> str | None:
        return signed_text(text, policy, clauses, name, at)
