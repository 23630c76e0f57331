"""What a candidate changes: a YAML file that names settings, knowledge, playbooks and prompts."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from copilot.adapters.yaml_source import Problem, YamlSource, raise_for, read_all, suggest
from copilot.config import Settings
from copilot.domain.errors import InvalidInput
from copilot.domain.value import Value

_FOLDERS = ("playbooks", "policies", "macros")
_NOT_A_CANDIDATES = {
    "answer_threshold",
    "data_dir",
    "host",
    "interruption_cost",
    "knowledge_dir",
    "order_system",
    "port",
    "prompts_dir",
}
"""Settings that another key of the file is for, or that a replay decides itself."""


class Price(Value):
    """Of a million tokens, in any one currency."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)


class Candidate(Value):
    """Everything that is not named is as in the present system; paths are relative to the file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    settings: dict[str, Any] = Field(default_factory=dict)
    """Named as in `copilot.config.Settings`, e.g. `llm_model`, `llm_style`, `embedding_model`."""
    knowledge: Path | None = None
    """A knowledge folder: another version of the articles, with their playbooks and policies."""
    playbooks: Path | None = None
    """A folder that takes the place of the knowledge folder's `playbooks`; so do the next two."""
    policies: Path | None = None
    macros: Path | None = None
    prompts: Path | None = None
    """A folder of `NAME.j2` that take the place of our prompts."""
    answer_threshold: float | None = Field(default=None, gt=0, lt=1)
    """The confidence from which search holds a question for answered."""
    interruption_cost: float | None = Field(default=None, ge=0)
    """What an unused draft costs: more, and fewer are shown."""
    price: Price | None = None

    @property
    def system(self) -> dict[str, Any]:
        """The settings that differ from the environment's."""
        own = {
            "prompts_dir": self.prompts,
            "answer_threshold": self.answer_threshold,
            "interruption_cost": self.interruption_cost,
        }
        return {**self.settings, **{name: value for name, value in own.items() if value is not None}}

    def described(self) -> dict[str, str]:
        """What it changes, for a report."""
        plain = self.model_dump(mode="json", exclude={"name", "settings"}, exclude_none=True)
        return {name: str(value) for name, value in {**self.settings, **plain}.items()}

    def lay_out(self, present: Path, folder: Path) -> Path:
        """The knowledge folder to serve: an existing one, or a copy in `folder` with parts of its own."""
        base = self.knowledge or present
        replaced = {name: path for name in _FOLDERS if (path := getattr(self, name)) is not None}
        if not replaced:
            return base
        shutil.copytree(base, folder, ignore=lambda at, _: list(replaced) if Path(at) == base else [])
        for name, path in replaced.items():
            shutil.copytree(path, folder / name)
        return folder


PRESENT = Candidate(name="present")
"""The system as the environment sets it."""


def load_candidate(path: Path) -> Candidate:
    """`ConfigurationError` with file and line for what is wrong in it."""
    if not path.is_file():
        raise InvalidInput(
            "there is no such file.", where=str(path), hint="Expected a YAML file that names what differs."
        )
    sources, problems = read_all([path], Candidate)
    for source in sources:
        problems += _problems(source)
    raise_for(problems)
    return _found(sources[0].value, path.parent)


def _problems(source: YamlSource[Candidate]) -> list[Problem]:
    candidate, folder = source.value, Path(source.file).parent
    found = []
    for name in candidate.settings:
        if name in _NOT_A_CANDIDATES or name not in Settings.model_fields:
            known = sorted(Settings.model_fields.keys() - _NOT_A_CANDIDATES)
            found.append(
                source.problem(("settings", name), f"there is no setting {name!r} here{suggest(name, known)}")
            )
    found += [
        source.problem((name,), f"there is no folder {str(path)!r} beside the file")
        for name, path in _paths(candidate).items()
        if not (folder / path).is_dir()
    ]
    if not found:
        try:
            Settings(**candidate.settings)
        except ValidationError as error:
            first = error.errors()[0]
            found.append(source.problem(("settings", *first["loc"][:1]), first["msg"]))
    return found


def _paths(candidate: Candidate) -> Mapping[str, Path]:
    names = ("knowledge", *_FOLDERS, "prompts")
    return {name: path for name in names if (path := getattr(candidate, name)) is not None}


def _found(candidate: Candidate, folder: Path) -> Candidate:
    paths = {name: Path(os.path.normpath(folder / path)) for name, path in _paths(candidate).items()}
    return candidate.model_copy(update=paths)
