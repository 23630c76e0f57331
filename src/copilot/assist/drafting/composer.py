"""Drafts without an LLM: the playbook's template, the order's facts, and sentences quoted from passages."""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from copilot.assist.collaborators import RankedSentence, SentenceRanker
from copilot.assist.grounding import contradictions
from copilot.assist.macros import missing_facts
from copilot.assist.quote_weights import QuoteWeights
from copilot.assist.quoting import cite, may_be_quoted, without_losers
from copilot.assist.words import overlap, plain, similarity
from copilot.domain.assist import Drafter, Sentence, Support
from copilot.domain.conversation import Speaker
from copilot.domain.drafting import DraftPiece, DraftRequest, separator
from copilot.domain.errors import CopilotError
from copilot.domain.macro import FoundMacro
from copilot.prompts import render_text
from copilot.tools.facts import nested

_KNOWLEDGE_LINE = re.compile(r"^\s*\{\{-?\s*knowledge\s*-?\}\}\s*$")
_FACT_NAME = re.compile(r"\b(conversation|customer|entity|order|item|policy)\.([a-z_]+)|\btoday\b")
_TEMPLATE_PART = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)
# Private-use characters: no customer types them, and no string method takes them for white space.
_KNOWLEDGE_MARK = "\ue000knowledge"
_MARK = "\ue001"
_WITHOUT_SOURCE = {"conversation", "entity", "today"}
_MAX_SENTENCES, _IN_A_LETTER = 2, 3
_FITS, _HINTED = 0.6, 0.45
"""Least score of a saved reply for a turn, and of a reply or step for a representative's hint."""
_RANKED = 6
_CLOSE_TO_BEST = 0.6
_KNOWN_MATTER = 0.65
_NEAR_DUPLICATE = 0.5


class Composer:
    """The embedded default; it never writes a sentence that no source supports."""

    kind = Drafter.COMPOSER

    def __init__(self, ranker: SentenceRanker) -> None:
        self._ranker = ranker

    async def draft(self, request: DraftRequest) -> AsyncGenerator[DraftPiece]:
        """Sentence by sentence; nothing at all when there is nothing to say."""
        said = [plain(t.text) for t in request.conversation.turns if t.speaker is Speaker.REPRESENTATIVE]
        knowledge = _new([s async for s in self._knowledge(request)], said)
        sentences = _hinted(request) if request.hint else []
        if not sentences:
            sentences = _composed(request, knowledge)
            if not _is_substantial(request, sentences, said):
                sentences = _promise(request, said)
        text = ""
        for sentence in _as_letter(request, sentences):
            piece = separator(text) + sentence.text
            text += piece
            yield DraftPiece(text=piece, sentence=sentence)

    async def _knowledge(self, request: DraftRequest) -> AsyncGenerator[Sentence]:
        """The best sentences of the passages that may be quoted, verbatim, each with its citation."""
        if not request.answerable or not request.understanding.query:
            return
        quotable = [
            s for s in without_losers(request.knowledge) if may_be_quoted(s, request.as_of, request.today)
        ]
        playbook = request.playbook
        query = f"{request.understanding.query} {request.hint}".strip()
        if playbook is not None and playbook.needs_order and not query.endswith("?"):
            # "The glass is cracked" asks what holds for the matter that it is.
            query = f"{playbook.title}. {query}"
        ranked = await self._ranker.rank(query, quotable, _RANKED)
        most = _IN_A_LETTER if request.letter is not None else _MAX_SENTENCES
        for chosen in _reading_order(worth_saying(ranked, known_matter=playbook is not None, most=most)):
            citation = cite(chosen.scored, chosen.start, chosen.end)
            if citation is None:
                continue
            sentence = Sentence(
                text=chosen.said or citation.quote, support=Support.SUPPORTED, citations=(citation,)
            )
            if not contradictions(sentence, request.knowledge):
                yield sentence


def _composed(request: DraftRequest, knowledge: list[Sentence]) -> list[Sentence]:
    chosen = _chosen_template(request)
    if chosen is not None:
        return _filled(chosen[1], request, chosen[0], knowledge)
    if not knowledge or not request.understanding.asks_something:
        return []
    lead = Sentence(text=request.lead, support=Support.TEMPLATE, sources=("lead",))
    return [lead, *knowledge] if request.lead else knowledge


