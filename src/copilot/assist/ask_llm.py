"""Answers with a model that may call tools, believed only as far as tools and passages say the same."""

import re
from collections.abc import Sequence

from copilot.assist.ask import cards
from copilot.assist.ask_desk import AskDesk
from copilot.assist.grounding import Evidence, Grounder
from copilot.assist.masking import names_in
from copilot.assist.quoting import cite
from copilot.domain.asking import AnswerDraft, AskRequest, LoopPrompt
from copilot.domain.assist import Drafter, Sentence, Support
from copilot.domain.conversation import Speaker
from copilot.ports import AskLoop, Clock, PersonalDataFinder
from copilot.prompts import OUR_PROMPTS, Prompts
from copilot.retrieval.sentences import split_sentences
from copilot.tools.facts import describe_date, order_facts

_SEPARATOR = "=====\n"
_TURNS, _TURN_CHARACTERS, _ANSWER_CHARACTERS = 10, 1_500, 3_000
_FORMATTING = re.compile(
    r"[*`]|^\s*(?:#+|[-•]|\d+[.)])\s+|!?\[([^\]]*)\]\([^)]*\)|https?://\S+", re.MULTILINE
)
_UNKNOWN = re.compile(r"\bI (?:do not|don't) know\b", re.IGNORECASE)


class LlmAnswerer:
    """Personal data is masked before it leaves and put back into the answer."""

    def __init__(
        self,
        loop: AskLoop,
        grounder: Grounder,
        clock: Clock,
        prompts: Prompts = OUR_PROMPTS,
        finder: PersonalDataFinder | None = None,
    ) -> None:
        self._finder = finder
        self._loop = loop
        self._grounder = grounder
        self._clock = clock
        self._prompts = prompts

    async def answer(self, request: AskRequest, desk: AskDesk) -> AnswerDraft:
        """Raises `DependencyUnavailable` or `InvalidDraft` as the loop does."""
        turns = request.conversation.turns[-_TURNS:]
        desk.masker.add_names(await names_in(self._finder, [request.question, request.hint], turns=turns))
        said = await self._loop.run(_prompt(self._prompts, request, desk), desk)
        text = desk.masker.unmask(_plain(said.text))[:_ANSWER_CHARACTERS]
        sentences: tuple[Sentence, ...] = ()
        if text and not _UNKNOWN.search(text):
            texts = [text[a:b] for a, b in split_sentences(text)]
            sentences = await self._grounder.ground(texts, self._evidence(desk))
        return AnswerDraft(
            answered=any(s.support in {Support.SUPPORTED, Support.FACT} for s in sentences),
            drafter=Drafter.LLM,
            sentences=sentences,
            decision=desk.decisions[-1][1] if desk.decisions else None,
            knowledge=cards(desk, request.question),
            stopped=said.stopped,
        )

    def _evidence(self, desk: AskDesk) -> list[Evidence]:
        """Sentences of the passages found, what look-ups said in words, and what policy decided."""
        quotes = [
            Evidence(text=citation.quote, citation=citation)
            for scored in desk.passages.values()
            for start, end in split_sentences(scored.passage.text)
            if (citation := cite(scored, start, end))
        ]
        return [*self._facts(desk), *_decisions(desk), *quotes]

    def _facts(self, desk: AskDesk) -> list[Evidence]:
        found: list[Evidence] = []
        for result in desk.results:
            if not result.ok:
                continue
            calls = (result.call.id,)
            data = result.data.get("order")
            order = desk.orders.get(str(data.get("id"))) if isinstance(data, dict) else None
            if order is None and "customer" not in result.data:
                found.append(Evidence(text=_in_words(result.data), sources=calls))
                continue
            facts = order_facts(None if order else desk.customer, order, None, self._clock.now())
            lines = [f"{n.replace('.', ' ').replace('_', ' ')}: {v}" for n, v in facts.items() if _told(n)]
            items = [f"{i.name} costs {i.price}" for i in order.items] if order else []
            found += [Evidence(text=line, sources=calls) for line in (*lines, *items)]
            found.append(Evidence(text=". ".join([*lines, *items]), sources=calls))
        return found


def _prompt(prompts: Prompts, request: AskRequest, desk: AskDesk) -> LoopPrompt:
    mask = desk.masker.mask
    turns = [
        f"{'Customer' if t.speaker is Speaker.CUSTOMER else 'Representative'}: {t.text[:_TURN_CHARACTERS]}"
        for t in request.conversation.turns[-_TURNS:]
    ]
    text = prompts.render(
        "ask",
        company=request.company,
        conversation=mask("\n".join(turns)),
        today=describe_date(request.today),
        verified=request.conversation.customer_id is not None,
        question=mask(request.question),
        hint=mask(request.hint),
    )
    system, user = text.split(_SEPARATOR, 1)
    return LoopPrompt(system=system, user=user)


def _decisions(desk: AskDesk) -> list[Evidence]:
    calls = tuple(r.call.id for r in desk.results if r.ok)
    return [
        Evidence(
            text=f"{preview}: {decision.outcome.value.replace('_', ' ')}, {decision.reason}", sources=calls
        )
        for preview, decision in desk.decisions
        if calls
    ]


def _told(name: str) -> bool:
    return not name.endswith(("_id", "_ids", "_minor", ".found")) or name == "order.id"


def _in_words(data: object) -> str:
    if isinstance(data, dict):
        return ". ".join(f"{k}: {_in_words(v)}" for k, v in data.items())
    if isinstance(data, Sequence) and not isinstance(data, str):
        return ", ".join(_in_words(v) for v in data)
    return str(data)


def _plain(text: str) -> str:
    """Without Markdown, links and addresses: nothing a model writes is rendered or followed."""
    return re.sub(r"[ \t]+", " ", _FORMATTING.sub(lambda m: m.group(1) or "", text)).strip()
