"""Retention by kind: what it removes and reports, and that a second server leaves it to the first."""

from datetime import timedelta

import pytest
from tests.unit.assist.world import NOW

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.assist.retention import Retention
from copilot.domain.privacy import RetentionKind

K = RetentionKind


class Aged:
    """Conversations and rows by kind, with the moment they are from."""

    def __init__(self, **old):
        self.old = {K(kind): dict(rows) for kind, rows in old.items()}

    async def old_conversations(self, _tenant, kind, before, *, after="", limit=2):
        return [i for i, at in sorted(self.old[kind].items()) if at < before and i > after][:limit]

    async def count(self, _tenant, kind, before):
        return sum(at < before for at in self.old[kind].values())

    async def remove(self, _tenant, kind, before):
        for name in [i for i, at in self.old[kind].items() if at < before][:2]:
            del self.old[kind][name]
            return 1
        return 0


class Eraser:
    """Refuses one conversation."""

    def __init__(self, aged):
        self.aged = aged

    async def take_out(self, _tenant, ids):
        refused = {i: "an action is under way" for i in ids if i == "conv_1"}
        for name in set(ids) - set(refused):
            self.aged.old[K.CONVERSATIONS].pop(name)
        return {}, refused


class Leases:
    """Free until somebody takes it; lost after `lasts` times."""

    def __init__(self, lasts=100):
        self.holder, self.lasts = None, lasts

    async def take(self, _tenant, _name, holder, _now, _until):
        self.lasts -= 1
        self.holder = self.holder or holder
        return self.holder == holder and self.lasts >= 0


def job(aged, leases, ledger, holder="one"):
    days = {K.CONVERSATIONS: 30, K.EVENTS: 7}
    return Retention({"larkfield": days}, aged, Eraser(aged), leases, ledger, FixedClock(NOW), holder)


@pytest.fixture
def aged():
    """Five conversations, the last too young; three rows of events, and gaps that nobody set days for."""
    ages = {f"conv_{n}": NOW - timedelta(days=31) for n in range(4)} | {"conv_9": NOW - timedelta(days=29)}
    rows = {f"event_{n}": NOW - timedelta(days=8) for n in range(3)}
    return Aged(conversations=ages, events=rows, gaps={"gap": NOW - timedelta(days=9_999)})


async def test_what_is_too_old_goes_and_the_ledger_gets_counts(aged):
    ledger = FakeLedgerStore()
    retention = job(aged, Leases(), ledger)
    planned = await retention.plan("larkfield")
    assert planned.removed == {K.CONVERSATIONS: 4, K.EVENTS: 3}
    assert not ledger.chains["larkfield"]

    report = await retention.retain("larkfield")

    assert report.removed == {K.CONVERSATIONS: 3, K.EVENTS: 3}
    assert (report.refused, report.finished) == (1, True)
    assert set(aged.old[K.CONVERSATIONS]) == {"conv_1", "conv_9"}
    assert aged.old[K.GAPS]
    (entry,) = ledger.chains["larkfield"]
    assert (entry.kind, entry.body["removed"]) == ("retention", {"conversations": 3, "events": 3})
    assert "conv_" not in entry.model_dump_json()
    await retention.retain("larkfield")
    assert len(ledger.chains["larkfield"]) == 1  # nothing went: nothing to tell


async def test_a_second_server_leaves_it_to_the_first(aged):
    leases, ledger = Leases(), FakeLedgerStore()
    first, second = job(aged, leases, ledger), job(aged, leases, ledger, "two")
    assert await first.retain("larkfield") is not None
    assert await second.retain("larkfield") is None


async def test_who_has_lost_the_lease_stops_and_says_so(aged):
    report = await job(aged, Leases(lasts=2), FakeLedgerStore()).retain("larkfield")

    assert not report.finished
    assert report.removed == {K.CONVERSATIONS: 1, K.EVENTS: 0}  # of the first batch of two
    assert len(aged.old[K.EVENTS]) == 3
