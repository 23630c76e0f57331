"""A small world behind the API: hand-written fakes of the use cases, in memory."""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

from copilot.adapters.fakes.api_key_store import MemoryApiKeyStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.console_sessions import MemoryConsoleSessions
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.fakes.helpdesk_store import MemoryHelpdeskStore
from copilot.adapters.fakes.idempotency_store import MemoryIdempotencyStore
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.privacy_requests import MemoryLeases, MemoryPrivacyRequests
from copilot.adapters.fakes.read_store import MemoryReadStore
from copilot.adapters.fakes.usage_store import MemoryUsageStore
from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.adapters.memory_rate_limiter import MemoryRateLimiter
from copilot.adapters.plain_tracing import PlainTracer
from copilot.adapters.probes import Probes
from copilot.adapters.widget_tokens import SignedWidgetTokens
from copilot.assist.erasure import Eraser
from copilot.assist.gap_reports import GapReports
from copilot.assist.helpdesk.links import ConversationLinks
from copilot.assist.metering import Metering
from copilot.assist.privacy_desk import PrivacyDesk
from copilot.assist.read_journal import ReadJournal
from copilot.bootstrap.vitals import Vitals
from copilot.domain.actions import Action, ActionStatus, PolicyDecision, PolicyOutcome, ToolCall, ToolEffect
from copilot.domain.asking import AskTicket
from copilot.domain.assist import Drafter
from copilot.domain.branding import Branding
from copilot.domain.care import (
    Finding,
    GapCluster,
    GapStatus,
    Impact,
    LintCheck,
    LintProgress,
    LintReport,
    Place,
    Severity,
)
from copilot.domain.commerce import Address, Customer, Money
from copilot.domain.conversation import Conversation, PartialTurn
from copilot.domain.errors import ActionNotOpen, ModelNeeded, NotFound, SealBroken, UnreadableDocument
from copilot.domain.knowledge import (
    BlockKind,
    KnowledgeDocument,
    Passage,
    ScoredPassage,
    ScoreParts,
    SearchResult,
)
from copilot.domain.macro import FilledMacro, FoundMacro, Macro
from copilot.domain.transforms import Transformed
from copilot.domain.wrap_up import Disposition, HandOver, Summary, WrapUp
from copilot.retrieval.lint.runs import LintRuns

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


VOUCHER = Macro(id="voucher", title="Voucher", text="May I offer you a voucher?")


