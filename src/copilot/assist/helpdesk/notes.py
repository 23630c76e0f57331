"""What a private note in a helpdesk says: the draft as far as it is supported, and what it rests on."""

from copilot.domain.assist import Sentence, Suggestion, Support
from copilot.domain.knowledge import Audience

_MOST_SOURCES = 5


def draft_note(suggestion: Suggestion) -> str | None:
    """The note for a draft; None when nothing in it is supported."""
    text = insertable_text(suggestion)
    if not text:
        return None
    parts = ["Suggested reply:", text]
    if sources := _sources(suggestion.sentences):
        parts.append("It rests on: " + "; ".join(sources))
    return "\n\n".join([*parts, _signature(suggestion.id)])


def reason_note(reason: str, mark: str) -> str:
    """The note that says why there is no draft."""
    return "\n\n".join([f"No suggested reply: {reason}", _signature(mark)])


def insertable_text(suggestion: Suggestion) -> str:
    """The draft without its unsupported sentences, which nobody may send as they stand."""
    text, start = suggestion.text, 0
    kept: list[str] = []
    for sentence in suggestion.sentences:
        at = text.find(sentence.text, start)
        if at < 0:  # not as its sentences say: only they are known to be supported
            supported = [s.text for s in suggestion.sentences if s.support is not Support.UNSUPPORTED]
            return " ".join(supported).strip()
        kept.append(text[start:at])
        if sentence.support is not Support.UNSUPPORTED:
            kept.append(sentence.text)
        start = at + len(sentence.text)
    lines = ("".join(kept) + text[start:]).split("\n")
    return "\n".join(" ".join(line.split(" ")).rstrip() for line in lines).strip()


def _sources(sentences: tuple[Sentence, ...]) -> list[str]:
    """Titles and clauses, each once; internal documents are named as such."""
    found: dict[str, None] = {}
    for citation in (citation for sentence in sentences for citation in sentence.citations):
        clause = f" §{citation.clause}" if citation.clause else ""
        internal = " (internal)" if citation.audience is Audience.INTERNAL else ""
        found[f"{citation.title}{clause}{internal}"] = None
    return list(found)[:_MOST_SOURCES]


def _signature(mark: str) -> str:
    """By which it is recognised when somebody asks whether it was written."""
    return f"Copilot {mark}"
