"""What happens after a turn, one stage after another; each stage is shown as soon as it is ready."""

import asyncio
import time
from datetime import date

from copilot.assist.collaborators import Searcher
from copilot.assist.lookups import LookUps
from copilot.assist.next_actions import NextActionPlanner
from copilot.assist.quoting import best_span, card_of
from copilot.assist.replies import Replies
from copilot.assist.revision import Revision
from copilot.assist.situation import Situation, gather
from copilot.assist.understanding import Understander, customer_said, is_question
from copilot.assist.wrap_up import State, update_summary
from copilot.domain.assist import KnowledgeCards, NextActions, RevisionDone, Understanding
from copilot.domain.conversation import Turn
from copilot.domain.knowledge import KnowledgeGap, SearchQuery, SearchResult
from copilot.domain.playbook import Playbook
from copilot.ports import Clock, Ids, KnowledgeStore

_HISTORY = 4
_BURST = 3
_TAG_BONUS = 0.05
_WIDE, _TAGGED, _SHOWN = 20, 3, 6
_SURE = 0.5


class Pipeline:
    """The live path of one revision."""

    def __init__(
        self,
        *,
        understander: Understander,
        search: Searcher,
        knowledge: KnowledgeStore,
        lookups: LookUps,
        planner: NextActionPlanner,
        replies: Replies,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._understander = understander
        self._search = search
        self._knowledge = knowledge
        self._lookups = lookups
        self._planner = planner
        self._replies = replies
        self._clock = clock
        self._ids = ids

    async def after_customer_turn(self, revision: Revision, turn: Turn) -> None:
        """Understand, look up, plan, draft, sum up."""
        await revision.attempt("understanding", self._understand(revision))
        await asyncio.gather(
            revision.attempt("knowledge", self._find_knowledge(revision, turn)),
            revision.attempt("orders", self._lookups.run(revision)),
        )
        await revision.attempt("knowledge", self._find_older_version(revision))
        await revision.attempt("next_actions", self.plan(revision))
        async with self._replies.drafting(revision, self._as_of(revision), self._today()):
            await revision.attempt("summary", self.sum_up(revision))
        await self.finish(revision)

    async def after_representative_turn(self, revision: Revision) -> None:
        """What is left to do, and where things stand."""
        await revision.attempt("next_actions", self.plan(revision))
        await revision.attempt("summary", self.sum_up(revision))
        await self.finish(revision)

    async def after_action(self, revision: Revision) -> None:
        """The order may have changed: look again, plan again."""
        await revision.attempt("orders", self._lookups.run(revision))
        await revision.attempt("next_actions", self.plan(revision))
        await revision.attempt("summary", self.sum_up(revision))
        await revision.bus.save(revision.conversation.tenant_id, revision.conversation.id)

    async def finish(self, revision: Revision) -> None:
        elapsed = (time.perf_counter() - revision.started) * 1000
        await revision.publish(RevisionDone(milliseconds=round(elapsed, 2)))
        await revision.attempt(
            "store", revision.bus.save(revision.conversation.tenant_id, revision.conversation.id)
        )

    # ------------------------------------------------------------ stages

    async def _understand(self, revision: Revision) -> None:
        """The last turn, after those whose work was cancelled: a second message adds to the first."""
        memory = revision.memory
        turns = [t for t in customer_said(revision.conversation) if t.sequence > memory.understood]
        for turn in turns[-_BURST:]:
            memory.earlier_query = memory.topic.query if memory.topic else ""
            memory.understanding = await self._understander.understand(
                revision.conversation,
                turn,
                profile=revision.profile,
                previous=memory.topic,
                today=self._today(),
            )
            memory.sentiments = [*memory.sentiments, memory.understanding.sentiment][-_HISTORY:]
            memory.understood = turn.sequence
            if memory.understanding.asks_something or memory.topic is None:
                memory.topic = memory.understanding
                if memory.topic.intent is not None:
                    memory.matters = [*memory.matters, memory.topic.intent]
        if memory.understanding is not None:
            await revision.publish(memory.understanding)

    async def _find_knowledge(self, revision: Revision, turn: Turn) -> None:
        understanding = revision.memory.understanding
        if understanding is None or not understanding.asks_something:
            return
        await self._look_up_knowledge(revision, understanding, self._as_of(revision))
        asks_knowledge = revision.playbook is None or revision.playbook.asks_knowledge
        if revision.found and not revision.found.answerable and asks_knowledge and is_question(turn.text):
            await self._record_gap(revision, understanding.query)

    async def _find_older_version(self, revision: Revision) -> None:
        """An order keeps the policies of the day it was placed: look again if a newer one was found."""
        as_of, understanding = self._as_of(revision), revision.memory.understanding
        passages = revision.found.passages if revision.found else ()
        if understanding is not None and any(not p.document.in_force(as_of) for p in passages):
            await self._look_up_knowledge(revision, understanding, as_of)

    async def _look_up_knowledge(self, revision: Revision, understanding: Understanding, as_of: date) -> None:
        text, history = _split_query(understanding.query, revision.memory.earlier_query)
        query = SearchQuery(
            tenant_id=revision.conversation.tenant_id, text=text, history=history, as_of=as_of
        )
        found = await self._search.search(query)
        playbook, intent = revision.playbook, understanding.intent
        sure = intent is not None and intent.confidence >= _SURE
        if playbook is not None and sure and _lacks_own_documents(found, playbook):
            if found.answerable:  # shown at once; a second search takes as long again
                await revision.publish(self._cards(found, understanding.query))
            wider = query.model_copy(update={"text": f"{playbook.title}. {text}", "limit": _WIDE})
            tagged = _with_any_tag(await self._search.search(wider), set(playbook.knowledge_tags))
            found = _joined(found, tagged, trust_second=playbook.needs_order)
        revision.found = found
        await revision.publish(self._cards(revision.found, understanding.query))

    def _cards(self, result: SearchResult, query: str) -> KnowledgeCards:
        if not result.answerable:
            return KnowledgeCards(answered=False, confidence=result.confidence)
        cards = (card_of(s, best_span(query, s), self._today()) for s in result.passages)
        return KnowledgeCards(
            answered=True, confidence=result.confidence, cards=tuple(c for c in cards if c is not None)
        )

    async def _record_gap(self, revision: Revision, question: str) -> None:
        if question in revision.memory.gaps:
            return
        revision.memory.gaps.append(question)
        await self._knowledge.record_gap(
            KnowledgeGap(
                id=self._ids.new("gap"),
                tenant_id=revision.conversation.tenant_id,
                question=question,
                conversation_id=revision.conversation.id,
                asked_at=self._clock.now(),
            )
        )

    async def plan(self, revision: Revision) -> None:
        memory = revision.memory
        memory.situation = self._situation(revision)
        understanding = memory.understanding
        plan = await self._planner.plan(
            revision.principal,
            revision.conversation,
            playbook=revision.playbook,
            intent=understanding.intent if understanding else None,
            situation=memory.situation,
        )
        memory.situation, memory.next_actions = plan.situation, plan.actions
        known = {a.id for a in memory.actions}
        for proposal in plan.proposals:
            if proposal.id not in known:
                memory.actions = (*memory.actions, proposal)
                await revision.publish(proposal)
        await revision.publish(NextActions(actions=plan.actions))

    async def sum_up(self, revision: Revision) -> None:
        memory, turns = revision.memory, revision.conversation.turns
        memory.summary = update_summary(
            memory.summary, turns[memory.summarised_turns :], revision.conversation, state_of(revision)
        )
        memory.summarised_turns = len(turns)
        await revision.publish(memory.summary)

    # ------------------------------------------------------------ helpers

    def _situation(self, revision: Revision) -> Situation:
        memory = revision.memory
        return gather(
            revision.conversation,
            memory.understanding,
            sentiments=memory.sentiments,
            view=memory.view,
            results=memory.results,
            now=self._clock.now(),
        )

    def _as_of(self, revision: Revision) -> date:
        """The day whose policies count: when the order in question was placed, else today."""
        if revision.playbook is None or not revision.playbook.needs_order:
            return self._today()
        order = self._situation(revision).order
        return order.placed_at.date() if order is not None and order.placed_at else self._today()

    def _today(self) -> date:
        return self._clock.now().date()


def state_of(revision: Revision) -> State:
    memory = revision.memory
    return State(
        understanding=memory.topic,
        playbook=revision.topic_playbook,
        situation=memory.situation,
        next_actions=memory.next_actions,
        actions=memory.actions,
    )


def _split_query(query: str, earlier: str) -> tuple[str, tuple[str, ...]]:
    """(what the turn asks, what it leans on): search weighs the two by itself."""
    own = query.removeprefix(earlier).strip() if earlier else ""
    return (own, (earlier,)) if own and own != query else (query, ())


def _lacks_own_documents(found: SearchResult, playbook: Playbook) -> bool:
    """Whether none of the documents that the playbook names was found, or nothing answers."""
    tags = set(playbook.knowledge_tags)
    hit = any(tags & set(s.document.tags) for s in found.passages[:_TAGGED])
    return bool(tags) and not (hit and found.answerable)


def _with_any_tag(result: SearchResult, tags: set[str]) -> SearchResult:
    passages = tuple(s for s in result.passages if tags & set(s.document.tags))[:_TAGGED]
    return result.model_copy(
        update={"passages": passages, "answerable": result.answerable and bool(passages)}
    )


def _joined(found: SearchResult, tagged: SearchResult, *, trust_second: bool) -> SearchResult:
    """What was found with what the playbook's own documents say, best first, each passage once.

    A matter about an order ("the glass is cracked, LF-…") asks in the playbook's words more than in its own,
    so there the playbook's documents may answer alone (`trust_second`).
    """
    passages = {s.passage.id: s for s in found.passages}
    for scored in tagged.passages if tagged.answerable else ():
        better = min(1.0, scored.confidence + _TAG_BONUS)
        known = passages.get(scored.passage.id)
        if known is None or known.confidence < better:
            passages[scored.passage.id] = scored.model_copy(update={"confidence": better})
    answerable = found.answerable or (trust_second and tagged.answerable)
    confidence = max(found.confidence, tagged.confidence if trust_second else 0.0)
    best = sorted(passages.values(), key=lambda s: -s.confidence)[:_SHOWN]
    return SearchResult(passages=tuple(best), answerable=answerable, confidence=confidence)
