"""What happens after a turn, one stage after another; each stage is shown as soon as it is ready."""

import asyncio
import time
from datetime import date

from copilot.assist.ahead import Prepared
from copilot.assist.backlog import Backlog
from copilot.assist.choosing import Chooser
from copilot.assist.collaborators import Searcher
from copilot.assist.lookups import LookUps
from copilot.assist.next_actions import NextActionPlanner
from copilot.assist.profile import TenantProfile
from copilot.assist.quoting import best_span, card_of
from copilot.assist.reading import is_question
from copilot.assist.redaction import mask
from copilot.assist.relevance import preferring, worth_showing
from copilot.assist.replies import Replies
from copilot.assist.revision import Revision, cards_key
from copilot.assist.situation import Situation, gather
from copilot.assist.summary import State, update_summary
from copilot.assist.understanding import Background, Understander, customer_said, entities_of, noticed
from copilot.assist.watch import Watch, repeated_contact
from copilot.domain.assist import KnowledgeCards, NextActions
from copilot.domain.assist_events import RevisionDone
from copilot.domain.conversation import Turn
from copilot.domain.knowledge import KnowledgeGap, SearchQuery, SearchResult
from copilot.domain.playbook import Playbook
from copilot.domain.understanding import EntityKind, Understanding
from copilot.ports import Clock, Ids, KnowledgeStore
from copilot.ports import trace_names as names
from copilot.ports.tracing import traced

_HISTORY = 4
_BURST = 3
_WIDE = 15
_SURE = 0.5


