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


@lru_cache(maxsize=256)
def _variables(template: str) -> frozenset[str]:
    return frozenset(meta.find_undeclared_variables(_environment().parse(template)))


class Prompts:
    """Our prompts, or a deployment's in the place of those of the same name."""

    def __init__(self, folder: Path | None = None) -> None:
        """`ConfigurationError` for a folder without a prompt, and for a prompt that we have not."""
        found = sorted(folder.glob("*.j2")) if folder is not None else []
        if folder is not None and not found:
            raise ConfigurationError("There is no prompt (*.j2) in this folder.", where=str(folder))
        for path in found:
            if not (_FOLDER / path.name).is_file():
                raise ConfigurationError(
                    f"No prompt is named {path.stem!r}.", hint=f"Known: {_known()}.", where=str(path)
                )
        self._own = {path.stem: path.read_text(encoding="utf-8") for path in found}

    def own(self, name: str) -> str | None:
        """The deployment's text of this name; None where ours is used."""
        return self._own.get(name)

    def render(self, name: str, **variables: object) -> str:
        """The prompt `name`, filled. Exactly its variables must be given, else `ConfigurationError`."""
        own = self.own(name)
        source = _prompt(name) if own is None else own
        needed = _variables(source)
        if needed != variables.keys():
            missing = ", ".join(sorted(needed - variables.keys())) or "none"
            unknown = ", ".join(sorted(variables.keys() - needed)) or "none"
            raise ConfigurationError(f"Prompt {name!r}: variables missing: {missing}; unknown: {unknown}.")
        return render_text(source, variables)


OUR_PROMPTS = Prompts()


def render(name: str, **variables: object) -> str:
    """Our own prompt `name`, filled; see `Prompts.render`."""
    return OUR_PROMPTS.render(name, **variables)


def _known() -> str:
    return ", ".join(sorted(p.stem for p in _FOLDER.glob("*.j2")))


@lru_cache(maxsize=64)
def _prompt(name: str) -> str:
    try:
        return (_FOLDER / f"{name}.j2").read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"There is no prompt named {name!r}.", hint=f"Known: {_known()}.") from error


def variables_of(name: str, text: str | None = None) -> frozenset[str]:
    """What our prompt `name` is to be filled with; or `text`, somebody's own, which `name` only places."""
    if text is None:
        return _variables(_prompt(name))
    try:
        return _variables(text)
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
