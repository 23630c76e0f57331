"""What the API needs from the rest of the product; bootstrap hands in an object of this shape."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from copilot.api.knowledge_services import (
    Care,
    Documents,
    Jobs,
    Library,
    Searcher,
    Sources,
)
from copilot.domain.access import Principal
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.asking import AskTicket
from copilot.domain.assist import AnswerFeedback, FeedbackVerdict, Suggestion
from copilot.domain.assist_events import AssistEvent
from copilot.domain.branding import Branding
from copilot.domain.commerce import Customer
from copilot.domain.conversation import Channel, Conversation, PartialTurn, Speaker, Turn
from copilot.domain.helpdesk import ExternalContact, IntegrationState
from copilot.domain.macro import FilledMacro, FoundMacro
from copilot.domain.privacy import PrivacyKind, PrivacyRequest
from copilot.domain.reads import Channel as ReadChannel
from copilot.domain.reads import Data
from copilot.domain.signals import Alert
from copilot.domain.transforms import Transform, Transformed
from copilot.domain.usage import ConversationUsage, UsageTotals
from copilot.domain.wrap_up import HandOver, WrapUp
from copilot.ports import (
    ApiKeyStore,
    Clock,
    IdempotencyStore,
    PersonTokens,
    RateLimiter,
    SignInOffer,
    WidgetTokens,
)
from copilot.ports.reads import ReadStore
from copilot.ports.tracing import Tracer


class Assist(Protocol):
    """The live path: what people do in a conversation."""

    async def open(
        self,
        principal: Principal,
        channel: Channel,
        subject: str,
        customer_email: str | None,
        *,
        customer_verified: bool,
    ) -> Conversation: ...

    def room(self) -> AbstractContextManager[None]:
        """Held while a turn or question is taken; `Overloaded` when too many wait for their knowledge."""

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
        """Keeps the turn, starts the work on it and returns at once.

        The same utterance, or else the same request, is the same turn, however often it is sent.
        """

    async def hear(
        self, principal: Principal, conversation_id: str, speaker: Speaker, text: str, utterance_id: str
    ) -> PartialTurn:
        """Shows what has been heard of an utterance so far and returns at once."""

    async def find_macros(self, principal: Principal, query: str, limit: int) -> list[FoundMacro]: ...

    async def fill_macro(self, principal: Principal, conversation_id: str, macro_id: str) -> FilledMacro:
        """`InvalidInput` names the facts that are missing."""

    async def typing(self, principal: Principal, conversation_id: str, speaker: Speaker, text: str) -> None:
        """Begins work on what is still being written and returns at once."""

    async def ask(self, principal: Principal, conversation_id: str, question: str, hint: str) -> AskTicket:
        """Takes the question and returns at once."""

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
    ) -> Customer: ...

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
        """`ModelNeeded` where there is no model, `MeaningChanged` when its words do not keep the facts."""

    async def restore(self, principal: Principal, suggestion_id: str) -> Suggestion: ...

    async def unlock_customer(self, principal: Principal, conversation_id: str) -> None: ...

    async def wrap_up(self, principal: Principal, conversation_id: str) -> WrapUp: ...

    async def hand_over(
        self, principal: Principal, conversation_id: str, to: str, reason: str
    ) -> HandOver: ...

    async def record_feedback(
        self,
        principal: Principal,
        suggestion_id: str,
        verdict: FeedbackVerdict,
        final_text: str | None,
        reason: str | None,
    ) -> AnswerFeedback: ...

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action: ...

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action: ...

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action: ...

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action: ...


class Conversations(Protocol):
    """The part of ConversationStore that reads."""

    async def get(self, tenant_id: str, conversation_id: str) -> Conversation: ...

    async def list_open(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Conversation]: ...

    async def get_suggestion(self, tenant_id: str, suggestion_id: str) -> Suggestion: ...

    async def list_alerts(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Alert]: ...


class Actions(Protocol):
    """The part of ActionStore that reads."""

    async def get(self, tenant_id: str, action_id: str) -> Action: ...

    async def list_waiting(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Action]: ...


class Events(Protocol):
    """The part of EventBus that listens."""

    @property
    def subscriber_count(self) -> int: ...

    @property
    def cut_off_count(self) -> int:
        """Subscribers cut off so far for being too slow."""

    def listen(self, listener: Callable[[AssistEvent], None]) -> None:
        """`listener` hears of every event once, when it is sent."""

    def subscribe(
        self, tenant_id: str, conversation_id: str, after: int | None
    ) -> AsyncGenerator[AssistEvent]: ...

    def watch_alerts(self, tenant_id: str, after: str | None) -> AsyncGenerator[Alert]: ...


class Links(Protocol):
    """Conversations by what a CRM calls them."""

    async def conversation_for(self, principal: Principal, contact: ExternalContact) -> str:
        """The id of the open conversation that stands for it, opened when there is none."""


class Helpdesks(Protocol):
    """What outside helpdesks tell us of."""

    async def states(self, tenant_id: str) -> list[IntegrationState]: ...

    async def accept(self, name: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Keeps what a webhook tells; False when it told nothing new. `NotFound` for an unknown name,
        `NotAuthenticated` unless the helpdesk signed it.
        """


