"""Mean directions of what was said at each step, from which one conversation can be taken out again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from copilot.ports import Vector

_MIN_TEXTS = 4
"""Fewer say nothing about a direction."""


@dataclass(frozen=True)
class Centroids:
    """Sums of unit vectors, and how many, by name."""

    sums: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, named: Iterable[tuple[str, Vector]]) -> "Centroids":
        sums: dict[str, NDArray[np.float32]] = {}
        counts: dict[str, int] = {}
        for name, vector in named:
            sums[name] = sums[name] + vector if name in sums else np.array(vector, dtype=np.float32)
            counts[name] = counts.get(name, 0) + 1
        return cls(sums, counts)

    def unit(self, name: str, without: "Centroids | None" = None) -> Vector | None:
        """The direction of `name`; None while too few texts point it out."""
        if without is None or name not in without.counts:
            return self._units.get(name)
        count = self.counts.get(name, 0) - without.counts[name]
        return _unit(self.sums[name] - without.sums[name]) if count >= _MIN_TEXTS else None

    @cached_property
    def _units(self) -> Mapping[str, Vector]:
        return {name: _unit(total) for name, total in self.sums.items() if self.counts[name] >= _MIN_TEXTS}


def _unit(total: NDArray[np.float32]) -> Vector:
    return np.asarray(total / max(1e-9, float(np.linalg.norm(total))), dtype=np.float32)