def _chosen_template(request: DraftRequest) -> tuple[str, str] | None:
    """(whose it is, the text): the playbook's reply, or a saved reply that fits better."""
    template, macro = reply_template(request), _fitting_macro(request)
    if macro is not None and (template is None or macro.score > _certainty(request)):
        return macro.macro.id, macro.macro.text
    if template is not None and request.playbook is not None:
        return request.playbook.intent, template
    return None


def _fitting_macro(request: DraftRequest) -> FoundMacro | None:
    """A saved reply that says what the turn calls for and can be filled without a gap."""
    if not request.understanding.asks_something:
        return None
    fitting = (
        found
        for found in request.macros
        if found.score >= _FITS
        and found.macro.when.holds(request.facts)
        and not missing_facts(found.macro, request.facts)
    )
    return next(fitting, None)


def _certainty(request: DraftRequest) -> float:
    intent = request.understanding.intent
    return intent.confidence if intent is not None else 0.0


def _hinted(request: DraftRequest) -> list[Sentence]:
    """What the representative has in mind, in the team's own words, after the reply's opening.

    It is said by a saved reply, or by a step of the playbook; none of them fits: nothing.
    """
    found = [(f.score, f.macro.id, f.macro.text) for f in request.macros]
    if request.playbook is not None:
        found += [
            (overlap(request.hint, f"{step.title} {step.say}"), request.playbook.intent, step.say)
            for step in request.playbook.steps
            if step.say
        ]
    for score, source, text in sorted(found, key=lambda f: -f[0]):
        wanted = _filled(text, request, source, []) if score >= _HINTED else []
        if len(wanted) == len([line for line in text.splitlines() if line.strip()]):
            return [*_opening(request), *wanted]
    return []


def _opening(request: DraftRequest) -> list[Sentence]:
    """The first sentence of the playbook's reply, which meets the customer where they are."""
    template = reply_template(request)
    if template is None or request.playbook is None:
        return []
    return _filled(template, request, request.playbook.intent, [])[:1]


def _as_letter(request: DraftRequest, sentences: Sequence[Sentence]) -> list[Sentence]:
    """With greeting and closing where the channel asks for them."""
    letter = request.letter
    if letter is None or not sentences:
        return list(sentences)
    greetings = (_filled(g, request, "greeting", []) for g in letter.greetings)
    greeting = next((found[0] for found in greetings if found), None)
    closing = Sentence(text=f"\n\n{letter.closing}", support=Support.TEMPLATE, sources=("closing",))
    opened = [greeting.model_copy(update={"text": f"{greeting.text}\n\n"})] if greeting else []
    return [*opened, *sentences, closing]


def reply_template(request: DraftRequest) -> str | None:
    """The text of the playbook's first reply whose condition holds.

    Thanks and greetings are answered only by a playbook made for them, one that needs no knowledge.
    """
    if request.playbook is None:
        return None
    if not request.understanding.asks_something and request.playbook.asks_knowledge:
        return None
    for reply in request.playbook.replies:
        if reply.when.holds(request.facts):
            return reply.text
    return None


def _filled(template: str, request: DraftRequest, origin: str, knowledge: list[Sentence]) -> list[Sentence]:
    sentences: list[Sentence] = []
    for source, text in _rendered_lines(template, request):
        if text == _KNOWLEDGE_MARK:
            sentences += knowledge
        elif (sentence := _sentence(source, text, request, origin)) is not None:
            sentences.append(sentence)
    return sentences


def _rendered_lines(template: str, request: DraftRequest) -> list[tuple[str, str]]:
    """(line of the template, what became of it), without those that came out empty.

    All lines are rendered together, since an `if` may span several. When something in them is not known,
    they are rendered one by one, and those that cannot be filled are left out.
    """
    lines = [_KNOWLEDGE_MARK if _KNOWLEDGE_LINE.match(line) else line for line in template.splitlines()]
    variables = nested(request.facts)
    numbered = "\n".join(f"{line}{_MARK}{n}" for n, line in enumerate(lines))
    try:
        rendered = render_text(numbered, variables)
    except CopilotError:
        found = [(line, _try_render(line, variables)) for line in lines]
    else:
        split = [part.rpartition(_MARK) for part in rendered.split("\n")]
        found = [(lines[int(number)], text.strip()) for text, _, number in split if number.isdigit()]
    return [(source, text) for source, text in found if text]


