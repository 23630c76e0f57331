"""A tenant's own words for case notes and hand-overs."""

import json
from dataclasses import asdict, dataclass, replace

from copilot.domain.errors import ConfigurationError
from copilot.prompts import render, render_text, variables_of

CASE_TEMPLATES = "case-templates"
CASE_NOTE, HAND_OVER = "case_note", "hand_over"


@dataclass(frozen=True)
class CaseTemplates:
    """jinja2 texts over what `case_note.j2` and `hand_over.j2` see; None: ours are used."""

    case_note: str | None = None
    hand_over: str | None = None

    def over(self, others: "CaseTemplates") -> "CaseTemplates":
        """These, and the others' where there is none of these."""
        mine = {name: text for name, text in asdict(self).items() if text is not None}
        return replace(others, **mine)

    def fill(self, name: str, variables: dict[str, object]) -> str:
        own: str | None = getattr(self, name)
        return (render(name, **variables) if own is None else render_text(own, variables)).strip()


def check_template(name: str, text: str, where: str) -> None:
    """`ConfigurationError` when `text` does not parse or speaks of what there is not."""
    known = variables_of(name, None)
    unknown = sorted(variables_of(where, text) - known)
    if unknown:
        raise ConfigurationError(
            f"The template speaks of {', '.join(unknown)}, which there is not.",
            hint=f"There is {', '.join(sorted(known))}.",
            where=where,
        )


def dump_case_templates(templates: CaseTemplates) -> bytes:
    return json.dumps(asdict(templates)).encode()


def load_case_templates(content: bytes) -> CaseTemplates:
    try:
        return CaseTemplates(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "The stored case templates cannot be read.", hint="Run `copilot ingest` again."
        ) from error
