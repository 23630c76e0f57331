"""Drafts with any chat model; what comes back is believed only as far as it can be checked."""

import json
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from pydantic import Field, ValidationError

from copilot.assist.drafting.prompting import LlmLimits, Prompt, Prompting
from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.grounding import Evidence, Grounder, quote_is_verbatim
from copilot.assist.masking import masker_for
from copilot.assist.quoting import cite
from copilot.assist.redaction import Masker
from copilot.domain.assist import Drafter, Sentence
from copilot.domain.drafting import DraftPiece, DraftRequest
from copilot.domain.errors import InvalidDraft
from copilot.domain.knowledge import ScoredPassage
from copilot.domain.value import Value
from copilot.ports import ChatModel, PersonalDataFinder, TokenCounter
from copilot.prompts import OUR_PROMPTS, Prompts
from copilot.retrieval.sentences import split_sentences

_MARK = re.compile(r"\s*\[(\d{1,2})\]")
_PARTIAL_MARK = re.compile(r"\s*(?:\[\d{0,2})?$")
_NO_ANSWER = "NO_ANSWER"
_MAX_REPLY_CHARACTERS = 2_000


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
        prompts: Prompts = OUR_PROMPTS,
        finder: PersonalDataFinder | None = None,
    ) -> None:
        self._model = model
        self._finder = finder
        self._grounder = grounder
        self._style = style
        self._limits = limits or LlmLimits()
        self._prompting = Prompting(counter, style, self._limits, prompts)

    async def draft(self, request: DraftRequest) -> AsyncGenerator[DraftPiece]:
        """Prose arrives as it is written, its sentences marked at the end; a structured draft at once."""
        masker = await masker_for(
            self._finder,
            [request.hint],
            names=_names(request),
            turns=request.conversation.turns[-self._limits.turns :],
            public=_public(request),
        )
        prompt = self._prompting.build(request, masker)
        if not prompt.passages and not prompt.facts:
            return
        pieces = self._prose if self._style is DraftStyle.PROSE else self._structured
        async for piece in pieces(prompt, request, masker):
            yield piece

    async def _structured(
        self, prompt: Prompt, request: DraftRequest, masker: Masker
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
        self, prompt: Prompt, request: DraftRequest, masker: Masker
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
        self, raw: str, prompt: Prompt, request: DraftRequest, masker: Masker
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

    def _stream(self, prompt: Prompt, json_schema: dict[str, Any] | None = None) -> AsyncGenerator[str]:
        return self._model.stream(prompt.messages, max_tokens=self._limits.reply, json_schema=json_schema)


def _public(request: DraftRequest) -> list[str]:
    """What the model is told of the shop anyway: its clauses, and its goods."""
    passages = [scored.passage.text for scored in request.knowledge]
    return [*passages, *(str(v) for n, v in request.facts.items() if not n.startswith("customer."))]


def _names(request: DraftRequest) -> dict[str, str]:
    last = request.facts.get("customer.last_name")
    return {str(last): "NAME"} if last else {}


def _fact_evidence(prompt: Prompt, request: DraftRequest, masker: Masker) -> list[Evidence]:
    calls = tuple(dict.fromkeys(c for ids in request.sources.values() for c in ids))
    if not prompt.facts or not calls:
        return []
    return [Evidence(text=masker.unmask(prompt.facts).replace("\n", ". "), sources=calls)]


def _parse(text: str) -> _Reply:
    try:
        return _Reply.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise InvalidDraft("The model's answer is not the JSON that was asked for.") from error


def _evidence_for(quote: _Quote, prompt: Prompt, masker: Masker) -> list[Evidence]:
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
