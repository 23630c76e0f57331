"""Suites of evaluations: YAML files that say what is scored, on what, and what must hold."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from copilot.adapters.yaml_source import Problem, YamlSource, raise_for, read_all, suggest, yaml_files
from copilot.config import Settings
from copilot.domain.errors import InvalidInput
from copilot.domain.value import Value
from copilot.evaluation.kinds.kind import KindOptions
from copilot.evaluation.kinds.registry import KINDS


class Threshold(Value):
    """What a figure must be, and why that much: what was measured when it was set, and the margin."""

    min: float | None = None
    max: float | None = None
    why: str = ""
    optional: bool = False
    """A figure that is not run (no judge, no data) then fails nothing."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("expected min, max or both")
        return self


class Suite(Value):
    """One kind on one set of data, with what must hold; paths are relative to the suite's file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    kind: str
    data: str
    train: str | None = None
    limit: int | None = Field(default=None, ge=1)
    seed: int = 0
    tags: tuple[str, ...] = ()
    """`fast`: run by scripts/test."""
    system: dict[str, Any] = Field(default_factory=dict)
    """Settings of the product under test, named as in `copilot.config.Settings`."""
    metrics: tuple[str, ...] = ()
    """Figures to show, in this order; none: all."""
    slices: tuple[str, ...] = ()
    """What to group cases by; none: everything they carry."""
    thresholds: dict[str, Threshold] = Field(default_factory=dict)
    regressions: dict[str, Literal["higher", "lower"]] = Field(default_factory=dict)
    """Scores of cases that must not get significantly worse than the baseline's, and which way is better."""
    baseline: str | None = None
    """A file of `copilot eval baseline`."""
    errors: int = Field(default=0, ge=0)
    """How many cases may go without a score."""
    refused: int = Field(default=0, ge=0)
    """How many rows may be unreadable."""
    time_limit_seconds: float = Field(default=1_800, gt=0)


class LoadedSuite(Value):
    """A suite with its paths found."""

    suite: Suite
    file: Path
    options: KindOptions
    baseline: Path | None = None


def load_suites(folder: Path) -> tuple[LoadedSuite, ...]:
    """All suites of a folder by file name; every problem of every file at once, as `ConfigurationError`."""
    return _load(yaml_files(folder))


def load_suite(path: Path) -> LoadedSuite:
    return _load([path])[0]


def with_data(loaded: LoadedSuite, data: Path) -> LoadedSuite:
    """The same suite over other data; its baseline, which is of its own data, is left out."""
    options = loaded.options.model_copy(update={"data": data})
    return loaded.model_copy(update={"options": options, "baseline": None})


def bare_suite(kind: str, options: KindOptions) -> LoadedSuite:
    """What a kind runs as when no suite file is named: nothing must hold but that every case is scored."""
    suite = Suite(
        name=kind,
        title=KINDS[kind].scores,
        kind=kind,
        data=str(options.data),
        train=None if options.train is None else str(options.train),
        limit=options.limit,
        seed=options.seed,
        system=options.system,
        time_limit_seconds=86_400,
    )
    return LoadedSuite(suite=suite, file=options.data, options=options)


def named(suites: Sequence[LoadedSuite], name: str) -> LoadedSuite:
    found = next((loaded for loaded in suites if loaded.suite.name == name), None)
    if found is None:
        known = [loaded.suite.name for loaded in suites]
        raise InvalidInput(
            f"there is no suite or kind {name!r}{suggest(name, [*known, *KINDS])}.",
            hint="`copilot eval list` shows them.",
        )
    return found


def _load(paths: Sequence[Path]) -> tuple[LoadedSuite, ...]:
    sources, problems = read_all(paths, Suite)
    for source in sources:
        problems += _problems(source)
    raise_for(problems)
    return tuple(_found(source) for source in sources)


def _problems(source: YamlSource[Suite]) -> list[Problem]:
    suite, folder = source.value, Path(source.file).parent
    found = []
    if Path(source.file).stem != suite.name:
        expected = f"the file is called {Path(source.file).name!r}, expected '{suite.name}.yaml'"
        found.append(source.problem(("name",), expected))
    if suite.kind not in KINDS:
        hint = suggest(suite.kind, list(KINDS))
        found.append(source.problem(("kind",), f"there is no kind {suite.kind!r}{hint}"))
    for field in ("data", "train", "baseline"):
        path = getattr(suite, field)
        if path is not None and not (folder / path).exists():
            found.append(source.problem((field,), f"there is no {path!r} beside the suite"))
    for name in suite.system:
        if name not in Settings.model_fields:
            hint = suggest(name, list(Settings.model_fields))
            found.append(source.problem(("system", name), f"there is no setting {name!r}{hint}"))
    try:
        Settings(**{name: value for name, value in suite.system.items() if name in Settings.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        found.append(source.problem(("system", *first["loc"][:1]), first["msg"]))
    return found


def _beside(folder: Path, path: str) -> Path:
    """Without the steps up and down again, so that it reads well in a report."""
    return Path(os.path.normpath(folder / path))


def _found(source: YamlSource[Suite]) -> LoadedSuite:
    suite, folder = source.value, Path(source.file).parent
    system = {
        name: _beside(folder, value) if Settings.model_fields[name].annotation is Path else value
        for name, value in suite.system.items()
    }
    options = KindOptions(
        data=_beside(folder, suite.data),
        train=None if suite.train is None else _beside(folder, suite.train),
        limit=suite.limit,
        seed=suite.seed,
        system=system,
    )
    baseline = None if suite.baseline is None else _beside(folder, suite.baseline)
    return LoadedSuite(suite=suite, file=Path(source.file), options=options, baseline=baseline)
