"""Whether two runs over the same cases differ by more than chance: the paired bootstrap."""

from collections.abc import Sequence

import numpy as np

from copilot.domain.value import Value

RESAMPLES = 10_000
CONFIDENCE = 0.95


class Difference(Value):
    """Of the means of two runs over the cases that both have: `low`..`high` holds it 95 times in 100."""

    cases: int
    before: float
    after: float
    change: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        return self.low > 0 or self.high < 0


def paired_difference(before: Sequence[float], after: Sequence[float], seed: int = 0) -> Difference | None:
    """None where there is no case to compare. Percentile intervals of resampled mean differences.

    Method: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    if not before:
        return None
    old, new = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    differences = new - old
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [
            differences[random.integers(0, len(differences), (part, len(differences)))].mean(axis=1)
            for part in _parts(len(differences))
        ]
    )
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(means, [tail, 100 - tail])
    return Difference(
        cases=len(differences),
        before=round(float(old.mean()), 6),
        after=round(float(new.mean()), 6),
        change=round(float(differences.mean()), 6),
        low=round(float(low), 6),
        high=round(float(high), 6),
    )


def _parts(cases: int) -> list[int]:
    """Resamples together as many as fit in some 50 MB."""
    at_once = max(1, min(RESAMPLES, 3_000_000 // cases))
    whole, rest = divmod(RESAMPLES, at_once)
    return [*[at_once] * whole, *([rest] if rest else [])]
