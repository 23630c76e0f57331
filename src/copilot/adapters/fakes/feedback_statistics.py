"""FeedbackStatistics in memory."""

from collections.abc import Callable

from copilot.domain.assist import FeedbackVerdict
from copilot.domain.feedback import FeedbackHistory, FeedbackOutcome, FeedbackTally


class MemoryFeedbackStatistics:
    """Keeps every outcome; for tests."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], FeedbackOutcome] = {}

    async def record(self, outcome: FeedbackOutcome) -> None:
        self.outcomes[outcome.suggestion_id, outcome.principal_id] = outcome

    async def history(
        self, tenant_id: str, intent: str | None, principal_id: str, *, last: int = 50
    ) -> FeedbackHistory:
        def tally(counts: Callable[[FeedbackOutcome], bool]) -> FeedbackTally:
            own = [o for o in self.outcomes.values() if o.tenant_id == tenant_id and counts(o)]
            latest = sorted(own, key=lambda o: (o.at, o.suggestion_id))[-last:]
            return FeedbackTally(
                shown=len(latest),
                used=sum(o.verdict is FeedbackVerdict.USED for o in latest),
                edited=sum(o.verdict is FeedbackVerdict.EDITED for o in latest),
            )

        return FeedbackHistory(
            representative=tally(lambda o: o.intent == intent and o.principal_id == principal_id),
            intent=tally(lambda o: o.intent == intent),
            tenant=tally(lambda _: True),
        )