class Usage(Protocol):
    """What language models were used for."""

    def listen(self, listener: Callable[[UsageTotals], None]) -> None: ...

    async def of(self, tenant_id: str, conversation_id: str) -> ConversationUsage: ...


class GapReports(Protocol):
    """Questions that a representative says nothing answers."""

    async def report(self, principal: Principal, conversation_id: str, question: str) -> None: ...


class Reads(Protocol):
    """The audit of reads."""

    @property
    def store(self) -> ReadStore: ...

    def note(
        self,
        principal: Principal,
        data: Data,
        *,
        channel: ReadChannel,
        route: str,
        conversation_ids: Iterable[str] = (),
        subject_id: str | None = None,
        again: bool = False,
    ) -> None:
        """Never waits."""


class PrivacyDesk(Protocol):
    """Erasures and exports of customers' data, for administrators."""

    async def propose(
        self, principal: Principal, kind: PrivacyKind, customer_id: str, said: Sequence[str]
    ) -> PrivacyRequest: ...

    async def approve(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest:
        """`SecondApproverNeeded` for who proposed it."""

    async def reject(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest: ...

    async def get(self, principal: Principal, kind: PrivacyKind, request_id: str) -> PrivacyRequest: ...

    async def list(
        self,
        principal: Principal,
        kind: PrivacyKind | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[PrivacyRequest]: ...

    async def document(self, principal: Principal, request_id: str) -> dict[str, Any]: ...


class Dependency(Protocol):
    """How one dependency is, and since when."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def required(self) -> bool: ...
    @property
    def since(self) -> datetime: ...
    @property
    def milliseconds(self) -> float: ...
    @property
    def problem(self) -> str | None: ...


class Readiness(Protocol):
    """What was found by asking in the background."""

    @property
    def ready(self) -> bool: ...
    @property
    def states(self) -> Sequence[Dependency]: ...


class Lag(Protocol):
    def listen(self, listener: Callable[[float], None]) -> None: ...


class Vitals(Protocol):
    """Signs of life; `bootstrap.vitals` says what each is."""

    @property
    def readiness(self) -> Readiness: ...
    @property
    def lag(self) -> Lag: ...
    @property
    def backlog(self) -> Mapping[str, Callable[[], float]]: ...
    @property
    def queues(self) -> Mapping[str, Callable[[], int]]: ...
    @property
    def lost(self) -> Mapping[str, Callable[[], int]]: ...
    @property
    def caches(self) -> Mapping[str, Callable[[], tuple[int, int]]]: ...
    @property
    def background(self) -> bool: ...


class Services(Protocol):
    """The use cases and stores behind the API."""

    @property
    def assist(self) -> Assist: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def actions(self) -> Actions: ...
    @property
    def events(self) -> Events: ...
    @property
    def search(self) -> Searcher: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def library(self) -> Library: ...
    @property
    def care(self) -> Care: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def sources(self) -> Sources: ...
    @property
    def api_keys(self) -> ApiKeyStore: ...
    @property
    def widget_tokens(self) -> WidgetTokens: ...
    @property
    def links(self) -> Links: ...
    @property
    def helpdesks(self) -> Helpdesks: ...
    @property
    def idempotency(self) -> IdempotencyStore: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def reads(self) -> Reads: ...
    @property
    def privacy(self) -> PrivacyDesk: ...
    @property
    def gap_reports(self) -> GapReports: ...
    @property
    def branding(self) -> Mapping[str, Branding]:
        """By tenant, for those that have one."""

    @property
    def clock(self) -> Clock: ...
    @property
    def rates(self) -> RateLimiter: ...
    @property
    def person_tokens(self) -> PersonTokens | None:
        """None: nobody signs in elsewhere."""

    @property
    def sign_in_offer(self) -> SignInOffer | None:
        """None: the extension takes API keys alone."""

    @property
    def tracer(self) -> Tracer: ...
    @property
    def vitals(self) -> Vitals: ...