class FakeAssist:
    """The live path without any intelligence: it keeps, publishes and answers."""

    def __init__(self, clock, ids, conversations, events, actions) -> None:
        self._clock, self._ids = clock, ids
        self._conversations, self._events, self._actions = conversations, events, actions
        self.failure: Exception | None = None
        self.full: Exception | None = None  # what a turn is refused with at the door
        self.hold = None  # an asyncio.Event that requests wait for
        self.verified: dict[str, str | None] = {}
        self.typed = []
        self.unlocked: list[str] = []
        self.feedback: list[tuple[str, str, str | None, str | None]] = []

    async def open(self, principal, channel, subject="", customer_email=None, *, customer_verified=False):
        await self._maybe_fail()
        now = self._clock.now()
        conversation = Conversation(
            id=self._ids.new("conv"),
            tenant_id=principal.tenant_id,
            channel=channel,
            subject=subject,
            representative_id=principal.id,
            created_at=now,
            updated_at=now,
        )
        await self._conversations.create(conversation)
        return conversation

    @contextmanager
    def room(self):
        if self.full is not None:
            raise self.full
        yield

    async def typing(self, principal, conversation_id, speaker, text):
        await self._conversations.get(principal.tenant_id, conversation_id)
        self.typed.append((conversation_id, speaker, text))

    async def find_macros(self, principal, query, limit):
        return [FoundMacro(macro=VOUCHER, score=0.9)][:limit]

    async def fill_macro(self, principal, conversation_id, macro_id):
        await self._conversations.get(principal.tenant_id, conversation_id)
        return FilledMacro(macro_id=macro_id, title=VOUCHER.title, text=VOUCHER.text)

    async def hear(self, principal, conversation_id, speaker, text, utterance_id):
        heard = PartialTurn(
            turn_id=f"turn_{utterance_id}",
            conversation_id=conversation_id,
            utterance_id=utterance_id,
            speaker=speaker,
            text=text,
            created_at=self._clock.now(),
        )
        conversation = await self._conversations.get(principal.tenant_id, conversation_id)
        await self._events.publish(principal.tenant_id, conversation_id, conversation.revision, heard)
        return heard

    async def add_turn(self, principal, conversation_id, speaker, text, *, utterance_id=None, request=None):
        await self._maybe_fail()
        conversation = await self._conversations.append_turn(
            principal.tenant_id,
            conversation_id,
            turn_id=f"turn_{utterance_id or request}" if utterance_id or request else self._ids.new("turn"),
            speaker=speaker,
            text=text,
            at=self._clock.now(),
        )
        if conversation is None:
            kept = await self._conversations.get(principal.tenant_id, conversation_id)
            return next(t for t in kept.turns if t.id == f"turn_{utterance_id or request}")
        turn = conversation.turns[-1]
        await self._events.advance(conversation)
        await self._events.publish(principal.tenant_id, conversation_id, conversation.revision, turn)
        return turn

    async def ask(self, principal, conversation_id, question, hint):
        conversation = await self._conversations.get(principal.tenant_id, conversation_id)
        self.asked = (question, hint)
        return AskTicket(ask_id="ask_1", conversation_id=conversation_id, revision=conversation.revision)

    async def verify_customer(self, principal, conversation_id, **proof):
        self.verified = proof
        await self._conversations.set_customer(
            principal.tenant_id, conversation_id, "cust_1", self._clock.now()
        )
        address = Address(address1="1 Oak St", city="Austin", state="TX", country="USA", zip="78701")
        return Customer(
            id="cust_1", first_name="Mia", last_name="Li", email="mia@example.com", address=address
        )

    async def wrap_up(self, principal, conversation_id):
        wrap_up = WrapUp(
            conversation_id=conversation_id,
            disposition=Disposition(code="other", title="Other", confidence=0.5),
            summary=Summary(conversation_id=conversation_id, revision=0),
            case_note="Done.",
            created_at=self._clock.now(),
        )
        await self._conversations.close(principal.tenant_id, wrap_up)
        return wrap_up

    async def hand_over(self, principal, conversation_id, to, reason):
        conversation = await self._conversations.get(principal.tenant_id, conversation_id)
        return HandOver(
            conversation_id=conversation_id,
            revision=conversation.revision,
            to=to,
            reason=reason,
            summary=Summary(conversation_id=conversation_id, revision=conversation.revision),
            note=f"For {to}",
            created_at=self._clock.now(),
        )

    async def record_feedback(self, principal, suggestion_id, verdict, final_text, reason):
        await self._conversations.get_suggestion(principal.tenant_id, suggestion_id)
        self.feedback.append((suggestion_id, verdict, final_text, reason))

    async def approve(self, principal, action_id, digest):
        action = await self._actions.get(principal.tenant_id, action_id)
        if digest != action.digest:
            raise SealBroken("the action is not the one that was shown", hint="Look at it again.")
        return self._actions.settle(action, "approved")

    async def reject(self, principal, action_id, reason):
        action = await self._actions.get(principal.tenant_id, action_id)
        return self._actions.settle(action, "rejected")

    async def edit(self, principal, action_id, arguments):
        action = await self._actions.get(principal.tenant_id, action_id)
        call = action.call.model_copy(update={"arguments": dict(arguments)})
        return action.model_copy(update={"call": call, "replaces": action.id})

    async def resolve(self, principal, action_id, outcome, evidence):
        action = await self._actions.get(principal.tenant_id, action_id)
        self._actions.kept[action_id] = action.model_copy(update={"status": outcome})
        return self._actions.kept[action_id]

    async def transform(
        self, principal, conversation_id, how, *, text=None, suggestion_id=None, language=None
    ):
        await self._conversations.get(principal.tenant_id, conversation_id)
        if how == "rewrite":
            raise ModelNeeded("It needs a model.")
        return Transformed(how=how, text=text, sentences=(), drafter=Drafter.COMPOSER, changed=False)

    async def restore(self, principal, suggestion_id):
        return await self._conversations.get_suggestion(principal.tenant_id, suggestion_id)

    async def unlock_customer(self, principal, conversation_id):
        await self._conversations.get(principal.tenant_id, conversation_id)
        self.unlocked.append(conversation_id)

    async def _maybe_fail(self):
        if self.hold:
            await self.hold.wait()
        if self.failure:
            raise self.failure


