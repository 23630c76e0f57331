"""What searches read of passages again and again, kept until somebody writes to the tenant's knowledge."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from copilot.domain.knowledge import PassageFacts
from copilot.ports import Vector

K = TypeVar("K")
V = TypeVar("V")

FACTS = 120_000
VECTORS = 120_000
"""For all tenants together: about a kilobyte each of the one, 1.5 of the other."""


@dataclass
class _OfTenant:
    generation: int
    facts: OrderedDict[str, PassageFacts] = field(default_factory=OrderedDict)
    vectors: OrderedDict[tuple[str, str], Vector] = field(default_factory=OrderedDict)


class KeptPassages:
    """For one thread. `generation` counts the writes to a tenant's knowledge.

    What was read before the last of them is forgotten.
    """

    def __init__(self, generation: Callable[[str], int]) -> None:
        self.generation = generation
        self._tenants: OrderedDict[str, _OfTenant] = OrderedDict()
        self._facts = self._vectors = 0

    def facts(self, tenant_id: str) -> Mapping[str, PassageFacts]:
        """By passage id."""
        return self._of(tenant_id).facts

    def vectors(self, tenant_id: str) -> Mapping[tuple[str, str], Vector]:
        """By model and passage id."""
        return self._of(tenant_id).vectors

    def keep(
        self,
        tenant_id: str,
        generation: int,
        model_id: str,
        facts: Iterable[PassageFacts],
        vectors: Mapping[str, Vector],
    ) -> None:
        """What was read when the tenant's knowledge was in this generation; nothing if it no longer is."""
        of = self._of(tenant_id)
        if of.generation != generation:
            return
        self._count(of, -1)
        of.facts |= {one.id: one for one in facts}
        of.vectors |= {(model_id, name): vector for name, vector in vectors.items()}
        self._count(of, 1)
        self._make_room()

    def forget(self, tenant_id: str) -> None:
        """Of what was deleted nothing stays behind."""
        if (of := self._tenants.pop(tenant_id, None)) is not None:
            self._count(of, -1)

    def _of(self, tenant_id: str) -> _OfTenant:
        of = self._tenants.get(tenant_id)
        generation = self.generation(tenant_id)
        if of is None or of.generation != generation:
            self.forget(tenant_id)
            of = self._tenants[tenant_id] = _OfTenant(generation)
        self._tenants.move_to_end(tenant_id)
        return of

    def _count(self, of: _OfTenant, sign: int) -> None:
        self._facts += sign * len(of.facts)
        self._vectors += sign * len(of.vectors)

    def _make_room(self) -> None:
        """The tenant that was not asked about for longest first, and of it what was kept first."""
        for tenant_id, of in list(self._tenants.items()):
            if self._facts <= FACTS and self._vectors <= VECTORS:
                return
            facts, vectors = self._facts - FACTS, self._vectors - VECTORS
            self._count(of, -1)
            _drop(of.facts, facts)
            _drop(of.vectors, vectors)
            self._count(of, 1)
            if not of.facts and not of.vectors:
                del self._tenants[tenant_id]


def _drop(kept: OrderedDict[K, V], too_many: int) -> None:
    for _ in range(min(too_many, len(kept))):
        kept.popitem(last=False)
