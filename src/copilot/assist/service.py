"""The live path: what happens when somebody speaks, verifies a customer, or decides on an action."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from copilot.assist.ask import PlaybookAnswerer
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.asks import AskParts, Asks
from copilot.assist.choosing import Chooser
from copilot.assist.collaborators import Searcher, SentenceRanker, ToolDesk
from copilot.assist.drafting.composer import Composer
from copilot.assist.flow.reading import EpisodeReader
from copilot.assist.identity import Claim, IdentityCheck
from copilot.assist.lookups import LookUps
from copilot.assist.next_actions import NextActionPlanner
from copilot.assist.pipeline import Pipeline, state_of
from copilot.assist.profile import TenantProfiles
from copilot.assist.quoting import QuoteRanker
from copilot.assist.redaction import mask
from copilot.assist.replies import Replies
from copilot.assist.revision import Memory, Revision
from copilot.assist.summary import update_summary
from copilot.assist.summary_refining import SummaryRefiner
from copilot.assist.understanding import Understander, entities_of
from copilot.assist.wrap_up import build_hand_over, build_wrap_up
from copilot.domain.access import Principal, Role, Scope, require
from copilot.domain.actions import Action, ActionStatus, LedgerRecord
from copilot.domain.asking import AskLimits, AskTicket
from copilot.domain.assist import AnswerFeedback, FeedbackVerdict, SentimentLabel
from copilot.domain.commerce import Customer
from copilot.domain.conversation import (
    MAX_TURN_CHARACTERS,
    Channel,
    Conversation,
    ConversationStatus,
    Speaker,
    Turn,
)
from copilot.domain.errors import ConversationClosed, CopilotError, InvalidInput, TooLarge
from copilot.domain.wrap_up import HandOver, Summary, WrapUp
from copilot.ports import (
    Clock,
    ConversationStore,
    Drafter,
    Embedder,
    EventBus,
    Ids,
    KnowledgeStore,
    LedgerStore,
    OrderSystem,
    VerificationAttempts,
)
from copilot.tools.identity import IdentityGuard

_log = logging.getLogger(__name__)
_REMEMBERED = 2_000
_PATIENCE_WITH_CANCELLED = 2.0


@dataclass(frozen=True)
class LivePorts:
    """Everything outside that the live path uses."""

    store: ConversationStore
    bus: EventBus
    knowledge: KnowledgeStore
    search: Searcher
    desk: ToolDesk
    orders: OrderSystem
    attempts: VerificationAttempts
    ledger: LedgerStore
    embedder: Embedder
    clock: Clock
    ids: Ids


class LiveAssist:
    """One per process. Public methods answer quickly; the work for a turn runs on as a task."""

    def __init__(
        self,
        ports: LivePorts,
        profiles: TenantProfiles,
        *,
        llm: Drafter | None = None,
        ranker: SentenceRanker | None = None,
        llm_seconds: float = 30.0,
        asker: LlmAnswerer | None = None,
        ask_limits: AskLimits | None = None,
        chooser: Chooser | None = None,
        refiner: SummaryRefiner | None = None,
    ) -> None:
        """Without `llm` the composer drafts alone; `llm_seconds` is how long its draft may take.

        Without `asker` the playbook planner alone answers what representatives ask. `chooser` picks among
        next actions and dispositions, `refiner` rewords the summary when it is handed over or filed.
        """
        ranker = ranker or QuoteRanker(ports.embedder)
        self._ports = ports
        self._profiles = profiles
        self._chooser, self._refiner = chooser, refiner
        self._identity = IdentityCheck(ports.orders, IdentityGuard(ports.attempts, ports.clock, ports.ids))
        self._pipeline = Pipeline(
            understander=Understander(ports.embedder),
            search=ports.search,
            knowledge=ports.knowledge,
            lookups=LookUps(ports.desk, ports.clock),
            planner=NextActionPlanner(ports.desk, EpisodeReader(ports.embedder)),
            replies=Replies(
                Composer(ranker),
                llm,
                ports.ledger,
                ports.clock,
                ports.ids,
                llm_seconds=llm_seconds,
            ),
            clock=ports.clock,
            ids=ports.ids,
            chooser=chooser,
        )
        self._asks = Asks(
            AskParts(
                tools=ports.desk,
                search=ports.search,
                bus=ports.bus,
                clock=ports.clock,
                ids=ports.ids,
                planner=PlaybookAnswerer(ranker, ports.embedder, ports.clock),
                llm=asker,
                limits=ask_limits or AskLimits(),
            )
        )
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ahead: set[asyncio.Task[None]] = set()
        self._locks: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    # ------------------------------------------------------------ conversations

    async def open(
        self,
        principal: Principal,
        channel: Channel,
        subject: str = "",
        customer_email: str | None = None,
        *,
        customer_verified: bool = False,
    ) -> Conversation:
        """A new conversation with the customer that the CRM names.

        `customer_verified`: the CRM has authenticated them. Otherwise the e-mail proves who they are only
        together with an order number.
        """
        now = self._ports.clock.now()
        conversation = Conversation(
            id=self._ports.ids.new("conv"),
            tenant_id=principal.tenant_id,
            channel=channel,
            subject=subject.strip(),
            customer_id=await self._known_customer(customer_email) if customer_verified else None,
            representative_id=principal.id,
            created_at=now,
            updated_at=now,
        )
        await self._ports.store.create(conversation)
        self._memories[conversation.id] = Memory(crm_email=customer_email)
        return conversation

    async def add_turn(self, principal: Principal, conversation_id: str, speaker: Speaker, text: str) -> Turn:
        """Keeps the turn, cancels the work for older ones, starts its own, and returns at once."""
        started = time.perf_counter()
        _require_text(text)
        said = Turn(
            id=self._ports.ids.new("turn"),
            conversation_id=conversation_id,
            sequence=1,  # the store counts
            speaker=speaker,
            text=text,
            created_at=self._ports.clock.now(),
        )
        self._anticipate(principal.tenant_id, said)
        async with self._lock(conversation_id):
            conversation = await self._ports.store.append_turn(
                principal.tenant_id,
                conversation_id,
                turn_id=said.id,
                speaker=speaker,
                text=text,
                at=said.created_at,
            )
            turn = conversation.turns[-1]
            await self._cancel(conversation_id)
            if speaker is Speaker.CUSTOMER:
                conversation = await self._recognise(conversation)
            await self._ports.bus.advance(conversation)
            await self._start(principal, conversation, started, turn)
        return turn

    async def ask(
        self, principal: Principal, conversation_id: str, question: str, hint: str = ""
    ) -> AskTicket:
        """Takes a representative's question and returns at once; a newer question or turn cancels it."""
        async with self._lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            revision = await self._revision(principal, conversation, time.perf_counter())
            return await self._asks.ask(
                principal,
                conversation,
                question,
                hint,
                profile=revision.profile,
                topic=revision.topic_playbook,
            )

    async def verify_customer(
        self,
        principal: Principal,
        conversation_id: str,
        *,
        email: str | None = None,
        order_id: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        zip_code: str | None = None,
    ) -> Customer:
        """Binds the customer whom e-mail and order number, or name and ZIP code, belong to.

        `CustomerNotVerified` when they do not, and always when too many attempts have failed.
        """
        claim = Claim(email, order_id, first_name, last_name, zip_code)
        async with self._lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            customer = await self._identity.check(principal.tenant_id, conversation_id, claim, principal.id)
            await self._cancel(conversation_id)
            conversation = await self._bind(conversation, customer.id)
            (await self._memory(conversation)).forget_order()  # so that it is looked up, and shown, anew
            await self._ports.bus.advance(conversation)
            await self._start(principal, conversation, time.perf_counter(), None)
        return customer

    async def unlock_customer(self, principal: Principal, conversation_id: str) -> None:
        """Lets verification be tried again, for what this conversation's attempts were about."""
        require(principal, Scope.CUSTOMERS_UNLOCK)
        conversation = await self._ports.store.get(principal.tenant_id, conversation_id)
        subjects = await self._identity.unlock(principal.tenant_id, conversation.id, principal.id)
        body = {"by": principal.id, "subjects": subjects}
        record = LedgerRecord(
            kind="unlock", subject_id=conversation.id, body=body, at=self._ports.clock.now()
        )
        await self._ports.ledger.append(principal.tenant_id, record)

    async def wrap_up(self, principal: Principal, conversation_id: str) -> WrapUp:
        """Closes the conversation with what goes into the CRM. `ConversationClosed` the second time."""
        async with self._lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            await self._cancel(conversation_id)
            revision = await self._revision(principal, conversation, time.perf_counter())
            memory = revision.memory
            summary = await self._refined(revision, await self._summary_now(revision))
            wrapped = build_wrap_up(
                conversation,
                summary,
                state_of(revision),
                matters=memory.matters,
                playbooks=revision.profile.playbooks,
                sentiment=memory.sentiments[-1].label if memory.sentiments else SentimentLabel.NEUTRAL,
                knowledge_gap=memory.gaps[-1] if memory.gaps else None,
                now=self._ports.clock.now(),
                templates=revision.profile.templates,
            )
            wrapped = await self._filed(revision, wrapped)
            closed = await self._ports.store.close(principal.tenant_id, wrapped)
            await self._ports.bus.advance(closed)
            await self._ports.bus.publish(principal.tenant_id, conversation_id, closed.revision, wrapped)
            await self._ports.bus.save(principal.tenant_id, conversation_id)
        self._forget(conversation_id)
        return wrapped

    async def hand_over(
        self, principal: Principal, conversation_id: str, to: str, reason: str = ""
    ) -> HandOver:
        """What `to` reads who takes the conversation over. It changes nothing: the CRM transfers."""
        async with self._lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            revision = await self._revision(principal, conversation, time.perf_counter())
            return build_hand_over(
                conversation,
                await self._refined(revision, await self._summary_now(revision)),
                state_of(revision),
                to=to,
                reason=reason,
                now=self._ports.clock.now(),
                templates=revision.profile.templates,
            )

    async def _summary_now(self, revision: Revision) -> Summary:
        """With the turns and actions that no finished work has taken into account yet."""
        memory, conversation = revision.memory, revision.conversation
        memory.actions = tuple(await self._ports.desk.actions(conversation))
        new = conversation.turns[memory.summarised_turns :]
        memory.summary = update_summary(memory.summary, new, conversation, state_of(revision))
        memory.summarised_turns = len(conversation.turns)
        return memory.summary

    async def _refined(self, revision: Revision, summary: Summary) -> Summary:
        """For the colleague or the file: reworded by the model where its words hold."""
        if self._refiner is None:
            return summary
        return await self._refiner.refine(summary, revision.conversation, revision.memory.actions)

    async def _filed(self, revision: Revision, wrapped: WrapUp) -> WrapUp:
        """With the model's disposition where no turn was recognised; a refused answer changes nothing."""
        if self._chooser is None or wrapped.disposition.confidence > 0:
            return wrapped
        try:
            found = await self._chooser.disposition(
                revision.conversation, wrapped.summary, revision.profile.playbooks
            )
        except CopilotError as error:
            _log.warning("no disposition by the model in %s: %s", wrapped.conversation_id, error.code)
            return wrapped
        return wrapped.model_copy(update={"disposition": found})

    # ------------------------------------------------------------ actions

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action:
        """One person's consent to what `digest` says; carried out unless a second person has to agree."""
        approved = await self._ports.desk.approve(principal, action_id, digest)
        await self._show_action(principal, approved, refresh=False)
        if approved.status is not ActionStatus.APPROVED:
            await self._show_action(principal, approved)
            return approved
        done = await self._ports.desk.execute(principal, action_id)
        await self._show_action(principal, done)
        return done

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action:
        action = await self._ports.desk.reject(principal, action_id, reason)
        await self._show_action(principal, action)
        return action

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action:
        """The proposal that replaces it, decided by policy anew and open for approval."""
        action = await self._ports.desk.edit(principal, action_id, arguments)
        await self._show_action(principal, action)
        return action

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action:
        """A supervisor says what became of an action whose outcome nobody knew."""
        action = await self._ports.desk.resolve(principal, action_id, outcome, evidence)
        await self._show_action(principal, action)
        return action

    async def record_feedback(
        self,
        principal: Principal,
        suggestion_id: str,
        verdict: FeedbackVerdict,
        final_text: str | None = None,
        reason: str | None = None,
    ) -> AnswerFeedback:
        """What became of a suggestion. `NotFound` for another tenant's."""
        await self._ports.store.get_suggestion(principal.tenant_id, suggestion_id)
        now = self._ports.clock.now()
        feedback = AnswerFeedback(
            suggestion_id=suggestion_id,
            tenant_id=principal.tenant_id,
            principal_id=principal.id,
            verdict=verdict,
            final_text=final_text,
            reason=reason,
            created_at=now,
        )
        await self._ports.store.add_feedback(feedback)
        body = {
            "verdict": verdict.value,
            "by": principal.id,
            "text": mask(final_text) if final_text else None,
            "reason": mask(reason) if reason else None,
        }
        record = LedgerRecord(kind="edit", subject_id=suggestion_id, body=body, at=now)
        await self._ports.ledger.append(principal.tenant_id, record)
        return feedback

    async def recover(self) -> list[Action]:
        """After a start: drives on what was approved or under way when the process before this one ended."""
        return await self._ports.desk.recover()

    async def show_action(self, action: Action) -> None:
        """Tells the panel of an action that has changed without anybody's request."""
        driver = Principal(id="system", tenant_id=action.tenant_id, name="System", role=Role.REPRESENTATIVE)
        await self._show_action(driver, action)

    async def idle(self) -> None:
        while running := [t for t in self._tasks.values() if not t.done()]:
            await asyncio.wait(running)
        await self._asks.idle()

    async def shutdown(self) -> None:
        """Cancels the work under way; turns are kept, what was shown is saved."""
        await self._asks.shutdown()
        for conversation_id in list(self._tasks):
            await self._cancel(conversation_id)

    # ------------------------------------------------------------ the work for a revision

    def _anticipate(self, tenant_id: str, said: Turn) -> None:
        """Embeds a customer's turn while it is being kept; what fails here fails again where it is told."""

        async def work() -> None:
            with suppress(CopilotError):
                await self._pipeline.anticipate(said, await self._profiles.of(tenant_id))

        if said.speaker is Speaker.CUSTOMER:
            task = asyncio.create_task(work())
            self._ahead.add(task)
            task.add_done_callback(self._ahead.discard)

    async def _known_customer(self, email: str | None) -> str | None:
        try:
            return (await self._ports.orders.find_customer_by_email(email)).id if email else None
        except CopilotError:
            return None  # the customer can still be verified later

    async def _start(
        self, principal: Principal, conversation: Conversation, started: float, turn: Turn | None
    ) -> None:
        """`turn` None: the customer was verified, so the last customer turn is answered anew."""
        revision = await self._revision(principal, conversation, started)
        if turn is not None:
            await revision.publish(turn)
        asked = turn or conversation.last_customer_turn
        if asked is not None and asked.speaker is Speaker.CUSTOMER:
            work = partial(self._pipeline.after_customer_turn, revision, asked)
        else:
            work = partial(self._pipeline.after_representative_turn, revision)
        task = asyncio.create_task(_guarded(work, conversation.id), name=f"assist {conversation.id}")
        self._tasks[conversation.id] = task
        task.add_done_callback(lambda done: self._finished(conversation.id, done))

    def _finished(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(conversation_id) is task:
            del self._tasks[conversation_id]

    async def _cancel(self, conversation_id: str) -> None:
        await self._asks.cancel(conversation_id)
        task = self._tasks.pop(conversation_id, None)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_PATIENCE_WITH_CANCELLED)

    async def _revision(self, principal: Principal, conversation: Conversation, started: float) -> Revision:
        return Revision(
            principal=principal,
            conversation=conversation,
            profile=await self._profiles.of(conversation.tenant_id),
            memory=await self._memory(conversation),
            bus=self._ports.bus,
            started=started,
        )

    async def _show_action(self, principal: Principal, action: Action, *, refresh: bool = True) -> None:
        """Tells the panel, and brings the order, next actions and summary up to date."""
        async with self._lock(action.conversation_id):
            conversation = await self._ports.store.get(principal.tenant_id, action.conversation_id)
            revision = await self._revision(principal, conversation, time.perf_counter())
            revision.memory.actions = tuple(await self._ports.desk.actions(conversation))
            await revision.publish(action)
            if refresh and conversation.status is ConversationStatus.OPEN:
                await self._pipeline.after_action(revision)

    async def _recognise(self, conversation: Conversation) -> Conversation:
        """Binds the customer whom the customer's own words prove; a failure here costs nothing else."""
        if conversation.customer_id is not None:
            return conversation
        profile = await self._profiles.of(conversation.tenant_id)
        entities = entities_of(conversation, profile, self._ports.clock.now().date())
        try:
            crm_email = (await self._memory(conversation)).crm_email
            customer = await self._identity.check_own_words(conversation, entities, crm_email)
        except CopilotError as error:
            _log.warning("customer not recognised in %s: %s", conversation.id, error.code)
            return conversation
        return conversation if customer is None else await self._bind(conversation, customer.id)

    async def _bind(self, conversation: Conversation, customer_id: str) -> Conversation:
        return await self._ports.store.set_customer(
            conversation.tenant_id, conversation.id, customer_id, self._ports.clock.now()
        )

    async def _open_conversation(self, principal: Principal, conversation_id: str) -> Conversation:
        conversation = await self._ports.store.get(principal.tenant_id, conversation_id)
        if conversation.status is not ConversationStatus.OPEN:
            raise ConversationClosed(
                "The conversation has been wrapped up.", hint="Open a new one.", where=conversation_id
            )
        return conversation

    async def _memory(self, conversation: Conversation) -> Memory:
        memory = self._memories.get(conversation.id)
        if memory is None:
            memory = Memory.of(await self._ports.store.snapshot(conversation.tenant_id, conversation.id))
            self._memories[conversation.id] = memory
        self._memories.move_to_end(conversation.id)
        while len(self._memories) > _REMEMBERED:
            self._memories.popitem(last=False)
        return memory

    def _lock(self, conversation_id: str) -> asyncio.Lock:
        lock = self._locks.setdefault(conversation_id, asyncio.Lock())
        self._locks.move_to_end(conversation_id)
        for oldest in list(self._locks)[: max(0, len(self._locks) - _REMEMBERED)]:
            if not self._locks[oldest].locked():
                del self._locks[oldest]
        return lock

    def _forget(self, conversation_id: str) -> None:
        self._memories.pop(conversation_id, None)


async def _guarded(work: Callable[[], Awaitable[None]], conversation_id: str) -> None:
    """A task's last resort: what escapes the stages is logged."""
    with suppress(asyncio.CancelledError):
        try:
            await work()
        except Exception:  # noqa: BLE001
            _log.exception("the work for a revision of %s failed", conversation_id)


def _require_text(text: str) -> None:
    if not text.strip():
        raise InvalidInput("The turn is empty.", where="text", hint="Send what was said.")
    if len(text) > MAX_TURN_CHARACTERS:
        raise TooLarge(
            f"The turn has {len(text)} characters, at most {MAX_TURN_CHARACTERS} are taken.", where="text"
        )
