"""What became of suggestions, for deciding when the next one is worth an interruption."""

from typing import Protocol

from copilot.domain.feedback import FeedbackHistory, FeedbackOutcome


class FeedbackStatistics(Protocol):
    """Counts of feedback. Nothing of one tenant ever enters another's."""

    async def record(self, outcome: FeedbackOutcome) -> None:
        """A later outcome of the same suggestion with the same representative replaces the earlier one."""

    async def history(
        self, tenant_id: str, intent: str | None, principal_id: str, *, last: int = 50
    ) -> FeedbackHistory:
        """Of the `last` outcomes at each level, by the time they were recorded."""
