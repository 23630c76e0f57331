"""Drafts with any chat model; what comes back is believed only as far as it can be checked."""

import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from copilot.assist.grounding import Evidence, Grounder, quote_is_verbatim
from copilot.assist.quoting import cite, may_be_quoted, without_losers
from copilot.assist.redaction import Masker
from copilot.domain.assist import Drafter, Sentence
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.drafting import DraftPiece, DraftRequest
from copilot.domain.errors import InvalidDraft
from copilot.domain.knowledge import ScoredPassage
from copilot.domain.value import Value
from copilot.ports import ChatModel, TokenCounter
from copilot.prompts import render
from copilot.retrieval.sentences import split_sentences

_SEPARATOR = "=====\n"
_MARK = re.compile(r"\s*\[(\d{1,2})\]")
_PARTIAL_MARK = re.compile(r"\s*(?:\[\d{0,2})?$")
_NO_ANSWER = "NO_ANSWER"
_MAX_REPLY_CHARACTERS = 2_000
_TOLD_FACTS = ("order.", "item.", "customer.first_name", "customer.loyalty_tier", "policy.", "today")
_HIDDEN_FACTS = ("_id", "_ids", "_minor", "order.found")


class DraftStyle(StrEnum):
    """STRUCTURED asks for evidence and reply as JSON (small models), PROSE for text with [n] marks."""

    STRUCTURED = "structured"
    PROSE = "prose"


@dataclass(frozen=True)
class LlmLimits:
    """In tokens of the counter."""

    prompt: int = 3_000
    reply: int = 400
    turns: int = 8


class _Quote(Value):
    passage: int
    quote: str = Field(max_length=1_000)


class _Reply(Value):
    evidence: tuple[_Quote, ...] = Field(max_length=8)
    reply: str = Field(max_length=_MAX_REPLY_CHARACTERS)


REPLY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["evidence", "reply"],
    "properties": {
        "evidence": {
            "type": "array",
            "maxItems": 4,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["passage", "quote"],
                "properties": {"passage": {"type": "integer"}, "quote": {"type": "string"}},
            },
        },
        "reply": {"type": "string"},
    },
}


@dataclass(frozen=True)
class _Prompt:
    messages: list[dict[str, str]]
    passages: tuple[ScoredPassage, ...]
    facts: str


class LlmDrafter:
    """Personal data is masked before it leaves and put back into the draft."""

    kind = Drafter.LLM

    def __init__(
        self,
        model: ChatModel,
        grounder: Grounder,
        counter: TokenCounter,
        *,
        style: DraftStyle = DraftStyle.STRUCTURED,
        limits: LlmLimits | None = None,
    ) -> None:
        self._model = model
        self._grounder = grounder
        self._counter = counter
        self._style = style
        self._limits = limits or LlmLimits()

    async def draft(self, request: DraftRequest) -> AsyncGenerator[DraftPiece]:
        """Prose arrives as it is written, its sentences marked at the end; a structured draft at once."""
        masker = Masker(_names(request))
        prompt = self._prompt(request, masker)
        if not prompt.passages and not prompt.facts:
            return
        pieces = self._prose if self._style is DraftStyle.PROSE else self._structured
        async for piece in pieces(prompt, request, masker):
            yield piece

    async def _structured(
        self, prompt: _Prompt, request: DraftRequest, masker: Masker
    ) -> AsyncGenerator[DraftPiece]:
        text = ""
        async for part in self._stream(prompt, json_schema=REPLY_SCHEMA):
            text += part
        reply = _parse(text)
        sentences = _sentences(masker.unmask(reply.reply))
        evidence = [e for q in reply.evidence for e in _evidence_for(q, prompt, masker)]
        evidence += _fact_evidence(prompt, request, masker)
        for position, sentence in enumerate(await self._grounder.ground(sentences, evidence)):
            yield DraftPiece(text=(" " if position else "") + sentence.text, sentence=sentence)

    async def _prose(
        self, prompt: _Prompt, request: DraftRequest, masker: Masker
    ) -> AsyncGenerator[DraftPiece]:
        raw, shown = "", 0
        async for part in self._stream(prompt):
            raw += part
            if len(raw) > _MAX_REPLY_CHARACTERS:
                raise InvalidDraft("The model's reply does not end.")
            visible = _visible(raw)
            if not _NO_ANSWER.startswith(visible.strip()[: len(_NO_ANSWER)]) and len(visible) > shown:
                yield DraftPiece(text=masker.unmask(visible[shown:]))
                shown = len(visible)
        if raw.strip().startswith(_NO_ANSWER):
            return
        for sentence in await self._ground_prose(raw, prompt, request, masker):
            yield DraftPiece(sentence=sentence)

    async def _ground_prose(
        self, raw: str, prompt: _Prompt, request: DraftRequest, masker: Masker
    ) -> list[Sentence]:
        grounded: list[Sentence] = []
        for text, marks in _marked_sentences(raw):
            evidence = [
                e
                for mark in marks
                if 1 <= mark <= len(prompt.passages)
                for e in _whole_passage(prompt.passages[mark - 1])
            ]
            if 0 in marks:
                evidence += _fact_evidence(prompt, request, masker)
            grounded += await self._grounder.ground([masker.unmask(text)], evidence)
        return grounded

    def _stream(self, prompt: _Prompt, json_schema: dict[str, Any] | None = None) -> AsyncGenerator[str]:
        return self._model.stream(prompt.messages, max_tokens=self._limits.reply, json_schema=json_schema)

    def _prompt(self, request: DraftRequest, masker: Masker) -> _Prompt:
        """The stable part as system message, then what changes; passages dropped until all of it fits."""
        facts = masker.mask(_facts(request))
        turns = [
            f"{_speaker(t)}: {masker.mask(t.text)[:2_000]}"
            for t in request.conversation.turns[-self._limits.turns :]
        ]
        passages = (
            [s for s in without_losers(request.knowledge) if may_be_quoted(s, request.as_of, request.today)]
            if request.answerable
            else []
        )
        while True:
            text = render(
                "draft_reply",
                company=request.company,
                structured=self._style is DraftStyle.STRUCTURED,
                turns=turns,
                facts=facts,
                passages=[s.passage.text for s in passages],
                guidance=request.playbook.description if request.playbook else "",
                hint=request.hint,
            )
            if self._counter.count(text) <= self._limits.prompt or not (passages or len(turns) > 1):
                break
            if passages:
                passages.remove(min(passages, key=self._value_per_token))
            else:
                turns = turns[1:]
        stable, changing = text.split(_SEPARATOR, 1)
        return _Prompt(
            messages=[{"role": "system", "content": stable}, {"role": "user", "content": changing}],
            passages=tuple(passages),
            facts=facts,
        )

    def _value_per_token(self, scored: ScoredPassage) -> float:
        return (scored.confidence + 0.01) / max(1, scored.passage.token_count)


