"""Lets a language model say a summary better; what no turn or receipt supports is dropped."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field

from copilot.assist.contradiction import negates
from copilot.assist.details import foreign_details
from copilot.assist.masking import masker_for
from copilot.assist.redaction import Masker
from copilot.assist.structured import ask_structured
from copilot.assist.summary import outcomes
from copilot.assist.words import content_words
from copilot.domain.actions import Action
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.errors import CopilotError
from copilot.domain.value import Value
from copilot.domain.wrap_up import Statement, Summary
from copilot.ports import ChatModel, PersonalDataFinder
from copilot.prompts import OUR_PROMPTS, Prompts

_SEPARATOR = "\n=====\n"
_TURNS = 40
_MAX_TOKENS = 800
_LINES = 8
_ENOUGH_SHARED = 0.5
_GROUPS = ("reported", "tried", "facts", "promises", "open_questions")


class _Line(Value):
    text: str = Field(min_length=1, max_length=300)
    sources: tuple[int, ...] = Field(min_length=1, max_length=4)


class _Refined(Value):
    issue: _Line | None = None
    reported: tuple[_Line, ...] = Field(default=(), max_length=_LINES)
    tried: tuple[_Line, ...] = Field(default=(), max_length=_LINES)
    facts: tuple[_Line, ...] = Field(default=(), max_length=_LINES)
    promises: tuple[_Line, ...] = Field(default=(), max_length=_LINES)
    open_questions: tuple[_Line, ...] = Field(default=(), max_length=_LINES)


@dataclass(frozen=True)
class _Source:
    """A turn or a receipt, as the model may name it by its number."""

    shown: str
    text: str
    turn_id: str | None = None
    receipts: tuple[str, ...] = ()


class SummaryRefiner:
    """For the moments that can wait some seconds: hand-over and wrap-up."""

    def __init__(
        self, model: ChatModel, prompts: Prompts = OUR_PROMPTS, finder: PersonalDataFinder | None = None
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._finder = finder

    async def refine(
        self, summary: Summary, conversation: Conversation, actions: Sequence[Action]
    ) -> Summary:
        """`summary` itself where the model fails, answers out of form twice, or nothing it says holds."""
        sources = list(_sources(summary, conversation, actions))
        turns = conversation.turns[-_TURNS:]
        try:
            masker = await masker_for(self._finder, [s.shown for s in sources], turns=turns)
        except CopilotError:
            return summary
        text = self._prompts.render("refine_summary", sources=[masker.mask(s.shown) for s in sources])
        stable, changing = text.split(_SEPARATOR, 1)
        messages = [{"role": "system", "content": stable}, {"role": "user", "content": changing}]
        try:
            refined = await ask_structured(self._model, messages, _Refined, max_tokens=_MAX_TOKENS)
        except CopilotError:
            return summary
        return _merged(summary, refined, sources, masker)


def _sources(summary: Summary, conversation: Conversation, actions: Sequence[Action]) -> Iterator[_Source]:
    for turn in conversation.turns[-_TURNS:]:
        who = "Customer" if turn.speaker is Speaker.CUSTOMER else "Representative"
        yield _Source(f"{who}: {turn.text}", turn.text, turn_id=turn.id)
    for fact in (*summary.facts, *outcomes(actions)):
        if fact.sources:
            yield _Source(f"Receipt: {fact.text}", fact.text, receipts=fact.sources)


def _merged(summary: Summary, refined: _Refined, sources: Sequence[_Source], masker: Masker) -> Summary:
    """Group by group: the model's lines that hold, else ours."""
    changes: dict[str, object] = {}
    for group in _GROUPS:
        lines: tuple[_Line, ...] = getattr(refined, group)
        held = [s for line in lines if (s := supported(line.text, line.sources, sources, masker))]
        if held:
            changes[group] = tuple(held)
    if refined.issue is not None:
        issue = supported(refined.issue.text, refined.issue.sources, sources, masker)
        changes |= {"issue": issue} if issue is not None else {}
    return summary.model_copy(update=changes)


def supported(
    text: str, numbers: Sequence[int], sources: Sequence[_Source], masker: Masker
) -> Statement | None:
    """The line with its links, if its numbers and names stand in them and they share most of its words."""
    named = [sources[n - 1] for n in numbers if 1 <= n <= len(sources)]
    said = re.sub(r"\s+", " ", masker.unmask(text)).strip()
    words, ground = content_words(said), " ".join(s.text for s in named)
    if not named or not words or foreign_details(_as_sentence(said), ground):
        return None
    shared = len(words & content_words(ground)) / len(words)
    if shared < _ENOUGH_SHARED or negates(said, ground):
        return None
    return Statement(
        text=said,
        turn_ids=tuple(dict.fromkeys(s.turn_id for s in named if s.turn_id is not None)),
        sources=tuple(dict.fromkeys(r for s in named for r in s.receipts)),
    )


def _as_sentence(text: str) -> str:
    """Without the words that only say who is meant: they are no names."""
    return re.sub(r"\b(?:The )?(?:Customer|Representative)\b", "", text)
