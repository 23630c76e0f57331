"""What judging may take: tokens, money and time, for one case and for the whole run."""

import time
from dataclasses import dataclass, field

from copilot.domain.errors import LimitReached
from copilot.domain.value import Value

_MILLION = 1_000_000


class JudgeLimits(Value):
    """Prices are dollars for a million tokens; without them, only tokens and time are limited."""

    tokens_per_case: int = 30_000
    tokens_per_run: int = 5_000_000
    dollars_per_case: float | None = None
    dollars_per_run: float | None = None
    seconds_per_call: float = 60.0
    seconds_per_case: float = 180.0
    seconds_per_run: float = 3_600.0
    failures_in_a_row: int = 5
    """After so many calls without an answer, the judge is not asked again."""
    tokens_per_answer: int = 2_048
    price_prompt: float = 0.0
    price_answer: float = 0.0

    def cost(self, prompt: int, answer: int) -> float:
        return (prompt * self.price_prompt + answer * self.price_answer) / _MILLION


@dataclass
class Spent:
    """Of one case or of a run."""

    tokens: int = 0
    dollars: float = 0.0
    calls: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def add(self, tokens: int, dollars: float) -> None:
        self.tokens += tokens
        self.dollars += dollars
        self.calls += 1


@dataclass
class CaseBudget:
    """Counts one case's share, and the run's that it belongs to."""

    limits: JudgeLimits
    run: Spent
    case: Spent = field(default_factory=Spent)

    def check(self) -> None:
        """Raises `LimitReached`, naming the limit, when nothing more may be asked."""
        limits = self.limits
        for name, spent, limit in (
            ("tokens_per_case", self.case.tokens, limits.tokens_per_case),
            ("tokens_per_run", self.run.tokens, limits.tokens_per_run),
            ("dollars_per_case", self.case.dollars, limits.dollars_per_case),
            ("dollars_per_run", self.run.dollars, limits.dollars_per_run),
            ("seconds_per_run", self.run.seconds, limits.seconds_per_run),
        ):
            if limit is not None and spent >= limit:
                # Without what was spent: the reason is the same for all cases that it costs.
                raise LimitReached(
                    f"the judge is too {'slow' if name.startswith('seconds') else 'expensive'}: "
                    f"all of {name} ({limit:g}) is spent.",
                    hint=f"Raise COPILOT_JUDGE_{name.upper()}, or score fewer cases.",
                )

    def spend(self, prompt: int, answer: int) -> None:
        dollars = self.limits.cost(prompt, answer)
        self.case.add(prompt + answer, dollars)
        self.run.add(prompt + answer, dollars)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.limits.seconds_per_case - self.case.seconds)
