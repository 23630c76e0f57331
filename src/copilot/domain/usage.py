"""What language models were used for conversations, and what it cost."""

from typing import Annotated

from pydantic import Field

from copilot.domain.value import Value

Count = Annotated[int, Field(ge=0)]


class ModelUsage(Value):
    """Of one request, in the model's own tokens; `cached_tokens` are those of the prompt it knew already.

    A request that broke off, or an endpoint that does not count, leaves `metered` False and no tokens.
    """

    model: str
    prompt_tokens: Count = 0
    cached_tokens: Count = 0
    completion_tokens: Count = 0
    metered: bool = True


class ModelPrice(Value):
    """Dollars for a million tokens. `cached` is for tokens of the prompt that were known; None: as any."""

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)

    def cost_of(self, usage: ModelUsage) -> int:
        """In millionths of a dollar, which is what a token costs at a dollar for a million."""
        known = min(usage.cached_tokens, usage.prompt_tokens)
        cached = self.prompt if self.cached is None else self.cached
        total = (
            (usage.prompt_tokens - known) * self.prompt
            + known * cached
            + usage.completion_tokens * self.completion
        )
        return round(total)


class UsageTotals(Value):
    """Of one model in one conversation; `unpriced` requests have no price in the settings and add no cost."""

    model: str
    requests: Count = 0
    unmetered: Count = 0
    """Requests of which nothing is known but that they were made."""
    unpriced: Count = 0
    prompt_tokens: Count = 0
    cached_tokens: Count = 0
    completion_tokens: Count = 0
    cost_microdollars: Count = 0

    @classmethod
    def of(cls, usage: ModelUsage, price: ModelPrice | None) -> "UsageTotals":
        """Of one request."""
        return cls(
            model=usage.model,
            requests=1,
            unmetered=int(not usage.metered),
            unpriced=int(price is None),
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            cost_microdollars=price.cost_of(usage) if price else 0,
        )


class ConversationUsage(Value):
    """What models did for one conversation, by model."""

    conversation_id: str
    models: tuple[UsageTotals, ...] = ()
    cost_microdollars: Count = 0
