"""What searches read of words again and again, kept until somebody writes to the tenant's knowledge."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from copilot.adapters.sql import tokens
from copilot.adapters.sql.word_weights import Lengths, Postings

KEPT_ROWS = 24_000_000
"""Of 8 bytes each, for all tenants."""
ROWS_A_WORD = 100
"""What a word weighs beside its rows: many that people write stand in no passage, and each is kept too."""
KEPT_NAMES = 200_000
"""Of passages that were found, for each tenant."""
KEPT_STEMS = 200_000
"""Of words that were asked for, by anybody."""


@dataclass(frozen=True)
class Known:
    """Of a question's words what is kept, and those of which nothing is; `names` grows as it is used."""

    generation: int
    postings: dict[str, Postings]
    new: list[str]
    lengths: Lengths | None
    names: dict[int, str]


@dataclass
class _OfTenant:
    generation: int = 0
    state: bytes | None = None
    lengths: Lengths | None = None
    names: dict[int, str] = field(default_factory=dict)


class KeptWords:
    """For several threads. `generation` counts the writes to a tenant's knowledge that were noticed.

    What was read before the last of them is forgotten.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tenants: dict[str, _OfTenant] = {}
        self._postings: OrderedDict[tuple[str, str], Postings] = OrderedDict()
        self._rows = 0
        self._stems: dict[str, tuple[str, ...]] = {}

    def generation(self, tenant_id: str) -> int:
        of = self._tenants.get(tenant_id)
        return of.generation if of is not None else 0

    def forget(self, tenant_id: str) -> None:
        with self._lock:
            self._forget(tenant_id)

    def recall(self, tenant_id: str, state: bytes, words: Sequence[str]) -> Known:
        """Nothing when it was read in another state: somebody else wrote, a process that loads knowledge."""
        with self._lock:
            of = self._tenants.setdefault(tenant_id, _OfTenant())
            if of.state not in {None, state}:
                of = self._forget(tenant_id)
            if len(of.names) > KEPT_NAMES:
                of.names = {}
            kept: dict[str, Postings] = {}
            new: list[str] = []
            for word in dict.fromkeys(words):
                if (postings := self._postings.get((tenant_id, word))) is None:
                    new.append(word)
                else:
                    self._postings.move_to_end((tenant_id, word))
                    kept[word] = postings
            return Known(of.generation, kept, new, of.lengths, of.names)

    def keep(
        self,
        tenant_id: str,
        generation: int,
        state: bytes,
        read: Mapping[str, Postings],
        lengths: Lengths | None = None,
    ) -> None:
        """What was read in this generation and state; nothing if it is another one by now."""
        with self._lock:
            of = self._tenants.setdefault(tenant_id, _OfTenant())
            if of.generation != generation or of.state not in {None, state}:
                return
            of.state = state
            of.lengths = lengths or of.lengths
            for word, postings in read.items():
                self._put((tenant_id, word), postings)

    def stems(self, words: Sequence[str]) -> list[str]:
        """As FTS5 has them; one as often as there are words of it, which is what FTS5 makes of a query."""
        known = self._stems
        if new := [word for word in words if word not in known]:
            if len(known) > KEPT_STEMS:
                known = self._stems = {word: known[word] for word in words if word in known}
            counted = tokens.word_counts([("", word) for word in new])
            known.update(zip(new, map(tuple, counted), strict=True))
        return [stem for word in words for stem in known[word]]

    def _forget(self, tenant_id: str) -> _OfTenant:
        of = self._tenants[tenant_id] = _OfTenant(self.generation(tenant_id) + 1)
        for key in [key for key in self._postings if key[0] == tenant_id]:
            self._rows -= _weight(self._postings.pop(key))
        return of

    def _put(self, key: tuple[str, str], postings: Postings) -> None:
        if (before := self._postings.pop(key, None)) is not None:
            self._rows -= _weight(before)
        self._postings[key] = postings
        self._rows += _weight(postings)
        while self._rows > KEPT_ROWS:
            _, forgotten = self._postings.popitem(last=False)
            self._rows -= _weight(forgotten)


def _weight(postings: Postings) -> int:
    return ROWS_A_WORD + len(postings.rows)