class FakeActions:
    def __init__(self) -> None:
        self.kept: dict[str, Action] = {}

    async def get(self, tenant_id, action_id):
        action = self.kept.get(action_id)
        if action is None or action.tenant_id != tenant_id:
            raise NotFound(f"there is no action {action_id!r}")
        return action

    async def list_waiting(self, tenant_id, *, after=None, limit=50):
        return [a for _, a in sorted(self.kept.items()) if after is None or a.id > after][:limit]

    def settle(self, action, status):
        if action.status != "proposed":
            raise ActionNotOpen(f"action {action.id} is {action.status}")
        self.kept[action.id] = action.model_copy(update={"status": ActionStatus(status)})
        return self.kept[action.id]

    def propose(self, action_id="act_1"):
        action = Action(
            id=action_id,
            tenant_id="larkfield",
            conversation_id="conv_1",
            revision=1,
            customer_id="cust_1",
            call=ToolCall(id="call_1", tool="refund_order", arguments={"amount": "25.00"}),
            effect=ToolEffect.MONEY,
            preview="Refund $25.00",
            amount=Money(minor=2500),
            decision=PolicyDecision(outcome=PolicyOutcome.ALLOW, findings=(), as_of=NOW),
            proposed_at=NOW,
            expires_at=NOW,
        )
        self.kept[action_id] = action.model_copy(update={"digest": action.compute_digest()})
        return self.kept[action_id]


class FakeLibrary:
    """Documents in a dictionary; it also searches them, badly."""

    def __init__(self) -> None:
        self.kept: dict[str, KnowledgeDocument] = {}
        self.queries, self.found = [], []

    async def add_file(self, tenant_id, file_name, content):
        if content.startswith(b"%PDF"):
            raise UnreadableDocument("the PDF cannot be opened", where=file_name)
        return [self._keep(tenant_id, file_name.partition(".")[0], file_name, content.decode())]

    async def put_markdown(self, tenant_id, external_id, title, text, metadata):
        return self._keep(tenant_id, external_id, title, text, **metadata)

    async def remove(self, tenant_id, external_id, version):
        await self.get_document(tenant_id, external_id, version)
        del self.kept[external_id]

    async def get_document(self, tenant_id, external_id, version=None):
        if external_id not in self.kept or self.kept[external_id].tenant_id != tenant_id:
            raise NotFound(f"there is no document {external_id!r}")
        return self.kept[external_id]

    async def list_documents(self, tenant_id, *, after=None, limit=50):
        found = sorted(self.kept.values(), key=lambda d: d.id)
        return [d for d in found if after is None or d.id > after][:limit]

    async def search(self, query):
        self.queries.append(query)
        return SearchResult(passages=tuple(self.found), answerable=bool(self.found), confidence=0)

    def finds(self, external_id, title, text):
        """What every search finds from now on, besides what it found before."""
        self._keep("larkfield", external_id, title, text)
        document = self.kept[external_id]
        scored = ScoredPassage(
            passage=Passage(
                id=f"psg_{external_id}",
                document_id=document.id,
                position=0,
                text=text,
                context=title,
                kind=BlockKind.PARAGRAPH,
                heading_path=(title,),
                clause=None,
                page=None,
                start=0,
                end=len(text),
                token_count=9,
                content_hash="0" * 64,
            ),
            document=document,
            score=1.0,
            confidence=0.8,
            parts=ScoreParts(cosine=0.7, keyword=0.5, likeness=0.9),
        )
        self.found.append(scored)
        return scored

    def _keep(self, tenant_id, external_id, title, text, **metadata):
        self.kept[external_id] = KnowledgeDocument(
            id=f"doc_{external_id}",
            tenant_id=tenant_id,
            external_id=external_id,
            title=title,
            text=text,
            blocks=(),
            content_hash="0" * 64,
            **metadata,
        )
        return self.kept[external_id]


class KeptOut:
    def __init__(self, library) -> None:
        self._library = library
        self.decisions = []

    async def release(self, tenant_id, external_id, version, *, by, reason=""):
        self.decisions.append(("release", external_id, version, by, reason))
        return await self._library.get_document(tenant_id, external_id)

    async def quarantine(self, tenant_id, external_id, version, *, by, reason):
        self.decisions.append(("quarantine", external_id, version, by, reason))
        return await self._library.get_document(tenant_id, external_id)


