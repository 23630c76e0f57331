"""What an erasure says of itself: done is only what nothing is left of."""

from collections import Counter

import pytest
from tests.unit.assist.world import NOW

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.assist.erasure import Eraser
from copilot.domain.errors import Conflict
from copilot.domain.privacy import OpenEntry

IDS = ["conv_a", "conv_b"]


class Records:
    """Two conversations; `words` is where a search still finds something, by table."""

    def __init__(self, by_id=(), by_word=(), old=(), busy=()):
        self.kept = {"ledger": "chained", "documents": "knowledge"}
        self.by_id, self.by_word, self.old, self.busy = Counter(by_id), Counter(by_word), list(old), busy

    async def open_entries(self, _tenant, _ids):
        return self.old

    async def erase(self, _tenant, conversation_id):
        if conversation_id in self.busy:
            raise Conflict("the action act_1 is still under way.")
        return Counter({"turns": 2})

    async def traces(self, _tenant, words):
        return self.by_id if set(words) <= set(IDS) else self.by_word


class Copies:
    def __init__(self, **files):
        self.files = Counter(files)

    async def forget(self, _tenant, _conversation_id):
        return Counter({"Redis": 1})

    async def overwrite(self):
        return True

    async def holding(self, _words):
        return self.files


async def erased(records, files=None):
    ledger = FakeLedgerStore()
    eraser = Eraser(records, Copies(**files or {}), ledger, FixedClock(NOW))
    proof = await eraser.erase("larkfield", IDS, ["Xanthippe"], by="ana", subject_id="req_1")
    return proof, ledger.chains["larkfield"]


async def test_a_whole_erasure_is_counted_in_the_ledger_and_names_nobody():
    proof, (entry,) = await erased(Records(by_id={"ledger": 3}))

    assert proof.complete
    assert (proof.removed, proof.kept) == ({"Redis": 2, "turns": 4}, {"ledger": "chained"})
    assert (entry.kind, entry.subject_id, entry.body["conversations"]) == ("erasure", "req_1", 2)
    assert entry.body["by"] == "ana"
    assert not any(word in entry.model_dump_json() for word in ("conv_", "Xanthippe"))


@pytest.mark.parametrize(
    ("records", "files", "left"),
    [
        (Records(by_id={"turns": 1}), {}, {"turns": 1}),
        (Records(by_word={"ledger": 1}), {}, {"ledger": 1}),
        (Records(), {"logs/server.log": 1}, {"logs/server.log": 1}),
        (Records(), {"copilot.db-wal": 1}, {"copilot.db-wal": 1}),
    ],
)
async def test_what_a_search_still_finds_is_left(records, files, left):
    proof, _ = await erased(records, files)
    assert proof.left == left
    assert not proof.complete


async def test_what_knowledge_and_the_order_system_hold_is_kept_with_the_reason():
    proof, _ = await erased(Records(by_word={"documents": 1}), {"copilot.db": 1, "shop.db": 1})
    assert proof.left == {}
    assert proof.kept["documents"] == "knowledge"
    assert proof.kept["copilot.db"] == "the rows of documents"
    assert "order system" in proof.kept["shop.db"]


async def test_old_entries_and_actions_under_way_make_it_incomplete():
    old = [OpenEntry(entry=7, kind="edit", fields=("text",))]
    proof, _ = await erased(Records(old=old))
    assert (proof.complete, proof.ledger_still_holds) == (False, tuple(old))

    proof, (entry,) = await erased(Records(busy={"conv_b"}))
    assert not proof.complete
    assert "still under way" in proof.refused["conv_b"]
    assert (entry.body["conversations"], entry.body["refused"]) == (1, 1)