class Pipeline:
    """The live path of one revision."""

    def __init__(
        self,
        *,
        understander: Understander,
        watch: Watch,
        search: Searcher,
        knowledge: KnowledgeStore,
        lookups: LookUps,
        planner: NextActionPlanner,
        replies: Replies,
        clock: Clock,
        ids: Ids,
        backlog: Backlog,
        chooser: Chooser | None = None,
    ) -> None:
        self._backlog = backlog
        self._understander = understander
        self._watch = watch
        self._search = search
        self._knowledge = knowledge
        self._lookups = lookups
        self._planner = planner
        self._replies = replies
        self._clock = clock
        self._ids = ids
        self._chooser = chooser

    async def after_customer_turn(
        self, revision: Revision, turn: Turn, prepared: Prepared | None = None
    ) -> None:
        """Understand, look up, plan, draft, sum up; what was prepared beforehand is only shown."""
        if prepared is not None:
            await revision.attempt("knowledge", self._show(revision, prepared))
        else:
            with self._backlog.waiting():
                await revision.attempt("understanding", self._understand(revision))
            await asyncio.gather(
                self._answer(revision), revision.attempt("orders", self._lookups.run(revision))
            )
        await asyncio.gather(
            revision.attempt("knowledge", self._find_older_version(revision)),
            revision.attempt("alerts", self._watch.tell(revision)),
        )
        await revision.attempt("next_actions", self.plan(revision))
        async with self._replies.drafting(revision, self._as_of(revision), self._today()):
            await revision.attempt("gaps", self._note_gap(revision, turn))
            await revision.attempt("summary", self.sum_up(revision))
            await revision.attempt("next_actions", self._choose(revision))
        await self.finish(revision)

    async def after_representative_turn(self, revision: Revision) -> None:
        """What is left to do, and where things stand."""
        await revision.attempt("next_actions", self.plan(revision))
        await revision.attempt("summary", self.sum_up(revision))
        await self.finish(revision)

    async def rehearse(self, revision: Revision) -> None:
        """The part of a customer turn's work that writes nothing and changes nothing."""
        await self._understand(revision)
        await asyncio.gather(self._find_knowledge(revision), self._lookups.run(revision))
        await self._find_older_version(revision)

    async def after_silence(self, revision: Revision) -> None:
        """What to do when nobody has spoken for a while."""
        await revision.attempt("next_actions", self.plan(revision))
        await revision.bus.save(revision.conversation.tenant_id, revision.conversation.id)

    async def after_hint(self, revision: Revision, hint: str) -> None:
        """The reply to the last customer turn, written anew as the representative has in mind."""
        revision.hint = hint
        await revision.attempt("knowledge", self._find_knowledge(revision))
        if revision.memory.situation is None:
            await revision.attempt("next_actions", self.plan(revision))
        async with self._replies.drafting(revision, self._as_of(revision), self._today()):
            pass
        await revision.bus.save(revision.conversation.tenant_id, revision.conversation.id)

    async def situation(self, revision: Revision) -> Situation:
        """The facts as they are known, looked up first if nothing has been since a start."""
        if revision.memory.view is None:
            await self._lookups.run(revision)
        return revision.memory.situation or self._situation(revision)

    async def after_action(self, revision: Revision) -> None:
        """The order may have changed: look again, plan again."""
        await revision.attempt("orders", self._lookups.run(revision))
        await revision.attempt("next_actions", self.plan(revision))
        await revision.attempt("summary", self.sum_up(revision))
        await revision.bus.save(revision.conversation.tenant_id, revision.conversation.id)

    async def finish(self, revision: Revision) -> None:
        elapsed = (time.perf_counter() - revision.started) * 1000
        await revision.publish(RevisionDone(milliseconds=round(elapsed, 2), ahead=revision.ahead))
        await revision.attempt(
            "store", revision.bus.save(revision.conversation.tenant_id, revision.conversation.id)
        )

    async def anticipate(self, turn: Turn, profile: TenantProfile) -> None:
        """Begins the slow part of a turn's work while the turn is still being kept."""
        await self._understander.anticipate(turn, profile=profile)

    # ------------------------------------------------------------ stages

    @traced(names.UNDERSTAND)
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
                background=Background(
                    sentiments=tuple(memory.sentiments),
                    language=memory.understanding.language if memory.understanding else None,
                    repeated=repeated_contact(memory.earlier_contacts, (turn.id,)),
                ),
            )
            memory.sentiments = [*memory.sentiments, memory.understanding.sentiment][-_HISTORY:]
            memory.understood = turn.sequence
            if memory.understanding.asks_something or memory.topic is None:
                memory.topic = memory.understanding
                if memory.topic.intent is not None:
                    memory.matters = [*memory.matters, memory.topic.intent]
        if memory.understanding is not None:
            await revision.publish(memory.understanding)

    async def _show(self, revision: Revision, prepared: Prepared) -> None:
        """What was found while the customer typed, as if it had been found now."""
        memory, conversation = revision.memory, revision.conversation
        memory.adopt(prepared.memory)
        if memory.understanding is not None:
            # Each names the turn it was seen in, which is another one now that it was said.
            promises, signals = noticed(
                conversation,
                profile=revision.profile,
                sentiments=memory.sentiments,
                today=self._today(),
            )
            understanding = memory.understanding.model_copy(
                update={
                    "entities": entities_of(conversation, revision.profile),
                    "promises": promises,
                    "signals": signals,
                }
            )
            memory.topic = understanding if memory.topic is memory.understanding else memory.topic
            memory.understanding = understanding
            await revision.publish(understanding)
        revision.found = prepared.found
        if (cards := prepared.events.cards) is not None:
            await (revision.publish(cards) if cards.unchanged else self._show_cards(revision, cards))
        if conversation.customer_id != prepared.conversation.customer_id:
            # Their own words have just proven who they are.
            await revision.attempt("orders", self._lookups.run(revision))
            return
        for looked_up in prepared.events.results:
            await revision.publish(looked_up)

    async def _answer(self, revision: Revision) -> None:
        """Waited for by whoever asked; a slow order system is not."""
        with self._backlog.waiting():
            await revision.attempt("knowledge", self._find_knowledge(revision))

    async def _find_knowledge(self, revision: Revision) -> None:
        understanding = revision.memory.understanding
        if understanding is None or not understanding.asks_something:
            return
        await self._look_up_knowledge(revision, understanding, self._as_of(revision))

    async def _note_gap(self, revision: Revision, turn: Turn) -> None:
        """Remembers a question that the knowledge base does not answer."""
        understanding, found = revision.memory.understanding, revision.found
        asks_knowledge = revision.playbook is None or revision.playbook.asks_knowledge
        if understanding is None or found is None or found.answerable:
            return
        if understanding.asks_something and asks_knowledge and is_question(turn.text):
            await self._record_gap(revision, understanding.query)

    async def _find_older_version(self, revision: Revision) -> None:
        """An order keeps the policies of the day it was placed: look again if a newer one was found."""
        as_of, understanding = self._as_of(revision), revision.memory.understanding
        passages = revision.found.passages if revision.found else ()
        if understanding is not None and any(not p.document.in_force(as_of) for p in passages):
            await self._look_up_knowledge(revision, understanding, as_of)

    async def _look_up_knowledge(self, revision: Revision, understanding: Understanding, as_of: date) -> None:
        text, history = _split_query(understanding.query, revision.memory.earlier_query)
        playbook, intent = revision.playbook, understanding.intent
        known = playbook if intent is not None and intent.confidence >= _SURE else None
        query = SearchQuery(
            tenant_id=revision.conversation.tenant_id, text=text, history=history, as_of=as_of, limit=_WIDE
        )
        asked = query
        if known is not None and known.asks_knowledge:
            # Said in the playbook's words too, a matter is found that the customer only hints at.
            matter = _matter(revision, understanding, text)
            update = (
                {"text": matter, "history": (text, known.title, *history)}
                if matter
                else {"history": (known.title, *history)}
            )
            asked = query.model_copy(update=update)
        found = await self._search.search(asked)
        if asked is not query and not found.answerable:
            wider = f"{known.title}. {text}" if known is not None and known.needs_order else text
            found = await self._search.search(query.model_copy(update={"text": wider}))
        revision.found = preferring(found, known)
        await self._show_cards(revision, self._cards(revision.found, understanding.query))

    async def _show_cards(self, revision: Revision, cards: KnowledgeCards) -> None:
        """Cards that stand in the panel already are not shown again."""
        understanding = revision.memory.understanding
        key = cards_key(cards, understanding.query if understanding else "")
        if key == revision.memory.cards:
            await revision.publish(cards.model_copy(update={"cards": (), "unchanged": True}))
        elif await revision.publish(cards) is not None:
            revision.memory.cards = key

    def _cards(self, result: SearchResult, query: str) -> KnowledgeCards:
        if not result.answerable:
            return KnowledgeCards(answered=False, confidence=result.confidence)
        shown = worth_showing(result.passages)
        cards = (card_of(s, best_span(query, s), self._today()) for s in shown)
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
                question=mask(question),  # people read it who have no part in the conversation
                conversation_id=revision.conversation.id,
                asked_at=self._clock.now(),
            )
        )

    @traced(names.NEXT_ACTION)
    async def plan(self, revision: Revision) -> None:
        memory = revision.memory
        memory.situation = self._situation(revision)
        understanding = memory.understanding
        plan = await self._planner.plan(
            revision.principal,
            revision.conversation,
            playbook=self._playbook_now(revision),
            intent=understanding.intent if understanding else None,
            situation=memory.situation,
            learned=revision.profile.next_steps,
        )
        memory.situation, memory.next_actions = plan.situation, plan.actions
        known = {a.id for a in memory.actions}
        for proposal in plan.proposals:
            if proposal.id not in known:
                memory.actions = (*memory.actions, proposal)
                await revision.publish(proposal)
        await revision.publish(NextActions(actions=plan.actions))

    async def _choose(self, revision: Revision) -> None:
        """The model's choice comes first; an answer out of form is told and changes nothing."""
        actions = revision.memory.next_actions
        if self._chooser is None or len(actions) < 2:  # noqa: PLR2004 - nothing to choose
            return
        chosen = await self._chooser.next_action(revision.conversation, actions)
        if chosen != actions:
            revision.memory.next_actions = chosen
            await revision.publish(NextActions(actions=chosen))

    @traced(names.SUMMARY)
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

    def _playbook_now(self, revision: Revision) -> Playbook | None:
        """With the steps that wait for a silence where the silence has lasted long enough."""
        playbook, turns = revision.playbook, revision.conversation.turns
        if playbook is None or not turns:
            return playbook
        return playbook.after_silence(self._clock.now() - turns[-1].created_at)

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


def _matter(revision: Revision, understanding: Understanding, text: str) -> str | None:
    """What to look up for a matter about an order: there the policies decide, not the product's page."""
    playbook = revision.playbook
    if playbook is None or not playbook.needs_order:
        return None
    last = revision.conversation.last_customer_turn
    named = [e for e in understanding.entities if last is not None and e.turn_id == last.id]
    products = [e.text for e in named if e.kind is EntityKind.PRODUCT]
    about_order = bool(products) or any(e.kind is EntityKind.ORDER_ID for e in named)
    if "?" in text and not about_order:
        return None
    for product in products:
        text = text.replace(product, "item")
    return f"{playbook.title}. {text}"