def _try_render(line: str, variables: dict[str, Any]) -> str:
    try:
        return render_text(line, variables).strip()
    except CopilotError:
        return ""


def _sentence(source: str, text: str, request: DraftRequest, origin: str) -> Sentence | None:
    """None when it would tell a customer facts that no tool call vouches for."""
    groups = _groups_used(source)
    calls = dict.fromkeys(c for g in groups for c in request.sources.get(g, ()))
    if calls:
        return Sentence(text=text, support=Support.FACT, sources=tuple(calls))
    if groups - _WITHOUT_SOURCE:
        return None
    return Sentence(text=text, support=Support.TEMPLATE, sources=(origin,))


def _groups_used(line: str) -> set[str]:
    parts = " ".join(_TEMPLATE_PART.findall(line))
    return {match[1] or "today" for match in _FACT_NAME.finditer(parts)}


def _is_substantial(request: DraftRequest, sentences: Sequence[Sentence], said: Sequence[str]) -> bool:
    """Whether it tells something, or is the playbook's own wording, not yet said."""
    if any(s.support in {Support.SUPPORTED, Support.FACT} for s in sentences):
        return True
    chosen = _chosen_template(request)
    if chosen is None or not sentences:
        return False
    # About an order, asking for its number takes the matter further even when nothing is quoted.
    waits_for_knowledge = not (request.playbook and request.playbook.needs_order) and any(
        _KNOWLEDGE_LINE.match(line) for line in chosen[1].splitlines()
    )
    repeats = any(plain(" ".join(s.text for s in sentences)) in turn for turn in said)
    return not waits_for_knowledge and not repeats


def _promise(request: DraftRequest, said: Sequence[str]) -> list[Sentence]:
    """That we will find out: only for a question of a known kind, and only once."""
    known_kind = request.playbook is not None and request.playbook.asks_knowledge
    if not (known_kind and request.understanding.asks_something and not request.answerable):
        return []
    if request.promise and any(plain(request.promise[-1]) in turn for turn in said):
        return []
    return [Sentence(text=t, support=Support.TEMPLATE, sources=("promise",)) for t in request.promise]


def _new(sentences: Sequence[Sentence], said: Sequence[str]) -> list[Sentence]:
    return [s for s in sentences if not any(plain(s.text) in turn for turn in said)]


def worth_saying(
    ranked: Sequence[RankedSentence], *, known_matter: bool = False, most: int = _MAX_SENTENCES
) -> list[RankedSentence]:
    """The best sentence if it likely answers, and one as good that says something else.

    Where a playbook says what the reply is about, a less likely one will do.
    """
    least = QuoteWeights.load().threshold * (_KNOWN_MATTER if known_matter else 1.0)
    chosen: list[RankedSentence] = []
    for candidate in ranked:
        if candidate.score < max(least, _CLOSE_TO_BEST * ranked[0].score):
            break
        if all(_says_more(candidate, c) for c in chosen):
            chosen.append(candidate)
        if len(chosen) == most:
            break
    return chosen


def _says_more(candidate: RankedSentence, chosen: RankedSentence) -> bool:
    same_place = candidate.scored.passage.id == chosen.scored.passage.id
    overlapping = same_place and candidate.start < chosen.end and chosen.start < candidate.end
    return not overlapping and similarity(candidate.text, chosen.text) < _NEAR_DUPLICATE


def _reading_order(sentences: Sequence[RankedSentence]) -> list[RankedSentence]:
    """Best passage first; within a passage as it is written, so that "it" still has something to point at."""
    first: dict[str, int] = {}
    for sentence in sentences:
        first.setdefault(sentence.scored.passage.id, len(first))
    return sorted(sentences, key=lambda s: (first[s.scored.passage.id], s.start))