class FakeCare:
    """One gap, one finding, and whatever it is told."""

    def __init__(self, library) -> None:
        self.gaps = self.impact = self
        self.lint_runs = LintRuns(self)
        self.quarantine = KeptOut(library)
        self._library = library
        self.status = GapStatus.OPEN
        self.linted = []
        self.linting = None  # an asyncio.Event that the checks wait for

    async def run(self, tenant_id, *, checks, uncited_after=None, on_progress=None):
        self.linted.append((tenant_id, checks, uncited_after))
        if self.linting is not None:
            on_progress(LintProgress(step="comparing passages", done=3, total=8))
            await self.linting.wait()
        place = Place(external_id="blog", version="1", title="Blog", text="24 months")
        finding = Finding(
            check=LintCheck.STALE, severity=Severity.WARNING, message="It is old.", places=(place,)
        )
        return LintReport(checked_at=NOW, documents=1, passages=1, findings=(finding,))

    async def list_clusters(self, tenant_id, *, status=None, after=None, limit=50):
        found = [self._cluster(tenant_id)]
        return [c for c in found if status in {None, c.status} and (after is None or c.id > after)]

    async def set_status(self, tenant_id, cluster_id, status, changed_by):
        if cluster_id != "gapc_1":
            raise NotFound(f"there is no gap {cluster_id!r}")
        self.status = status
        return self._cluster(tenant_id).model_copy(update={"changed_by": changed_by})

    async def of(self, tenant_id, external_id, version=None, *, limit=100):
        return Impact(
            external_id=external_id,
            version=version,
            day=NOW.date(),
            present_version="2",
            replies=(),
            open_conversations=(),
            named_in=(),
        )

    def _cluster(self, tenant_id):
        return GapCluster(
            id="gapc_1",
            tenant_id=tenant_id,
            question="Do you ship to Mars?",
            count=3,
            first_asked_at=NOW,
            last_asked_at=NOW,
            status=self.status,
        )


class MemoryGaps:
    """The part of KnowledgeStore that keeps unanswered questions."""

    def __init__(self) -> None:
        self.gaps = []

    async def record_gap(self, gap):
        self.gaps.append(gap)


class FakeRecords:
    """One conversation of anybody who is asked for; as PersonalRecords and PersonalCopies."""

    kept: ClassVar = {}

    async def conversations_of(self, _tenant, _customer_id, _words=()):
        return ["conv_1"]

    async def export(self, _tenant, _conversation_id):
        return {"turns": [{"text": "hello"}]}

    async def erase(self, _tenant, _conversation_id):
        return Counter(turns=1)

    async def open_entries(self, _tenant, _ids):
        return []

    async def traces(self, _tenant, _words):
        return Counter()

    async def forget(self, _tenant, _conversation_id):
        return Counter()

    async def overwrite(self):
        return True

    async def holding(self, _words):
        return Counter()


class World:
    """Everything that `create_api` asks for."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.conversations = MemoryConversationStore()
        self.events = MemoryEventBus(self.conversations, self.clock)
        self.actions = FakeActions()
        self.assist = FakeAssist(self.clock, SequentialIds(), self.conversations, self.events, self.actions)
        self.jobs = self.sources = None  # with real parts in tests/integration/test_knowledge_api.py
        self.library = self.documents = self.search = FakeLibrary()
        self.care = FakeCare(self.library)
        self.api_keys = MemoryApiKeyStore(self.clock)
        self.console_sessions = MemoryConsoleSessions()
        self.reads = ReadJournal(MemoryReadStore(), self.clock, SequentialIds(), seconds=0)
        self.widget_tokens = SignedWidgetTokens(b"s" * 32, self.clock)
        self.links = ConversationLinks(MemoryHelpdeskStore(), self.conversations, self.assist, self.clock)
        self.helpdesks = None  # with real parts in tests/integration/test_helpdesk_webhooks.py
        self.idempotency = MemoryIdempotencyStore()
        self.rates = MemoryRateLimiter(per_minute=100_000, burst=100_000)
        self.person_tokens = self.person_sign_in = self.sign_in_offer = None
        self.usage = Metering(MemoryUsageStore())
        self.knowledge = MemoryGaps()
        self.gap_reports = GapReports(self.conversations, self.knowledge, self.clock, SequentialIds())
        ledger, records = FakeLedgerStore(), FakeRecords()
        self.privacy = PrivacyDesk(
            MemoryPrivacyRequests(),
            records,
            Eraser(records, records, ledger, self.clock),
            MemoryLeases(),
            ledger,
            self.clock,
            SequentialIds(),
        )
        self.branding = {"larkfield": Branding(name="Larkfield", accent="#2d6a4f")}
        self.vitals = Vitals(Probes((), self.clock))
        self.tracer = PlainTracer()