def _speaker(turn: Turn) -> str:
    return "Customer" if turn.speaker is Speaker.CUSTOMER else "Representative"


def _names(request: DraftRequest) -> dict[str, str]:
    last = request.facts.get("customer.last_name")
    return {str(last): "NAME"} if last else {}


def _facts(request: DraftRequest) -> str:
    """Facts that may be told to the customer, one a line; ids and internal numbers stay inside."""
    lines = []
    for name, value in request.facts.items():
        if not name.startswith(_TOLD_FACTS) or (name.endswith(_HIDDEN_FACTS) and name != "order.id"):
            continue
        if name.split(".")[0] not in request.sources and name != "today":
            continue
        lines.append(f"{name.replace('.', ' ').replace('_', ' ')}: {value}")
    return "\n".join(lines) if len(lines) > 1 else ""


def _fact_evidence(prompt: _Prompt, request: DraftRequest, masker: Masker) -> list[Evidence]:
    calls = tuple(dict.fromkeys(c for ids in request.sources.values() for c in ids))
    if not prompt.facts or not calls:
        return []
    return [Evidence(text=masker.unmask(prompt.facts).replace("\n", ". "), sources=calls)]


def _parse(text: str) -> _Reply:
    try:
        return _Reply.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise InvalidDraft("The model's answer is not the JSON that was asked for.") from error


def _evidence_for(quote: _Quote, prompt: _Prompt, masker: Masker) -> list[Evidence]:
    """Only a quote that stands verbatim in the passage it names is evidence."""
    if not 1 <= quote.passage <= len(prompt.passages):
        return []
    scored = prompt.passages[quote.passage - 1]
    span = quote_is_verbatim(scored, masker.unmask(quote.quote))
    if span is None:
        return []
    return [
        Evidence(text=citation.quote, citation=citation)
        for start, end in _whole_sentences(scored, span)
        if (citation := cite(scored, start, end))
    ]


def _whole_sentences(scored: ScoredPassage, span: tuple[int, int]) -> list[tuple[int, int]]:
    """A quote is shown with the sentences it was cut from, so that a "not" before it is not lost."""
    touched = [(a, b) for a, b in split_sentences(scored.passage.text) if a < span[1] and b > span[0]]
    return [(touched[0][0], touched[-1][1])] if touched else [span]


def _whole_passage(scored: ScoredPassage) -> list[Evidence]:
    return [
        Evidence(text=citation.quote, citation=citation)
        for start, end in split_sentences(scored.passage.text)
        if (citation := cite(scored, start, end))
    ]


def _sentences(text: str) -> list[str]:
    return [text[a:b] for a, b in split_sentences(text.strip())]


def _visible(raw: str) -> str:
    """What may be shown of unfinished prose: citation marks out, an unfinished mark held back."""
    return _PARTIAL_MARK.sub("", _MARK.sub("", raw))


def _marked_sentences(raw: str) -> list[tuple[str, list[int]]]:
    """Sentences without their marks; marks after the full stop belong to the sentence before."""
    moved = re.sub(r"([.!?])((?:\s*\[\d{1,2}\])+)", r"\2\1", raw.strip())
    found: Sequence[str] = _sentences(moved)
    return [(_MARK.sub("", s).strip(), [int(m) for m in _MARK.findall(s)]) for s in found]
