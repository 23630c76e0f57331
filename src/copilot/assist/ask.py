"""Answers a representative's common questions without a language model, over facts, policy and knowledge.

Each kind of question is a short plan: what to look up, what to ask policy, and which sentences say the
outcome. What fits no plan is looked up in the knowledge base; what is not there either is said to be unknown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from copilot.assist.ask_desk import AskDesk
from copilot.assist.ask_offers import Offers
from copilot.assist.ask_warranty import warranty_years
from copilot.assist.collaborators import SentenceRanker
from copilot.assist.entities import find_entities, last_of
from copilot.assist.next_actions import NextActionPlanner
from copilot.assist.profile import TenantProfile
from copilot.assist.quoting import best_span, card_of, cite, without_losers
from copilot.assist.situation import Situation, gather, item_in_question
from copilot.assist.text_features import text_features
from copilot.assist.understanding import entities_of
from copilot.domain.actions import PolicyDecision, PolicyOutcome
from copilot.domain.asking import AnswerDraft, AskRequest
from copilot.domain.assist import Drafter, KnowledgeCard, OrderView, Sentence, Support
from copilot.domain.commerce import Order
from copilot.domain.playbook import Playbook
from copilot.domain.understanding import EntityKind, Intent, Sentiment, SentimentLabel, Understanding
from copilot.ports import Clock, Embedder
from copilot.tools.facts import describe_date

_LATEST_ORDERS = 3
_QUOTES, _LEAST_SCORE, _CLOSE_TO_BEST = 2, 0.42, 0.85
_LONGEST_PLANNED_QUESTION = 18
_KINDS: dict[str, re.Pattern[str]] = {
    "offer": re.compile(
        r"\b(what|which|anything|something)\b.*\b(offer|options|give|do for)\b"
        r"|\bgoodwill|\bcompensat|\bgesture\b"
    ),
    "warranty": re.compile(r"\b(under|in|within|still|have|has|covered|is)\b.*\b(warrant\w*|guarantee\w*)\b"),
    "refund": re.compile(
        r"\b(can|could|may|should|is|are|still|eligible|allowed|possible)\b.*"
        r"\b(refund\w*|money back|return\w*|send (it|this|them) back|cancel\w*)\b|\brefundable\b"
    ),
    "payment": re.compile(
        r"\b(what|how|how much|which)\b.*\b(pay|paid|charged|payment|spen[dt])\b"
        r"|\bhow much (was|were|is)\b.*\border\b"
    ),
    "delivery": re.compile(
        r"\bwhere('s| is| are| was)\b|\btrack\w*\b|\border status\b|\bstatus of\b"
        r"|\bwhen (was|is|will|did|does)\b.*\b(deliver\w*|arriv\w*|ship\w*|come|get|here)\b"
        r"|\b(has|have|was|did|is)\b.*\b(shipped|delivered|arrived?|late|on its way)\b"
    ),
}
_NOT_KNOWN = "Neither the order, the policies nor the knowledge base answers this."
_NOT_VERIFIED = "No customer is verified in this conversation, so there is no order to look at."


@dataclass(frozen=True)
class _Case:
    """What the plan has found out about the customer and the order in question."""

    situation: Situation
    calls: tuple[str, ...]
    """Of the look-ups that the facts come from."""


class PlaybookAnswerer:
    """The embedded default; it never says a sentence that no source supports."""

    def __init__(self, ranker: SentenceRanker, embedder: Embedder, clock: Clock) -> None:
        self._ranker = ranker
        self._embedder = embedder
        self._clock = clock

    def recognises(self, request: AskRequest) -> bool:
        """Whether the question is plainly of one common kind: then no model has to be asked."""
        short = len(request.question.split()) <= _LONGEST_PLANNED_QUESTION
        return short and not request.hint and len(_kinds(request.question)) == 1

    async def answer(  # noqa: PLR0911 - a case per kind of question
        self, request: AskRequest, desk: AskDesk, profile: TenantProfile, topic: Playbook | None
    ) -> AnswerDraft:
        """`topic` is the playbook of the matter that the conversation is about."""
        kinds = _kinds(f"{request.question} {request.hint}")
        if not kinds:
            return await self._from_knowledge(request, desk)
        if request.conversation.customer_id is None:
            return await self._without_customer(request, desk)
        case = await self._look_up(request, desk, profile)
        if case.situation.order is None:
            return _which_order(desk)
        match kinds[0]:
            case "offer":
                return await self._offers(request, desk, case, profile, topic)
            case "warranty":
                return await self._warranty(request, desk, case, profile)
            case "refund":
                return await self._refund(request, desk, case, profile, topic)
            case "payment":
                return _draft(_payment(case))
            case _:
                return _draft(_delivery(case))

    # ------------------------------------------------------------ looking up

    async def _look_up(self, request: AskRequest, desk: AskDesk, profile: TenantProfile) -> _Case:
        """The customer, then the order named last, else the latest ones."""
        await desk.read("get_user_details", {})
        asked = find_entities(
            request.question, turn_id="", today=request.today, vocabulary=profile.vocabulary
        )
        entities = (*entities_of(request.conversation, profile), *asked)
        named = last_of(entities, EntityKind.ORDER_ID)
        latest = desk.customer.order_ids[-_LATEST_ORDERS:] if desk.customer else ()
        for order_id in (named.value,) if named else latest:
            await desk.read("get_order_details", {"order_id": order_id})
        situation = gather(
            request.conversation,
            Understanding(
                query="", entities=entities, sentiment=Sentiment(label=SentimentLabel.NEUTRAL, score=0)
            ),
            sentiments=(),
            view=OrderView(customer=desk.customer, orders=tuple(desk.orders.values())),
            results=desk.results,
            now=self._clock.now(),
        )
        order = situation.order
        calls = [r.call.id for r in desk.results if r.ok and _is_of(r.data, order)]
        return _Case(situation, tuple(calls))

    async def _without_customer(self, request: AskRequest, desk: AskDesk) -> AnswerDraft:
        """The policy's general words can still help."""
        found = await self._from_knowledge(request, desk)
        sentences = (_said(_NOT_VERIFIED, ()), *(found.sentences if found.answered else ()))
        return found.model_copy(update={"sentences": sentences})

    # ------------------------------------------------------------ money back, and what else can be done

    async def _refund(
        self,
        request: AskRequest,
        desk: AskDesk,
        case: _Case,
        profile: TenantProfile,
        topic: Playbook | None,
    ) -> AnswerDraft:
        for playbook in await self._playbooks(request, profile, topic):
            if (decided := await self._by_playbook(request, desk, case, playbook)) is not None:
                return _draft(_verdict(*decided, case.calls), decision=decided[1])
        return await self._any_way_back(desk, case)

    async def _by_playbook(
        self, request: AskRequest, desk: AskDesk, case: _Case, playbook: Playbook
    ) -> tuple[str, PolicyDecision] | None:
        """What the playbook would do now, and policy's word; what is allowed is proposed."""
        plan = await NextActionPlanner(desk.tools).plan(
            desk.principal,
            request.conversation,
            playbook=playbook,
            intent=Intent(name=playbook.intent, title=playbook.title, confidence=1.0),
            situation=case.situation,
        )
        decided = [(a.call, a.preview, a.decision) for a in plan.actions if a.decision and a.call]
        for proposal in plan.proposals:
            await desk.proposed(proposal)
        for call, preview, decision in decided:
            if preview and decision:
                if decision.outcome is PolicyOutcome.DENY:
                    await desk.decided(call.tool, preview, decision)
                return preview, decision
        return None

    async def _any_way_back(self, desk: AskDesk, case: _Case) -> AnswerDraft:
        """No playbook has the call: each way that the order's status leaves is put to policy."""
        best: tuple[str, PolicyDecision] | None = None
        for tool, arguments in Offers(desk).ways_back(case.situation):
            assessment = await desk.assess(tool, arguments)
            if assessment is None:
                continue
            found = (assessment.preview, assessment.decision)
            if best is None or best[1].outcome is PolicyOutcome.DENY:
                best = found
        if best is None:
            return _draft([_said(_NOT_KNOWN, ())], answered=False)
        return _draft(_verdict(*best, case.calls), decision=best[1])

    async def _offers(
        self,
        request: AskRequest,
        desk: AskDesk,
        case: _Case,
        profile: TenantProfile,
        topic: Playbook | None,
    ) -> AnswerDraft:
        offers = await Offers(desk).possible(case.situation)
        sentences = [s for preview, decision in offers for s in _option(preview, decision, case.calls)]
        steps = [s for p in await self._playbooks(request, profile, topic) for s in p.steps]
        said = f"what to offer: {topic.title if topic else request.question}"
        knowledge = await self._quotes(f"{request.question} {said}", desk)
        if not sentences and not knowledge and not steps:
            return _draft([_said(_NOT_KNOWN, ())], answered=False)
        opening = (
            [_said("Nothing more can be refunded or returned on this order.", ())] if not sentences else []
        )
        best = min((d for _, d in offers), key=lambda d: list(PolicyOutcome).index(d.outcome), default=None)
        return _draft([*opening, *sentences, *knowledge], decision=best, desk=desk, question=request.question)

    async def _playbooks(
        self, request: AskRequest, profile: TenantProfile, topic: Playbook | None
    ) -> list[Playbook]:
        """The conversation's own, then the one that the question itself is about."""
        found = [topic] if topic else []
        if profile.intents is not None:
            vector = await self._embedder.embed_query(request.question)
            prediction = profile.intents.predict(text_features(request.question, vector))
            asked = profile.playbooks.get(prediction.ranked[0][0]) if prediction.in_scope else None
            if asked is not None and asked not in found:
                found.append(asked)
        return found

    # ------------------------------------------------------------ warranty and knowledge

    async def _warranty(
        self, request: AskRequest, desk: AskDesk, case: _Case, profile: TenantProfile
    ) -> AnswerDraft:
        order = case.situation.order
        item = item_in_question(order, entities_of(request.conversation, profile))
        if order is None or item is None:
            names = case.situation.facts.get("order.item_names", "")
            return _draft([_said(f"Which item is it about: {names}?", case.calls)], answered=False)
        started = order.delivered_at
        placed = order.placed_at.astimezone(UTC).date() if order.placed_at else request.today
        found = await desk.find(f"length of the warranty for {item.category or item.name}", as_of=placed)
        years, citation = warranty_years(item.category or "", without_losers(found.passages))
        if started is None:
            text = f"{item.name} has not been delivered yet; the warranty starts on the day of delivery."
            return _draft([_said(text, case.calls)])
        said = [_said(f"{item.name} was delivered on {describe_date(started)}.", case.calls)]
        if years is None or citation is None:
            unknown = _said("The knowledge base does not say how long the warranty for it is.", ())
            return _draft([*said, unknown], answered=False, desk=desk, question=request.question)
        ends = _years_later(started, years)
        covered = self._clock.now() < ends
        verdict = "Yes, it is under warranty: it runs" if covered else "No, it is not under warranty: it ran"
        said.insert(0, _said(f"{verdict} until {describe_date(ends)}.", case.calls))
        quote = Sentence(text=citation.quote, support=Support.SUPPORTED, citations=(citation,))
        return _draft([*said, quote], desk=desk, question=request.question)

    async def _from_knowledge(self, request: AskRequest, desk: AskDesk) -> AnswerDraft:
        question = f"{request.question} {request.hint}".strip()
        quotes = await self._quotes(question, desk)
        if not quotes:
            return _draft([_said(_NOT_KNOWN, ())], answered=False, desk=desk, question=question)
        return _draft(quotes, desk=desk, question=question)

    async def _quotes(self, question: str, desk: AskDesk) -> list[Sentence]:
        """The sentences that answer best, verbatim; internal ones too, marked by their citation."""
        found = await desk.find(question)
        if not found.answerable:
            return []
        ranked = await self._ranker.rank(question, without_losers(found.passages), _QUOTES)
        best = [r for r in ranked if r.score >= max(_LEAST_SCORE, _CLOSE_TO_BEST * ranked[0].score)]
        cited = ((r, cite(r.scored, r.start, r.end)) for r in best)
        return [
            Sentence(text=c.quote, support=Support.SUPPORTED, citations=(c,))
            for _, c in cited
            if c is not None
        ]


