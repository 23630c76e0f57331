"""What the live path asks of its neighbours, as narrow protocols: search, and the desk of tools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from copilot.domain.access import Principal
from copilot.domain.actions import (
    Action,
    ActionStatus,
    PolicyDecision,
    Provenance,
    ToolEffect,
    ToolResult,
)
from copilot.domain.asking import ToolSpec
from copilot.domain.conversation import Conversation
from copilot.domain.knowledge import ScoredPassage, SearchQuery, SearchResult


class Searcher(Protocol):
    async def search(self, query: SearchQuery) -> SearchResult: ...


@dataclass(frozen=True, slots=True)
class RankedSentence:
    """Characters `start`..`end` of a passage's text, a whole sentence or a table's row; `score` is 0..1.

    `said` is what a customer is told: the sentence itself, the row in words.
    """

    scored: ScoredPassage
    start: int
    end: int
    score: float
    said: str = ""

    @property
    def text(self) -> str:
        return self.said or self.scored.passage.text[self.start : self.end]


class SentenceRanker(Protocol):
    async def rank(self, query: str, passages: Sequence[ScoredPassage], limit: int) -> list[RankedSentence]:
        """The sentences of `passages` that answer `query` best, best first."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a call would do and whether policy lets it be proposed."""

    decision: PolicyDecision
    preview: str
    arguments: Mapping[str, Any]


class ToolDesk(Protocol):
    """The catalog, policy, approvals and executor, on behalf of a person in a conversation.

    Tenant, customer and person come from the conversation and the principal, never from arguments.
    """

    def effect_of(self, tool: str) -> ToolEffect:
        """`NotFound` for a tool that is not in the catalog."""

    def required_arguments(self, tool: str) -> tuple[str, ...]: ...

    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool but those that find out who a customer is: that is for people to do."""

    async def read(
        self, principal: Principal, conversation: Conversation, tool: str, arguments: Mapping[str, Any]
    ) -> ToolResult:
        """Runs a READ tool; a refusal is a result that is not `ok`."""

    async def assess(
        self, principal: Principal, conversation: Conversation, tool: str, arguments: Mapping[str, Any]
    ) -> Assessment:
        """Raises `InvalidInput`, `NotFound` or `CustomerNotVerified` when the call makes no sense."""

    async def propose(
        self,
        principal: Principal,
        conversation: Conversation,
        tool: str,
        arguments: Mapping[str, Any],
        provenance: Mapping[str, Provenance] | None = None,
    ) -> Action:
        """The open proposal for exactly this call, made if there is none. `PolicyDenied` when it may not."""

    async def actions(self, conversation: Conversation) -> list[Action]: ...

    async def approve(self, principal: Principal, action_id: str, digest: str) -> Action:
        """One person's approval of what `digest` says; APPROVED when it needs no second one."""

    async def execute(self, principal: Principal, action_id: str) -> Action:
        """Carries out an approved action and returns it with its receipt."""

    async def reject(self, principal: Principal, action_id: str, reason: str) -> Action: ...

    async def edit(self, principal: Principal, action_id: str, arguments: Mapping[str, Any]) -> Action:
        """The new proposal that replaces it."""

    async def resolve(
        self, principal: Principal, action_id: str, outcome: ActionStatus, evidence: str
    ) -> Action:
        """Closes an unresolved action by hand; a receipt that turns up now wins, whatever it says."""

    async def recover(self) -> list[Action]:
        """Drives on what a crash left approved or executing."""
