"""The live path: what happens when somebody types, speaks, asks, or decides on an action."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from copilot.assist.ahead import Ahead
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.choosing import Chooser
from copilot.assist.collaborators import SentenceRanker
from copilot.assist.identity import Claim
from copilot.assist.live_parts import LivePorts, live_parts
from copilot.assist.macros import fill, macro_of
from copilot.assist.metering import on_account_of
from copilot.assist.profile import TenantProfiles
from copilot.assist.revision import Memory
from copilot.assist.rewording import Rewording
from copilot.assist.silence import Silence
from copilot.assist.summary_refining import SummaryRefiner
from copilot.assist.turn_work import TurnWork, known_turn, require_length, require_text, utterance_turn
from copilot.domain.access import Principal
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.asking import AskLimits, AskTicket
from copilot.domain.assist import AnswerFeedback, FeedbackVerdict, Suggestion
from copilot.domain.commerce import Customer
from copilot.domain.conversation import (
    Channel,
    Conversation,
    ConversationStatus,
    PartialTurn,
    Speaker,
    Turn,
)
from copilot.domain.errors import ConversationClosed
from copilot.domain.macro import FilledMacro, FoundMacro
from copilot.domain.transforms import Transform, Transformed
from copilot.domain.wrap_up import HandOver, WrapUp
from copilot.ports import Drafter


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
        silence: Silence | None = None,
        ahead: Ahead | None = None,
        composer: Drafter | None = None,
        chooser: Chooser | None = None,
        refiner: SummaryRefiner | None = None,
        rewording: Rewording | None = None,
        most_waiting: int = 32,
    ) -> None:
        """Without `llm` the composer drafts alone; `llm_seconds` is how long its draft may take.

        `composer` is another one than ours, for evaluations that plant a fault.
        Without `asker` the playbook planner alone answers what representatives ask. `chooser` picks among
        next actions and dispositions, `refiner` rewords the summary when it is handed over or filed.
        `most_waiting` is how many turns may wait for their knowledge.
        """
        parts = live_parts(
            ports,
            profiles,
            llm=llm,
            ranker=ranker,
            llm_seconds=llm_seconds,
            asker=asker,
            ask_limits=ask_limits,
            silence=silence,
            ahead=ahead,
            composer=composer,
            chooser=chooser,
            refiner=refiner,
            rewording=rewording,
            most_waiting=most_waiting,
        )
        self._ports = ports
        self._profiles = profiles
        self._workbench = parts.workbench
        self._backlog = parts.backlog
        self._verification = parts.verification
        self._pipeline = parts.pipeline
        self._closing = parts.closing
        self._ahead = parts.ahead
        self._feedback = parts.feedback
        self._actions = parts.actions
        self._asks = parts.asks
        self._saved = parts.saved
        self._drafts = parts.drafts
        self.nudges = parts.nudges
        self._work = TurnWork(ports, profiles, parts)

    # ------------------------------------------------------------ a conversation, from its opening to its end

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
        email = customer_email if customer_verified else None
        known = await self._verification.known_customer(principal.tenant_id, email)
        conversation = Conversation(
            id=self._ports.ids.new("conv"),
            tenant_id=principal.tenant_id,
            channel=channel,
            subject=subject.strip(),
            customer_id=known,
            representative_id=principal.id,
            created_at=now,
            updated_at=now,
        )
        await self._ports.store.create(conversation)
        self._workbench.remember(conversation.id, Memory(crm_email=customer_email))
        return conversation

    async def typing(self, principal: Principal, conversation_id: str, speaker: Speaker, text: str) -> None:
        """Begins work on what a customer is still writing; nothing of it shows before the turn arrives."""
        require_length(text)
        conversation = await self._open_conversation(principal, conversation_id)
        if speaker is Speaker.CUSTOMER and text.strip() and not self._backlog.is_busy:
            self._ahead.begin(
                conversation, text, partial(self._work.seat, principal, conversation), self._pipeline.rehearse
            )

    async def hear(
        self, principal: Principal, conversation_id: str, speaker: Speaker, text: str, utterance_id: str
    ) -> PartialTurn:
        """Shows what has been heard of an utterance so far, in place of what was shown of it before.

        What comes late, after the turn that it became, shows nothing.
        """
        require_text(text)
        heard = PartialTurn(
            turn_id=utterance_turn(principal, conversation_id, utterance_id),
            conversation_id=conversation_id,
            utterance_id=utterance_id,
            speaker=speaker,
            text=text,
            created_at=self._ports.clock.now(),
        )
        async with self._workbench.lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            if any(turn.id == heard.turn_id for turn in conversation.turns):
                return heard
            await self._ports.bus.publish(principal.tenant_id, conversation_id, conversation.revision, heard)
        await self.typing(principal, conversation_id, speaker, text)
        return heard

    def room(self) -> AbstractContextManager[None]:
        """Held while a turn or question is taken; `Overloaded` when it would be answered too late."""
        return self._backlog.room()

    async def add_turn(
        self,
        principal: Principal,
        conversation_id: str,
        speaker: Speaker,
        text: str,
        *,
        utterance_id: str | None = None,
        request: str | None = None,
    ) -> Turn:
        """Keeps the turn, cancels the work for older ones, starts its own, and returns at once.

        The same `utterance_id`, or else the same `request` (an Idempotency-Key), is the same turn.
        """
        started = time.perf_counter()
        require_text(text)
        said = Turn(
            id=known_turn(principal, conversation_id, utterance_id, request) or self._ports.ids.new("turn"),
            conversation_id=conversation_id,
            sequence=1,  # the store counts
            speaker=speaker,
            text=text,
            created_at=self._ports.clock.now(),
        )
        self._work.glance(principal.tenant_id, said)
        async with self._workbench.lock(conversation_id):
            conversation = await self._ports.store.append_turn(
                principal.tenant_id,
                conversation_id,
                turn_id=said.id,
                speaker=speaker,
                text=text,
                at=said.created_at,
            )
            if conversation is None:
                return await self._work.said_already(principal, conversation_id, said.id, started)
            turn = conversation.turns[-1]
            await self._work.make_way(conversation_id)
            begun = self._ahead.claim(conversation, turn)
            if speaker is Speaker.CUSTOMER:
                conversation = await self._verification.recognise(conversation)
            await self._work.start(principal, conversation, turn, begun, started)
        return turn

    async def ask(
        self, principal: Principal, conversation_id: str, question: str, hint: str = ""
    ) -> AskTicket:
        """Takes a representative's question and returns at once; a newer question or turn cancels it.

        A hint ("offer the voucher") shapes the reply draft too, which is written anew.
        """
        async with self._workbench.lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            revision = await self._workbench.revision(principal, conversation)
            ticket = await self._asks.ask(
                principal,
                conversation,
                question,
                hint,
                profile=revision.profile,
                topic=revision.topic_playbook,
            )
            if hint.strip() and conversation.last_customer_turn is not None:
                work = partial(self._pipeline.after_hint, revision, hint.strip())
                self._workbench.follow(conversation_id, work)
        return ticket

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

        `CustomerNotVerified` when they do not, and always when too many attempts have failed. The last
        customer turn is then answered anew.
        """
        claim = Claim(email, order_id, first_name, last_name, zip_code)
        started = time.perf_counter()
        async with self._workbench.lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            customer = await self._verification.prove(principal, conversation, claim)
            await self._work.make_way(conversation_id)
            self._ahead.drop(conversation_id)
            conversation = await self._verification.bind(conversation, customer.id)
            (await self._workbench.memory(conversation)).forget_order()  # looked up, and shown, anew
            await self._work.start(principal, conversation, None, None, started)
        return customer

    async def find_macros(self, principal: Principal, query: str, limit: int) -> list[FoundMacro]:
        """Saved replies for the query, best first; by title when it is empty."""
        profile = await self._profiles.of(principal.tenant_id)
        return await self._saved.search(tuple(profile.macros.values()), query, limit)

    async def fill_macro(self, principal: Principal, conversation_id: str, macro_id: str) -> FilledMacro:
        """A saved reply filled with what is known in the conversation; `InvalidInput` names what is not."""
        conversation = await self._open_conversation(principal, conversation_id)
        revision = await self._workbench.revision(principal, conversation)
        macro = macro_of(revision.profile.macros, macro_id)
        situation = await self._pipeline.situation(revision)
        return fill(macro, situation.facts, situation.sources)

    async def transform(
        self,
        principal: Principal,
        conversation_id: str,
        how: Transform,
        *,
        text: str | None = None,
        suggestion_id: str | None = None,
        language: str | None = None,
    ) -> Transformed:
        """A draft, or the representative's own text, in other words; shown to nobody else."""
        require_length(text or "")
        conversation = await self._open_conversation(principal, conversation_id)
        revision = await self._workbench.revision(principal, conversation)
        situation = revision.memory.situation
        return await self._drafts.transform(
            revision,
            how,
            text=text,
            suggestion_id=suggestion_id,
            language=language,
            facts=situation.facts if situation else {},
        )

    async def restore(self, principal: Principal, suggestion_id: str) -> Suggestion:
        """The draft that another one has replaced, shown again; `Conflict` when somebody has spoken since."""
        former = await self._ports.store.get_suggestion(principal.tenant_id, suggestion_id)
        async with self._workbench.lock(former.conversation_id):
            conversation = await self._open_conversation(principal, former.conversation_id)
            revision = await self._workbench.revision(principal, conversation)
            return await self._drafts.restore(revision, suggestion_id)

    async def unlock_customer(self, principal: Principal, conversation_id: str) -> None:
        """Lets verification be tried again, for what this conversation's attempts were about."""
        await self._verification.unlock(principal, conversation_id)

    async def wrap_up(self, principal: Principal, conversation_id: str) -> WrapUp:
        """Closes the conversation with what goes into the CRM. `ConversationClosed` the second time."""
        async with self._workbench.lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            await self._work.make_way(conversation_id)
            self._ahead.drop(conversation_id)
            revision = await self._workbench.revision(principal, conversation)
            revision.memory.actions = tuple(await self._ports.desk.actions(conversation))
            with on_account_of(principal.tenant_id, conversation_id):
                wrapped = await self._closing.wrap_up(revision)
            closed = await self._ports.store.close(principal.tenant_id, wrapped)
            await self._ports.bus.advance(closed)
            await self._ports.bus.publish(principal.tenant_id, conversation_id, closed.revision, wrapped)
            await self._ports.bus.save(principal.tenant_id, conversation_id)
        self._workbench.forget(conversation_id)
        return wrapped

    async def hand_over(
        self, principal: Principal, conversation_id: str, to: str, reason: str = ""
    ) -> HandOver:
        """What `to` reads who takes the conversation over. It changes nothing: the CRM transfers."""
        async with self._workbench.lock(conversation_id):
            conversation = await self._open_conversation(principal, conversation_id)
            revision = await self._workbench.revision(principal, conversation)
            revision.memory.actions = tuple(await self._ports.desk.actions(conversation))
            with on_account_of(principal.tenant_id, conversation_id):
                return await self._closing.hand_over(revision, to, reason)

    # ------------------------------------------------------------ what people decide

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action:
        """One person's consent to what `digest` says; carried out unless a second person has to agree."""
        return await self._actions.approve(principal, action_id, digest)

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action:
        return await self._actions.reject(principal, action_id, reason)

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action:
        """The proposal that replaces it, decided by policy anew and open for approval."""
        return await self._actions.edit(principal, action_id, arguments)

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action:
        """A supervisor says what became of an action whose outcome nobody knew."""
        return await self._actions.resolve(principal, action_id, outcome, evidence)

    async def show_action(self, action: Action) -> None:
        """Tells the panel of an action that has changed without anybody's request."""
        await self._actions.show(action)

    async def record_feedback(
        self,
        principal: Principal,
        suggestion_id: str,
        verdict: FeedbackVerdict,
        final_text: str | None = None,
        reason: str | None = None,
    ) -> AnswerFeedback:
        """What became of a suggestion. `NotFound` for another tenant's."""
        suggestion, feedback = await self._feedback.record(
            principal, suggestion_id, verdict, final_text, reason
        )
        self._workbench.judged(suggestion)
        return feedback

    # ------------------------------------------------------------ the process's own life

    async def recover(self) -> list[Action]:
        """After a start: drives on what was approved or under way when the process before this one ended."""
        return await self._actions.recover()

    async def idle(self) -> None:
        """Waits until nothing is under way, for tests and for a clean end."""
        await self._workbench.idle()
        await self._work.settle()
        await self._ahead.idle()
        await self._asks.idle()

    async def shutdown(self) -> None:
        """Cancels the work under way; turns are kept, what was shown is saved."""
        await self._ahead.shutdown()
        await self._asks.shutdown()
        await self._workbench.shutdown()
        await self._work.settle()

    async def _open_conversation(self, principal: Principal, conversation_id: str) -> Conversation:
        conversation = await self._ports.bus.conversation(principal.tenant_id, conversation_id)
        if conversation.status is not ConversationStatus.OPEN:
            raise ConversationClosed(
                "The conversation has been wrapped up.", hint="Open a new one.", where=conversation_id
            )
        return conversation