def cards(desk: AskDesk, question: str) -> tuple[KnowledgeCard, ...]:
    """Of everything found on the way, the best first."""
    passages = sorted(desk.passages.values(), key=lambda s: -s.confidence)[:_LATEST_ORDERS]
    made = (card_of(s, best_span(question, s), desk.request.today) for s in passages)
    return tuple(c for c in made if c is not None)


def _kinds(question: str) -> list[str]:
    text = " ".join(question.casefold().split())
    return [kind for kind, pattern in _KINDS.items() if pattern.search(text)]


def _draft(
    sentences: Sequence[Sentence],
    *,
    answered: bool = True,
    decision: PolicyDecision | None = None,
    desk: AskDesk | None = None,
    question: str = "",
) -> AnswerDraft:
    return AnswerDraft(
        answered=answered,
        drafter=Drafter.COMPOSER,
        sentences=tuple(sentences),
        decision=decision,
        knowledge=cards(desk, question) if desk else (),
    )


def _which_order(desk: AskDesk) -> AnswerDraft:
    calls = tuple(r.call.id for r in desk.results if r.ok)
    if not desk.orders:
        return _draft([_said("No order of the verified customer was found.", ())], answered=False)
    listed = [
        _said(
            f"{o.id}: {', '.join(i.name for i in o.items)}, {o.status.value}, {o.total}"
            + (f", placed on {describe_date(o.placed_at)}." if o.placed_at else "."),
            calls,
        )
        for o in desk.orders.values()
    ]
    return _draft([_said("Which order is it about?", ()), *listed], answered=False)


