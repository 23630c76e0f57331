"""How often which step followed what, in finished conversations; rare contexts lean on wider ones."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from copilot.assist.flow.progress import START, Progress

Context = tuple[str, ...]
CHAINS: dict[str, tuple[int, ...]] = {
    "after_last": (0, 1, 3),
    "after_last_and_result": (0, 1, 3, 4),
    "after_last_in_flow": (0, 1, 2, 5),
    "after_last_two": (0, 1, 3, 6),
    "after_last_three": (0, 1, 3, 4, 7, 8),
}
"""Contexts by their number in `contexts_of`, widest first: each leans on the one before it."""


def contexts_of(progress: Progress, flows: tuple[str, ...]) -> tuple[Context, ...]:
    first, second, third = ((START, START, START, *progress.history))[-3:]
    event, status, about = progress.last_event, "|".join(progress.status), "|".join(sorted(flows))
    return (
        ("any",),
        ("event", event),
        ("flow", about, event),
        ("1", third, event),
        ("1+status", third, event, status),
        ("1+flow", third, event, about),
        ("2", second, third, event),
        ("2+status", second, third, event, status),
        ("3+status", first, second, third, event, status),
    )


class Transitions:
    """Counts of the steps that were taken, by context. Witten-Bell smoothing.

    Witten & Bell 1991, "The zero-frequency problem": a context gives way to the wider one in the share of
    its different outcomes.
    """

    def __init__(self, counts: Mapping[Context, Mapping[str, int]] | None = None) -> None:
        self.counts: dict[Context, dict[str, int]] = {k: dict(v) for k, v in (counts or {}).items()}

    @classmethod
    def of(cls, taken: Iterable[tuple[Sequence[Context], str]]) -> "Transitions":
        counts: dict[Context, Counter[str]] = defaultdict(Counter)
        for contexts, step in taken:
            for context in contexts:
                counts[context][step] += 1
        return cls(counts)

    def chained(
        self,
        contexts: Sequence[Context],
        chain: tuple[int, ...],
        steps: Sequence[str],
        without: "Transitions | None" = None,
        known: dict[tuple[int, ...], NDArray[np.float32]] | None = None,
    ) -> NDArray[np.float32]:
        """P(step) for each of `steps`, shape (steps,).

        `without` takes one conversation's own counts out; `known` keeps what chains begin with alike.
        """
        known = {} if known is None else known
        if chain not in known:
            if not chain:
                outcomes = len(self.counts.get(("any",), ()))
                known[chain] = np.full(len(steps), 1.0 / max(1, outcomes), dtype=np.float32)
            else:
                wider = self.chained(contexts, chain[:-1], steps, without, known)
                known[chain] = self._narrowed(contexts[chain[-1]], steps, wider, without)
        return known[chain]

    def _narrowed(
        self,
        context: Context,
        steps: Sequence[str],
        wider: NDArray[np.float32],
        without: "Transitions | None",
    ) -> NDArray[np.float32]:
        counts = self.counts.get(context)
        if not counts:
            return wider
        own = without.counts.get(context, {}) if without is not None else {}
        total = sum(counts.values()) - sum(own.values())
        if total <= 0:
            return wider
        kinds = sum(n > own.get(step, 0) for step, n in counts.items()) if own else len(counts)
        seen = np.array([counts.get(step, 0) - own.get(step, 0) for step in steps], dtype=np.float32)
        return (seen + kinds * wider) / np.float32(total + kinds)

    def seen_in(self, flow: str, at_least: int) -> tuple[str, ...]:
        """Steps that were taken so often in conversations about `flow`, whatever its chart says."""
        return tuple(step for step, n in self._by_flow.get(flow, {}).items() if n >= at_least)

    @cached_property
    def _by_flow(self) -> Mapping[str, Mapping[str, float]]:
        """A conversation about several flows counts for each of them in part."""
        seen: dict[str, dict[str, float]] = defaultdict(dict)
        for context, counts in self.counts.items():
            if context[0] != "flow":
                continue
            about = context[1].split("|")
            for flow in about:
                for step, n in counts.items():
                    seen[flow][step] = seen[flow].get(step, 0.0) + n / len(about)
        return seen
