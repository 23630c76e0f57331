import numpy as np
import pytest

from copilot.adapters.sql import kept_words
from copilot.adapters.sql.kept_words import KeptWords
from copilot.adapters.sql.word_weights import Lengths, Postings

NOWHERE = Postings(np.empty(0, np.int32), np.empty(0, np.float32))
TENT = Postings(np.arange(900, dtype=np.int32), np.ones(900, dtype=np.float32))
LENGTHS = Lengths(TENT.rows, TENT.scores)
BEFORE, AFTER = b"before", b"after"


@pytest.fixture
def kept():
    return KeptWords()


def keep(kept, tenant_id, words, state=BEFORE, lengths=None):
    kept.keep(tenant_id, kept.generation(tenant_id), state, words, lengths)


def test_tells_what_is_kept_and_what_is_new(kept):
    keep(kept, "acme", {"tent": TENT}, lengths=LENGTHS)
    known = kept.recall("acme", BEFORE, ["tent", "pole", "tent"])
    assert known.postings == {"tent": TENT}
    assert known.new == ["pole"]
    assert known.lengths is LENGTHS
    assert kept.recall("globex", BEFORE, ["tent"]).new == ["tent"]


def test_what_was_read_in_another_state_is_forgotten(kept):
    keep(kept, "acme", {"tent": TENT}, lengths=LENGTHS)
    kept.recall("acme", BEFORE, []).names[1] = "psg_1"
    known = kept.recall("acme", AFTER, ["tent"])
    assert (known.new, known.lengths, known.names) == (["tent"], None, {})
    assert known.generation == 1


def test_what_was_read_before_a_write_is_not_kept_after_it(kept):
    known = kept.recall("acme", BEFORE, ["tent"])
    kept.forget("acme")
    kept.keep("acme", known.generation, BEFORE, {"tent": TENT}, LENGTHS)
    known = kept.recall("acme", AFTER, ["tent"])
    assert (known.new, known.lengths) == (["tent"], None)


def test_of_two_that_read_in_different_states_only_one_is_kept(kept):
    old = kept.recall("acme", BEFORE, ["tent"])
    keep(kept, "acme", {"pole": NOWHERE}, AFTER)
    kept.keep("acme", old.generation, BEFORE, {"tent": TENT}, LENGTHS)
    assert kept.recall("acme", AFTER, ["tent", "pole"]).postings == {"pole": NOWHERE}


def test_words_that_stand_nowhere_are_forgotten_too(kept, monkeypatch):
    monkeypatch.setattr(kept_words, "KEPT_ROWS", 5_000)
    names = [f"lf{number}" for number in range(200)]  # order numbers, names, misspellings
    keep(kept, "acme", {"tent": TENT})
    for name in names:
        keep(kept, "acme", {name: NOWHERE})
    known = kept.recall("acme", BEFORE, ["tent", *names])
    assert list(known.postings) == names[-5_000 // kept_words.ROWS_A_WORD :]
    kept.forget("acme")
    keep(kept, "globex", dict.fromkeys(names, NOWHERE), AFTER)
    assert len(kept.recall("globex", AFTER, names).postings) == 5_000 // kept_words.ROWS_A_WORD


def test_stems_are_remembered_but_not_without_end(kept, monkeypatch):
    monkeypatch.setattr(kept_words, "KEPT_STEMS", 3)
    for words in (["tents", "poles"], ["tent", "camping"], ["tents", "pegs", "paying"]):
        assert kept.stems(words) == [stem for word in words for stem in kept.stems([word])]
    assert kept.stems(["refunds", "refunded"]) == ["refund", "refund"]
    assert len(kept._stems) <= 3 + 3