def _said(text: str, calls: tuple[str, ...]) -> Sentence:
    if calls:
        return Sentence(text=text, support=Support.FACT, sources=calls)
    return Sentence(text=text, support=Support.TEMPLATE, sources=("ask",))


def _verdict(preview: str, decision: PolicyDecision, calls: tuple[str, ...]) -> list[Sentence]:
    opening = {
        PolicyOutcome.ALLOW: "Yes",
        PolicyOutcome.NEEDS_SUPERVISOR: "Yes, with a supervisor's approval",
        PolicyOutcome.DENY: "No",
    }[decision.outcome]
    return [_said(f"{opening}: {decision.reason}.", calls), _said(f"Checked: {preview}.", calls)]


def _option(preview: str, decision: PolicyDecision, calls: tuple[str, ...]) -> list[Sentence]:
    if decision.outcome is PolicyOutcome.DENY:
        return []
    needs = " (a supervisor must approve)" if decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR else ""
    return [_said(f"{preview}{needs}: {decision.reason}.", calls)]


def _payment(case: _Case) -> list[Sentence]:
    facts = case.situation.facts
    method = f" with {facts['order.payment_method']}" if "order.payment_method" in facts else ""
    said = [_said(f"{facts['order.total']} was paid for {facts['order.id']}{method}.", case.calls)]
    if facts.get("order.shipping_fee_minor"):
        said.append(_said(f"Of that, {facts['order.shipping_fee']} was for shipping.", case.calls))
    if facts.get("order.refunded_minor"):
        said.append(_said(f"{facts['order.refundable']} of it has not been refunded yet.", case.calls))
    return said


