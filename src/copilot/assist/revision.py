"""The work for one revision of a conversation, and what is remembered from one revision to the next."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from copilot.assist.metering import on_account_of
from copilot.assist.profile import TenantProfile
from copilot.assist.situation import Situation
from copilot.domain.access import Principal
from copilot.domain.actions import Action, ToolResult
from copilot.domain.assist import Degraded, KnowledgeCards, NextAction, OrderView, Suggestion, SuggestionDelta
from copilot.domain.assist_events import AssistEvent, ConversationSnapshot, EventData, WorkAhead
from copilot.domain.conversation import Conversation, Turn
from copilot.domain.errors import CopilotError
from copilot.domain.knowledge import SearchResult
from copilot.domain.playbook import Playbook
from copilot.domain.signals import SignalKind
from copilot.domain.understanding import Intent, Sentiment, Understanding
from copilot.domain.wrap_up import Summary
from copilot.ports import trace_names as names
from copilot.ports.tracing import current_span

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class ShownBefore:
    """A draft that was shown: with which id ("" when that is forgotten), for the turn of which sequence."""

    suggestion_id: str = ""
    sequence: int = 0


@dataclass
class Memory:
    """What one conversation's earlier revisions have established; lost with the process, but for the rest."""

    crm_email: str | None = None
    """Who the CRM says is writing."""
    understanding: Understanding | None = None
    understood: int = 0
    """Sequence of the last customer turn that `understanding` takes into account."""
    earlier_query: str = ""
    """The query of the topic before the last customer turn."""
    topic: Understanding | None = None
    """The last one that asked for something: what thanks and order numbers belong to."""
    matters: list[Intent] = field(default_factory=list)
    """What each customer turn that asked for something was about."""
    sentiments: list[Sentiment] = field(default_factory=list)
    earlier_contacts: tuple[Conversation, ...] = ()
    """The customer's conversations of the weeks before, as far as `contacts_of` was looked up."""
    contacts_of: str | None = None
    alerted: set[SignalKind] = field(default_factory=set)
    """Reasons that supervisors have been told."""
    view: OrderView | None = None
    results: tuple[ToolResult, ...] = ()
    situation: Situation | None = None
    next_actions: tuple[NextAction, ...] = ()
    actions: tuple[Action, ...] = ()
    summary: Summary | None = None
    summarised_turns: int = 0
    suggestion: Suggestion | None = None
    """The draft that is shown for the last customer turn."""
    judged: frozenset[str] = frozenset()
    """Suggestions that somebody has said something about."""
    suggested: dict[str, ShownBefore] = field(default_factory=dict)
    """The drafts shown so far, by content key."""
    cards: str = ""
    """Content key of the knowledge cards that stand in the panel."""
    gaps: list[str] = field(default_factory=list)
    begun: int = 0
    """The last revision that was worked on."""

    def forget_order(self) -> None:
        self.view, self.results = None, ()

    def copied(self) -> "Memory":
        """For work that may come to nothing; its lists and sets are its own."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, list | set):
                setattr(other, name, copy(value))
        return other

    def adopt(self, other: "Memory") -> None:
        """Becomes what `other`, a copy of it, has become."""
        for name, value in vars(other).items():
            setattr(self, name, value)

    @classmethod
    def of(cls, snapshot: ConversationSnapshot) -> "Memory":
        """What a restart leaves of it; the order is looked up again, so that its facts have a source."""
        summary = snapshot.summary
        covered = summary is not None and summary.revision == snapshot.conversation.revision
        return cls(
            understanding=snapshot.understanding,
            understood=_last_understood(snapshot),
            topic=snapshot.understanding,
            sentiments=[snapshot.understanding.sentiment] if snapshot.understanding else [],
            alerted={alert.reason for alert in snapshot.alerts},
            next_actions=snapshot.next_actions,
            actions=snapshot.actions,
            suggestion=snapshot.suggestion,
            suggested=dict.fromkeys(snapshot.suggested, ShownBefore()),
            cards=cards_key(snapshot.knowledge, "") if snapshot.knowledge else "",
            summary=summary if covered else None,
            summarised_turns=len(snapshot.conversation.turns) if covered else 0,
        )


class Panel(Protocol):
    """Where what is found for a revision is shown; the part of an EventBus that work needs."""

    async def publish(
        self, tenant_id: str, conversation_id: str, revision: int, data: EventData
    ) -> AssistEvent | None: ...

    async def save(self, tenant_id: str, conversation_id: str) -> None: ...


@dataclass
class Revision:
    """One revision under work: on whose behalf, over what, and where its events go."""

    principal: Principal
    conversation: Conversation
    profile: TenantProfile
    memory: Memory
    bus: Panel
    started: float
    found: SearchResult | None = None
    ahead: WorkAhead | None = None
    hint: str = ""
    """What the representative wants the reply to say."""
    suggested: bool = False
    """Whether anything of a draft has been shown."""
    silent: bool = False
    """Whether a draft was kept back: then no other drafter speaks up either."""

    @property
    def playbook(self) -> Playbook | None:
        """Of the last customer turn."""
        return self._playbook_of(self.memory.understanding)

    @property
    def topic_playbook(self) -> Playbook | None:
        """Of the matter the conversation is about."""
        return self._playbook_of(self.memory.topic)

    def _playbook_of(self, understanding: Understanding | None) -> Playbook | None:
        intent = understanding.intent if understanding else None
        return self.profile.playbooks.get(intent.name) if intent else None

    def rehearsal(self, turn: Turn, panel: Panel) -> "Revision":
        """The next revision as it would be with `turn`, for work that may come to nothing."""
        conversation = self.conversation.model_copy(
            update={
                "revision": self.conversation.revision + 1,
                "turns": (*self.conversation.turns, turn),
            }
        )
        return replace(self, conversation=conversation, memory=self.memory.copied(), bus=panel)

    async def publish(self, data: EventData) -> AssistEvent | None:
        shown = await self.bus.publish(
            self.conversation.tenant_id, self.conversation.id, self.conversation.revision, data
        )
        if not self.suggested and shown is not None and isinstance(data, SuggestionDelta | Suggestion):
            self.suggested = True
            current_span().set({names.FIRST_SUGGESTION: time.perf_counter() - self.started})
        return shown

    async def attempt(self, component: str, work: Awaitable[T]) -> T | None:
        """The outcome of `work`; when it fails the panel is told, and the rest goes on."""
        try:
            with on_account_of(self.conversation.tenant_id, self.conversation.id):
                return await work
        except asyncio.CancelledError:
            raise
        except CopilotError as error:
            _log.warning("%s failed in %s: %s", component, self.conversation.id, error.code)
            await self.publish(Degraded(component=component, message=error.told))
        except Exception:  # noqa: BLE001
            _log.exception("%s failed in %s", component, self.conversation.id)
            await self.publish(
                Degraded(component=component, message="An unexpected error; see the server's log.")
            )
        return None


def cards_key(shown: KnowledgeCards, query: str) -> str:
    """What two sets of cards share that show the same quotes of the same passages.

    That nothing was found says something about one query only.
    """
    parts = [f"{c.citation.passage_id}:{c.citation.version}:{c.citation.quote}" for c in shown.cards]
    return hashlib.sha256("\n".join(parts or [query]).encode()).hexdigest()[:16]


def _last_understood(snapshot: ConversationSnapshot) -> int:
    """Every turn but the last customer turn, which may have come while the process died."""
    last = snapshot.conversation.last_customer_turn
    return last.sequence - 1 if last is not None else 0
