from datetime import UTC, datetime

import pytest

from copilot.domain.actions import LedgerHead, LedgerRecord
from copilot.domain.ledger import head_of, next_entry
from copilot.tools.ledger import BrokenLedger, VerifiedLedger, verify

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def chain(length):
    entries, head = [], None
    for n in range(length):
        record = LedgerRecord(kind="approval", subject_id=f"act_{n}", body={"by": "rita", "n": n}, at=AT)
        entry = next_entry(head, "larkfield", record)
        entries.append(entry)
        head = head_of(entry)
    return entries, head


def test_an_untouched_chain_holds():
    entries, head = chain(5)
    assert verify(entries, head) == VerifiedLedger(entries=5, head=head)
    assert verify([], None) == VerifiedLedger(entries=0, head=None)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rejection"},
        {"subject_id": "act_9"},
        {"body": {"by": "sam", "n": 2}},
        {"created_at": AT.replace(microsecond=1)},
        {"tenant_id": "acme"},
        {"previous_hash": "1" * 64},
        {"hash": "1" * 64},
    ],
)
def test_a_changed_entry_is_found_where_it_is(change):
    entries, head = chain(5)
    entries[2] = entries[2].model_copy(update=change)
    found = verify(entries, head)
    assert isinstance(found, BrokenLedger)
    assert found.sequence == 3


@pytest.mark.parametrize("dropped", range(5))
def test_a_dropped_entry_is_found_even_at_the_end(dropped):
    entries, head = chain(5)
    del entries[dropped]
    assert verify(entries, head).sequence == dropped + 1


def test_reordered_and_repeated_entries_are_found():
    entries, head = chain(5)
    assert isinstance(verify([*entries[:2], entries[3], entries[2], entries[4]], head), BrokenLedger)
    assert isinstance(verify([*entries[:2], *entries[1:]], head), BrokenLedger)


def test_a_changed_head_is_found():
    entries, head = chain(2)
    assert isinstance(verify(entries, LedgerHead(sequence=2, hash="0" * 64)), BrokenLedger)
    assert isinstance(verify(entries, None), BrokenLedger)
    assert isinstance(verify([], head), BrokenLedger)
