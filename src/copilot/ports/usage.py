"""What language models did for conversations."""

from typing import Protocol

from copilot.domain.usage import UsageTotals


class UsageStore(Protocol):
    """Adds up tokens and cost for each conversation and model."""

    async def add(self, tenant_id: str, conversation_id: str, used: UsageTotals) -> None: ...

    async def of(self, tenant_id: str, conversation_id: str) -> list[UsageTotals]:
        """By model, in the order of their names; empty when no model was asked."""
