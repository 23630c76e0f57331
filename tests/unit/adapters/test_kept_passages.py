import numpy as np
import pytest

from copilot.adapters.sql import kept_passages
from copilot.adapters.sql.kept_passages import KeptPassages
from copilot.domain.knowledge import Audience, DocumentFacts, PassageFacts

DOCUMENT = DocumentFacts(
    id="doc_1", content_hash="d", external_id="returns", version="1", audience=Audience.PUBLIC, locale="en",
    product=None, tags=frozenset(), valid_from=None, valid_to=None, superseded_by=None,
)  # fmt: skip
VECTOR = np.ones(2, dtype=np.float32)


def facts(name: str) -> PassageFacts:
    return PassageFacts(name, DOCUMENT, "hash", "Returns", "30 days.")


@pytest.fixture
def written():
    """How often each tenant's knowledge was written to."""
    return {"acme": 0, "globex": 0}


@pytest.fixture
def kept(written, monkeypatch):
    monkeypatch.setattr(kept_passages, "FACTS", 3)
    monkeypatch.setattr(kept_passages, "VECTORS", 3)
    return KeptPassages(written.__getitem__)


def keep(kept, tenant_id, *names, generation=0):
    kept.keep(tenant_id, generation, "model", [facts(name) for name in names], dict.fromkeys(names, VECTOR))


def test_what_was_read_is_there_again(kept):
    keep(kept, "acme", "a", "b")
    assert kept.facts("acme")["a"] == facts("a")
    assert ("model", "b") in kept.vectors("acme")
    assert not kept.facts("globex")


def test_a_write_makes_it_forget_that_tenant(kept, written):
    keep(kept, "acme", "a")
    keep(kept, "globex", "g")
    written["acme"] += 1
    assert not kept.facts("acme")
    assert not kept.vectors("acme")
    assert kept.facts("globex")


def test_what_was_read_before_a_write_is_not_kept_after_it(kept, written):
    written["acme"] += 1
    keep(kept, "acme", "a", generation=0)
    assert not kept.facts("acme")


def test_makes_room_by_forgetting_who_was_not_asked_about_for_longest(kept):
    keep(kept, "acme", "a", "b")
    keep(kept, "globex", "g")
    kept.facts("acme")
    keep(kept, "acme", "c")
    assert list(kept.facts("acme")) == ["a", "b", "c"]
    assert not kept.facts("globex")
    keep(kept, "acme", "d")
    assert list(kept.facts("acme")) == ["b", "c", "d"]


def test_one_kind_that_is_full_takes_nothing_of_the_other(kept):
    kept.keep("globex", 0, "model", [], {"v": VECTOR})
    kept.keep("acme", 0, "model", [facts(name) for name in "abcd"], {})
    assert list(kept.facts("acme")) == ["b", "c", "d"]
    assert ("model", "v") in kept.vectors("globex")


def test_of_what_was_deleted_nothing_stays_behind(kept):
    keep(kept, "acme", "a", "b", "c")
    kept.forget("acme")
    keep(kept, "acme", "d", "e", "f")
    assert list(kept.facts("acme")) == ["d", "e", "f"]
