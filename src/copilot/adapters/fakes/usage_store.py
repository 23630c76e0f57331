"""A UsageStore in memory."""

from copilot.domain.usage import UsageTotals


class MemoryUsageStore:
    """Keeps every request's usage; for tests."""

    def __init__(self) -> None:
        self.added: list[tuple[str, str, UsageTotals]] = []

    async def add(self, tenant_id: str, conversation_id: str, used: UsageTotals) -> None:
        self.added.append((tenant_id, conversation_id, used))

    async def of(self, tenant_id: str, conversation_id: str) -> list[UsageTotals]:
        totals: dict[str, UsageTotals] = {}
        for tenant, conversation, used in self.added:
            if (tenant, conversation) == (tenant_id, conversation_id):
                before = totals.get(used.model, UsageTotals(model=used.model))
                numbers = used.model_dump(exclude={"model"})
                added = {name: getattr(before, name) + value for name, value in numbers.items()}
                totals[used.model] = UsageTotals(model=used.model, **added)
        return [totals[model] for model in sorted(totals)]
