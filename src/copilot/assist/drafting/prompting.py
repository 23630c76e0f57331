"""The prompt for a draft: what never changes first, then the case, in no more tokens than are allowed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.quoting import may_be_quoted, without_losers
from copilot.assist.redaction import Masker
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.drafting import DraftRequest
from copilot.domain.errors import ConfigurationError
from copilot.domain.knowledge import ScoredPassage
from copilot.ports import TokenCounter
from copilot.prompts import OUR_PROMPTS, Prompts

_SEPARATOR = "=====\n"
_TOLD_FACTS = ("order.", "item.", "customer.first_name", "customer.loyalty_tier", "policy.", "today")
_HIDDEN_FACTS = ("_id", "_ids", "_minor", "order.found")
_ENVELOPE = 16
"""Tokens that a chat template puts around two messages."""
_TURNS, _FACTS, _HINT, _GUIDANCE = 0.4, 0.2, 0.1, 0.1
"""The most that each may have of what the stable part leaves; passages get the rest."""
_LEFT_OUT = " … "


@dataclass(frozen=True)
class LlmLimits:
    """In tokens of the counter, except `turns`."""

    prompt: int = 3_000
    reply: int = 400
    turns: int = 8


@dataclass(frozen=True)
class Prompt:
    """Two messages, and what of the request went into them; passage n is cited as [n]."""

    messages: tuple[dict[str, str], dict[str, str]]
    passages: tuple[ScoredPassage, ...]
    facts: str


@dataclass
class _Parts:
    turns: list[str]
    facts: str
    hint: str
    guidance: str
    passages: list[ScoredPassage]


class Prompting:
    """Fills the draft's prompt within a budget."""

    def __init__(
        self,
        counter: TokenCounter,
        style: DraftStyle,
        limits: LlmLimits,
        prompts: Prompts = OUR_PROMPTS,
    ) -> None:
        self._counter = counter
        self._style = style
        self._limits = limits
        self._prompts = prompts

    def build(self, request: DraftRequest, masker: Masker) -> Prompt:
        """The stable part is the system message: equal for all of a tenant's drafts, so that it is cached.

        The oldest turns go first, beyond their share; then passages, the least valuable for its tokens
        before others. `ConfigurationError` when not even the rules fit.
        """
        parts = self._within_shares(request, masker)
        while True:
            stable, changing = self._rendered(request, parts)
            excess = self._tokens(stable + changing) + _ENVELOPE - self._limits.prompt
            if excess <= 0:
                break
            if parts.passages:
                parts.passages.remove(min(parts.passages, key=_value_per_token))
            elif not self._shortened(parts):
                raise ConfigurationError(
                    f"A prompt of {self._limits.prompt} tokens does not hold the rules of a draft.",
                    hint="Raise COPILOT_LLM_PROMPT_TOKENS.",
                )
        return Prompt(
            messages=({"role": "system", "content": stable}, {"role": "user", "content": changing}),
            passages=tuple(parts.passages),
            facts=parts.facts,
        )

    def _within_shares(self, request: DraftRequest, masker: Masker) -> _Parts:
        stable, _ = self._rendered(request, _Parts([], "", "", "", []))
        room = max(0, self._limits.prompt - _ENVELOPE - self._tokens(stable))
        told = [f"{_speaker(t)}: {masker.mask(t.text)}" for t in request.conversation.turns]
        return _Parts(
            turns=self._latest(told[-self._limits.turns :], int(room * _TURNS)),
            facts=self._whole_lines(masker.mask(_facts(request)), int(room * _FACTS)),
            hint=self._trimmed(masker.mask(request.hint), int(room * _HINT)),
            guidance=self._trimmed(
                request.playbook.description if request.playbook else "", int(room * _GUIDANCE)
            ),
            passages=_quotable(request),
        )

    def _latest(self, turns: Sequence[str], room: int) -> list[str]:
        """As many of the last turns as there is room for; of the very last at least a part."""
        kept: list[str] = []
        for turn in reversed(turns):
            tokens = self._tokens(turn)
            if tokens > room:
                if not kept:
                    kept.append(self._trimmed(turn, room))
                break
            kept.append(turn)
            room -= tokens
        return kept[::-1]

    def _whole_lines(self, text: str, room: int) -> str:
        """Half a fact would be a wrong one."""
        lines = text.splitlines()
        while lines and self._tokens("\n".join(lines)) > room:
            lines.pop()
        return "\n".join(lines)

    def _trimmed(self, text: str, room: int) -> str:
        """Its beginning and its end, if it is too long: the question stands in either."""
        if self._tokens(text) <= room:
            return text
        kept = _most(len(text) // 2, lambda half: self._tokens(_ends(text, half)) <= room)
        return _ends(text, kept) if kept else ""

    def _shortened(self, parts: _Parts) -> bool:
        """Takes more away; whether there was anything left to take."""
        if len(parts.turns) > 1:
            parts.turns.pop(0)
        elif parts.guidance:
            parts.guidance = ""
        elif parts.facts:
            parts.facts = "\n".join(parts.facts.splitlines()[:-1])
        elif parts.hint:
            parts.hint = self._trimmed(parts.hint, self._tokens(parts.hint) // 2)
        elif parts.turns and parts.turns[0]:
            parts.turns[0] = self._trimmed(parts.turns[0], self._tokens(parts.turns[0]) // 2)
        else:
            return False
        return True

    def _rendered(self, request: DraftRequest, parts: _Parts) -> tuple[str, str]:
        text = self._prompts.render(
            "draft_reply",
            company=request.company,
            structured=self._style is DraftStyle.STRUCTURED,
            turns=parts.turns,
            facts=parts.facts,
            passages=[s.passage.text for s in parts.passages],
            guidance=parts.guidance,
            hint=parts.hint,
        )
        stable, _, changing = text.partition(_SEPARATOR)
        return stable, changing

    def _tokens(self, text: str) -> int:
        return self._counter.count(text)


def _quotable(request: DraftRequest) -> list[ScoredPassage]:
    if not request.answerable:
        return []
    return [s for s in without_losers(request.knowledge) if may_be_quoted(s, request.as_of, request.today)]


def _value_per_token(scored: ScoredPassage) -> float:
    return (scored.confidence + 0.01) / max(1, scored.passage.token_count)


def _speaker(turn: Turn) -> str:
    return "Customer" if turn.speaker is Speaker.CUSTOMER else "Representative"


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


def _ends(text: str, half: int) -> str:
    return f"{text[:half]}{_LEFT_OUT}{text[-half:]}"


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The greatest number up to `limit` that fits, by halving; 0 when none does."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
