"""Answering a representative's question with tools."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from copilot.domain.asking import LoopAnswer, LoopPrompt, ToolReply, ToolSpec


class AskTools(Protocol):
    """What a model may do for one question, on behalf of one person in one conversation.

    Reads run, everything else is only proposed. No argument says who the customer is.
    """

    def specs(self) -> Sequence[ToolSpec]: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolReply:
        """What is wrong with a call is a reply that is not `ok`; it never raises for what a model did."""


class AskLoop(Protocol):
    """A model that calls tools until it can answer, within bounds.

    Raises `DependencyUnavailable` when the model fails and `InvalidDraft` when it says nothing of use.
    """

    async def run(self, prompt: LoopPrompt, tools: AskTools) -> LoopAnswer: ...


class RemoteTools(Protocol):
    """Tools of somebody else's server."""

    @property
    def name(self) -> str: ...

    async def list_tools(self) -> list[ToolSpec]:
        """With the effect that our settings declare, never the server's word. `DependencyUnavailable`."""

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, key: str | None = None
    ) -> dict[str, Any]:
        """The tool's answer, bounded. `key` is sent along as idempotency key.

        `ToolFailed` when the tool says so, `DependencyUnavailable` when the call surely did not reach it,
        `OutcomeUnknown` when it may have.
        """
