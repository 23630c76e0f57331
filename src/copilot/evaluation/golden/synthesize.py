"""Questions made from a knowledge base, each with the passage that answers it, to begin a tenant's set with.

Without a language model a question is made from a passage's heading and from what its best sentence tells (a
time, an amount, a way to do something), in words of its own: a question in the passage's words would only
test keywords.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from copilot.domain.errors import DependencyUnavailable
from copilot.domain.knowledge import Audience, BlockKind, ParsedDocument, Refusal
from copilot.domain.words import content_words, stem
from copilot.evaluation.golden.candidates import CandidateCase, CaseKind, case_id
from copilot.ports import ChatModel, DocumentSource
from copilot.prompts import render

_MOST_SHARED = 0.6
"""Of a question's content words, that its quote may have too."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"])")
_LEAST_WORDS, _MOST_WORDS = 6, 40
_TIME = re.compile(
    r"\b(?:\d+|two|three|five|seven|ten)\s*(?:[–-]\s*\d+\s*)?(?:business |working )?"
    r"(?:day|week|month|year|hour)s?\b",
    re.IGNORECASE,
)
_MONEY = re.compile(r"[$€£]\s?\d|\b\d+\s?(?:%|percent|dollars)")
_MUST_NOT = re.compile(r"\b(?:cannot|can['’]t|must not|never|do not|don['’]t|not)\b", re.IGNORECASE)
_VERBS = (
    "add|apply|ask|begin|change|check|choose|clean|close|contact|delete|find|fix|get|make|open|order|pay|put|redeem|"
    "replace|report|request|reset|return|send|set up|start|track|update|use|wash|write"
)
_HOW = re.compile(rf"^(?:how to |to )?(?P<do>(?:{_VERBS})\b.*)", re.IGNORECASE)
_ASKS = re.compile(r"(?:what|when|where|who|why|how|which|can|do|does|is|are)\b", re.IGNORECASE)
_PLAINER = {
    "cancellation": "calling off an order",
    "defective": "broken",
    "delivery": "getting my parcel",
    "exchange": "swapping something",
    "payment": "paying",
    "refund": "getting money back",
    "refunds": "getting money back",
    "return": "sending something back",
    "returns": "sending things back",
    "shipping": "sending a parcel",
    "warranty": "a thing that breaks later",
}
_MOST_TOKENS = 60


class AsksAbout(Protocol):
    """Makes the question that a sentence answers; None when it cannot."""

    async def ask(self, title: str, heading: str, sentence: str) -> str | None: ...


class TemplateAsker:
    """Without a model."""

    async def ask(self, title: str, heading: str, sentence: str) -> str | None:
        topic = plainer(heading or title)
        for question in _attempts(topic, title, sentence):
            if shared(question, sentence) <= _MOST_SHARED:
                return question
        return None


class ModelAsker:
    """A language model; where its question copies the passage, the templates' stands in."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._templates = TemplateAsker()

    async def ask(self, title: str, heading: str, sentence: str) -> str | None:
        prompt = render("synthetic_question", passage=f"{title}. {heading}\n{sentence}")
        try:
            pieces = [
                piece
                async for piece in self._model.stream(
                    [{"role": "user", "content": prompt}], max_tokens=_MOST_TOKENS
                )
            ]
        except DependencyUnavailable:
            return await self._templates.ask(title, heading, sentence)
        question = " ".join("".join(pieces).split()).strip('"')
        if question.endswith("?") and shared(question, sentence) <= _MOST_SHARED:
            return question
        return await self._templates.ask(title, heading, sentence)


async def synthesized(
    source: DocumentSource, asker: AsksAbout, refused: list[Refusal]
) -> AsyncIterator[CandidateCase]:
    """One for each passage of public articles that tells something; what cannot be read goes to `refused`."""
    for file in source.read():
        if file.refusal is not None:
            refused.append(file.refusal)
        for document in file.documents:
            if document.audience is Audience.PUBLIC and document.superseded_by is None:
                async for case in _of_document(document, asker):
                    yield case


async def _of_document(document: ParsedDocument, asker: AsksAbout) -> AsyncIterator[CandidateCase]:
    asked: set[str] = set()
    for heading, sentence in _telling(document):
        question = await asker.ask(document.title, heading, sentence)
        if question is None or question in asked:
            continue
        asked.add(question)
        kind = CaseKind.RETRIEVAL
        yield CandidateCase(
            id=case_id(kind, document.external_id, sentence),
            kind=kind,
            question=question,
            document=document.external_id,
            quote=sentence,
            origin=document.source,
        )


def _telling(document: ParsedDocument) -> Iterator[tuple[str, str]]:
    """Of each part under a heading, the sentence that says most: a time or an amount before anything else."""
    parts: dict[tuple[str, ...], list[str]] = {}
    for block in document.blocks:
        if block.kind in {BlockKind.PARAGRAPH, BlockKind.LIST}:
            text = document.text[block.start : block.end]
            parts.setdefault(block.heading_path, []).extend(_SENTENCE.split(text.strip()))
    for path, sentences in parts.items():
        fitting = [s for s in sentences if _LEAST_WORDS <= len(s.split()) <= _MOST_WORDS and "\n" not in s]
        if fitting:
            heading = path[-1] if path else ""
            yield (
                heading,
                max(fitting, key=lambda s: (bool(_TIME.search(s)) + bool(_MONEY.search(s)), len(s))),
            )


def _attempts(topic: str, title: str, sentence: str) -> Iterator[str]:
    """From the most telling to the plainest."""
    if topic.endswith("?") or _ASKS.match(topic):
        yield f"{mine(topic[:1].upper() + topic[1:])}?"
    elif topic.casefold().startswith("if "):
        yield f"What {mine(topic)}?"
    if (found := _HOW.match(topic)) is not None:
        yield f"What do I have to do to {mine(found['do'])}?"
    about = topic if topic.casefold() not in {"overview", "introduction", "notes"} else plainer(title)
    if _TIME.search(sentence):
        yield f"How much time is there, when it's about {mine(about)}?"
    if _MONEY.search(sentence):
        yield f"What would it cost me, when it's about {mine(about)}?"
    if _MUST_NOT.search(sentence):
        yield f"Anything that isn't possible, when it's about {mine(about)}?"
    yield f"What should I know about {mine(about)}?"
    yield f"I have a question about {mine(plainer(title))}, can you help?"


def plainer(text: str) -> str:
    """A heading as a customer would say it: no numbers of clauses, everyday words."""
    bare = re.sub(r"^[\d.§\s]+", "", text).strip().rstrip(":.")
    words = [_PLAINER.get(word.casefold(), word) for word in bare.split()]
    said = " ".join(words)
    return said[:1].lower() + said[1:] if not said[:2].isupper() else said


def mine(text: str) -> str:
    return re.sub(r"\byour\b", "my", text, flags=re.IGNORECASE).rstrip("?")


def shared(question: str, sentence: str) -> float:
    """The share of the question's content words that the sentence has too."""
    asked = {stem(word) for word in content_words(question)}
    return len(asked & {stem(word) for word in content_words(sentence)}) / len(asked) if asked else 1.0
