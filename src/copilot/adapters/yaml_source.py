"""Reading YAML files into values, with every problem placed at its line and field."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from copilot.domain.conditions import All, AnyOf, Not, Test
from copilot.domain.errors import ConfigurationError

ValueT = TypeVar("ValueT", bound=BaseModel)
Location = tuple[str | int, ...]

_CONDITION_TAGS: dict[str, type[BaseModel]] = {"test": Test, "all": All, "any": AnyOf, "not": Not}
_LIKE, _ABOUT_AS_LIKE = 0.6, 0.1
_SHORT = re.compile(r"^Input should be ")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file; `line` counts from 1, 0 when it has no place."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class YamlSource(Generic[ValueT]):
    """A value together with the file it was read from, so that later checks can still name the line."""

    value: ValueT
    file: str
    node: yaml.Node

    def problem(self, location: Location, message: str) -> Problem:
        place = _find(self.node, type(self.value), location)
        return Problem(self.file, place.line, f"{message} at {place.path}" if place.path else message)


def yaml_files(folder: Path) -> list[Path]:
    """The folder's YAML files by name; `ConfigurationError` when there is no such folder or no file in it."""
    if not folder.is_dir():
        raise ConfigurationError("There is no such folder.", where=str(folder))
    found = sorted(p for p in folder.iterdir() if p.suffix in {".yaml", ".yml"})
    if not found:
        raise ConfigurationError("There is no .yaml file in this folder.", where=str(folder))
    return found


def read_all(paths: Sequence[Path], model: type[ValueT]) -> tuple[list[YamlSource[ValueT]], list[Problem]]:
    """Every file that reads well, and the problems of those that do not."""
    sources: list[YamlSource[ValueT]] = []
    problems: list[Problem] = []
    for path in paths:
        read = _read(path, model)
        if isinstance(read, list):
            problems += read
        else:
            sources.append(read)
    return sources, problems


def raise_for(problems: Sequence[Problem]) -> None:
    """All of them in one `ConfigurationError`, in the order of files and lines."""
    if not problems:
        return
    ordered = sorted(problems, key=lambda p: (p.file, p.line))
    if len(ordered) == 1:
        only = ordered[0]
        raise ConfigurationError(only.message, where=f"{only.file}:{only.line}" if only.line else only.file)
    raise ConfigurationError("\n  ".join([f"{len(ordered)} problems:", *map(str, ordered)]))


def suggest(name: str, known: Sequence[str]) -> str:
    """A hint at the nearest known names, to end a message with."""
    likeness = {k: difflib.SequenceMatcher(None, name, k).ratio() for k in known}
    best = max(likeness.values(), default=0.0)
    if best < _LIKE:
        return f"; known: {', '.join(sorted(known))}"
    near = sorted((k for k in known if likeness[k] > best - _ABOUT_AS_LIKE), key=lambda k: -likeness[k])
    return f"; did you mean {' or '.join(map(repr, near[:3]))}?"


def _read(path: Path, model: type[ValueT]) -> YamlSource[ValueT] | list[Problem]:
    file = str(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return [Problem(file, 1, f"expected keys and values ({', '.join(_keys(model))}), found none")]
        if repeated := list(_repeated_keys(node, file)):
            return repeated
        plain = _construct(node)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [_unreadable(error, file)]
    try:
        return YamlSource(model.model_validate(plain), file, node)
    except ValidationError as error:
        return [_translate(detail, node, model, file) for detail in error.errors()]


def _unreadable(error: Exception, file: str) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem(file, 0, f"not UTF-8 text: byte {error.start} cannot be read; save the file as UTF-8")
    if isinstance(error, OSError):
        return Problem(file, 0, f"cannot be read: {error.strerror}")
    if isinstance(error, yaml.MarkedYAMLError):
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return Problem(file, line, f"not valid YAML: {error.problem or error.context}")
    return Problem(file, 0, f"not valid YAML: {error}")


def _construct(node: yaml.Node) -> Any:  # noqa: ANN401 - whatever the file holds
    constructor = yaml.constructor.SafeConstructor()
    return constructor.construct_document(node)


def _repeated_keys(node: yaml.Node, file: str) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _repeated_keys(child, file)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if str(key.value) in seen:
                yield Problem(file, key.start_mark.line + 1, f"the key {key.value!r} is written twice")
            seen.add(str(key.value))
            yield from _repeated_keys(child, file)


@dataclass(frozen=True)
class _Place:
    line: int
    path: str
    model: type[BaseModel] | None
    """The model whose field the last step of the location is, or would be."""


def _find(root: yaml.Node, model: type[BaseModel], location: Location) -> _Place:
    """Follows a pydantic location through the nodes; steps that only name a union's member are skipped."""
    node, here, holder = root, _One(model), model
    line, path = root.start_mark.line + 1, ""
    for step in location:
        if isinstance(step, str) and here.model is None and step in _CONDITION_TAGS:
            here = _One(_CONDITION_TAGS[step])
            continue
        if here.model is not None:
            holder = here.model
        found = _child(node, step)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
        here = here.field(step)
    return _Place(line, path, holder)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node that carries the mark of this step, and its value."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if str(key.value) == str(step)), None)
    return None


class _One:
    """The type expected at one place: a model, or something else."""

    def __init__(self, annotation: Any) -> None:  # noqa: ANN401 - any type annotation
        while get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        members = [m for m in get_args(annotation) if m is not type(None)]
        if type(None) in get_args(annotation) and len(members) == 1:
            annotation = members[0]
        self._annotation = annotation
        is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        self.model: type[BaseModel] | None = annotation if is_model else None

    def field(self, step: str | int) -> "_One":
        if self.model is not None:
            fields = self.model.model_fields
            match = next((f for name, f in fields.items() if step in (f.alias, name)), None)
            return _One(match.annotation if match else None)
        arguments = get_args(self._annotation)
        return _One(arguments[0] if arguments and isinstance(step, int) else None)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _translate(detail: Any, root: yaml.Node, model: type[BaseModel], file: str) -> Problem:  # noqa: ANN401
    location: Location = detail["loc"]
    place = _find(root, model, location)
    if detail["type"] == "extra_forbidden":
        parent = _find(root, model, location[:-1])
        where = f" at {parent.path}" if parent.path else ""
        hint = suggest(str(location[-1]), _keys(place.model or model))
        return Problem(file, place.line, f"unknown key '{location[-1]}'{where}{hint}")
    if detail["type"] == "missing":
        where = f" at {place.path}" if place.path else ""
        return Problem(file, place.line, f"the key '{location[-1]}' is missing{where}")
    if detail["type"] == "value_error":
        said = str(detail["ctx"]["error"])
        return Problem(file, place.line, f"{place.path or 'this file'}: {said}")
    expected = _SHORT.sub("", detail["msg"])
    found = f"{detail['input']!r:.60}"
    return Problem(file, place.line, f"{place.path} is {found}, expected: {expected}")
