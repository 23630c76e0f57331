"""Rendering of prompt files and of the tenant's own templates.

Templates are written by us or by a tenant's knowledge managers; what customers and documents say only ever
enters as a variable, and in a prompt as a delimited block whose delimiter cannot be forged.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Self

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from copilot.domain.errors import ConfigurationError

_FOLDER = Path(__file__).parent
_TAG_OPENING = re.compile(r"<(?=\s*/?\s*[A-Za-z_!?])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class _Unknown(StrictUndefined):
    """Fails when it is used, but `order.status is defined` may ask about a fact of an unknown order."""

    def __getattr__(self, name: str) -> Self:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def data_block(text: object, tag: str) -> str:
    """`text` between `<tag>` and `</tag>`; anything inside that looks like a tag is defused."""
    clean = _TAG_OPENING.sub("‹", _CONTROL.sub("", str(text)))
    return f"<{tag}>\n{clean.strip()}\n</{tag}>"


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    # Plain text goes to a model or a person's draft, never into HTML: escaping would corrupt it.
    environment = ImmutableSandboxedEnvironment(
        undefined=_Unknown,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = data_block
    return environment


@lru_cache(maxsize=2048)
def _compile(template: str) -> Template:
    try:
        return _environment().from_string(template)
    except TemplateError as error:
        raise ConfigurationError(
            f"The template does not parse: {error}.", hint="Check the jinja2 syntax.", where=template[:80]
        ) from error


_own: dict[str, Path] = {}
"""What a deployment puts in the place of our prompts: set once at start-up, before anything is rendered."""


def replace_prompts(folder: Path | None) -> None:
    """From now on the prompts in `folder` are used instead of ours of the same name; None: ours alone.

    `ConfigurationError` for a folder without a prompt, and for a prompt that we have not.
    """
    found = {path.stem: path for path in sorted(folder.glob("*.j2"))} if folder is not None else {}
    if folder is not None and not found:
        raise ConfigurationError("There is no prompt (*.j2) in this folder.", where=str(folder))
    for name, path in found.items():
        if not (_FOLDER / path.name).is_file():
            raise ConfigurationError(
                f"No prompt is named {name!r}.", hint=f"Known: {_known()}.", where=str(path)
            )
    _own.clear()
    _own.update(found)
    _prompt.cache_clear()


def _known() -> str:
    return ", ".join(sorted(p.stem for p in _FOLDER.glob("*.j2")))


@lru_cache(maxsize=64)
def _prompt(name: str) -> tuple[str, frozenset[str]]:
    path = _own.get(name, _FOLDER / f"{name}.j2")
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"There is no prompt named {name!r}.", hint=f"Known: {_known()}.") from error
    return source, frozenset(meta.find_undeclared_variables(_environment().parse(source)))


def render(name: str, **variables: object) -> str:
    """The prompt `name`, filled. Exactly its variables must be given, else `ConfigurationError`."""
    source, needed = _prompt(name)
    if needed != variables.keys():
        missing = ", ".join(sorted(needed - variables.keys())) or "none"
        unknown = ", ".join(sorted(variables.keys() - needed)) or "none"
        raise ConfigurationError(f"Prompt {name!r}: variables missing: {missing}; unknown: {unknown}.")
    return render_text(source, variables)


def variables_of(name: str, text: str | None = None) -> frozenset[str]:
    """What the prompt `name` is to be filled with; or `text`, somebody's own, which `name` only places."""
    if text is None:
        return _prompt(name)[1]
    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(text)))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ConfigurationError(
            f"The template does not parse: {error}.",
            hint="Check the jinja2 syntax.",
            where=f"{name}:{line}" if line else name,
        ) from error


def render_text(template: str, variables: Mapping[str, object]) -> str:
    """`template`, a tenant's or our own, over `variables`; an unknown one raises `ConfigurationError`."""
    try:
        return _compile(template).render(variables)
    except TemplateError as error:
        raise ConfigurationError(
            f"The template cannot be filled: {error}.",
            hint="Use known facts only.",
            where=template[:80],
        ) from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigurationError(
            f"The template fails: {error}.", hint="Check its expressions.", where=template[:80]
        ) from error