def _delivery(case: _Case) -> list[Sentence]:
    facts = case.situation.facts
    by = f" by {facts['order.carrier']}" if "order.carrier" in facts else ""
    if "order.delivered_on" in facts:
        days = facts.get("order.days_since_delivery")
        ago = f", {days} days ago" if days else ", today"
        said = [f"{facts['order.id']} was delivered on {facts['order.delivered_on']}{ago}{by}."]
    elif "order.shipped_on" in facts:
        said = [f"{facts['order.id']} was shipped on {facts['order.shipped_on']}{by}; it has not arrived."]
    else:
        said = [f"{facts['order.id']} is {facts['order.status']}; it has not been shipped."]
    if "order.expected_on" in facts and "order.delivered_on" not in facts:
        said.append(f"It is expected on {facts['order.expected_on']}.")
    if facts.get("order.days_late"):
        said.append(f"That is {facts['order.days_late']} days late.")
    if "order.tracking_id" in facts:
        said.append(f"Tracking number: {facts['order.tracking_id']}.")
    return [_said(text, case.calls) for text in said]


def _is_of(data: dict[str, object], order: Order | None) -> bool:
    found = data.get("order")
    return order is not None and isinstance(found, dict) and found.get("id") == order.id


def _years_later(start: datetime, years: int) -> datetime:
    try:
        return start.replace(year=start.year + years)
    except ValueError:  # 29 February
        return start.replace(year=start.year + years, day=28)
