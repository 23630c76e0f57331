"""Erasure and export by two people: nobody alone, nothing twice, and no customer named once it is over."""

from datetime import timedelta

import pytest
from tests.unit.assist.test_erasure import Copies, Records
from tests.unit.assist.world import NOW

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.privacy_requests import MemoryLeases, MemoryPrivacyRequests
from copilot.assist.erasure import Eraser
from copilot.assist.privacy_desk import PrivacyDesk
from copilot.domain.access import Principal, Role
from copilot.domain.errors import Conflict, InvalidInput, NotPermitted, SecondApproverNeeded
from copilot.domain.privacy import PrivacyKind, PrivacyStatus

ERASURES, EXPORTS = PrivacyKind.ERASURES, PrivacyKind.EXPORTS


def person(name, role=Role.ADMIN):
    return Principal(id=name.lower(), tenant_id="larkfield", name=name, role=role)


ANA, BEN, SAM = person("Ana"), person("Ben"), person("Sam", Role.SUPERVISOR)


class Kept(Records):
    """Of the conversations of cus_a, which may stop half-way."""

    def __init__(self, *, stops=False, **more):
        super().__init__(**more)
        self.ids, self.stops = ["conv_a", "conv_b"], stops

    async def conversations_of(self, _tenant, customer_id, _words=()):
        return list(self.ids) if customer_id == "cus_a" else []

    async def erase(self, tenant_id, conversation_id):
        if self.stops and conversation_id == "conv_b":
            raise RuntimeError("the process ends here")
        removed = await super().erase(tenant_id, conversation_id)
        self.ids = [i for i in self.ids if i != conversation_id]
        return removed

    async def export(self, _tenant, conversation_id):
        return {"turns": [{"text": f"said in {conversation_id}"}]}


class Office:
    def __init__(self, **records):
        self.clock, self.ledger, self.records = FixedClock(NOW), FakeLedgerStore(), Kept(**records)
        self.store, self.leases, self.ids = MemoryPrivacyRequests(), MemoryLeases(), SequentialIds()
        self.desk = self.server()

    def server(self):
        eraser = Eraser(self.records, Copies(), self.ledger, self.clock)
        return PrivacyDesk(self.store, self.records, eraser, self.leases, self.ledger, self.clock, self.ids)

    async def proposed(self, kind=ERASURES):
        return await self.desk.propose(ANA, kind, "cus_a", ["Xanthippe"])

    async def status(self, request):
        return (await self.store.get("larkfield", request.kind, request.id)).status

    @property
    def kinds(self):
        return [entry.kind for entry in self.ledger.chains["larkfield"]]


async def test_an_erasure_needs_a_second_administrator_and_leaves_a_proof_that_names_nobody():
    office = Office()
    request = await office.proposed()
    assert request.conversations == 2
    with pytest.raises(SecondApproverNeeded):
        await office.desk.approve(ANA, ERASURES, request.id)
    with pytest.raises(NotPermitted):
        await office.desk.approve(SAM, ERASURES, request.id)
    await office.desk.work()
    assert office.records.ids == ["conv_a", "conv_b"]  # nobody has approved it

    await office.desk.approve(BEN, ERASURES, request.id)
    with pytest.raises(Conflict, match="cannot be decided"):
        await office.desk.reject(BEN, ERASURES, request.id)
    await office.desk.work()

    over = await office.desk.get(BEN, ERASURES, request.id)
    assert (over.status, over.proof.conversations, over.proof.complete) == (PrivacyStatus.DONE, 2, True)
    assert (over.customer_id, over.said, over.conversation_ids) == ("", (), ())
    assert office.kinds == ["erasure.proposed", "erasure.approved", "erasure"]
    assert {e.subject_id for e in office.ledger.chains["larkfield"]} == {request.id}
    assert "cus_a" not in str(office.ledger.chains)
    await office.desk.work()
    assert len(office.kinds) == 3  # nothing is done twice


async def test_what_is_left_makes_it_incomplete():
    office = Office(by_word={"turns": 1})
    request = await office.proposed()
    await office.desk.approve(BEN, ERASURES, request.id)
    await office.desk.work()

    over = await office.store.get("larkfield", ERASURES, request.id)
    assert (over.status, over.proof.left) == (PrivacyStatus.INCOMPLETE, {"turns": 1})


async def test_an_erasure_that_a_crash_stopped_is_gone_on_with_by_another_server_and_proves_all_of_it():
    office = Office(stops=True)
    request = await office.proposed()
    await office.desk.approve(BEN, ERASURES, request.id)
    with pytest.raises(RuntimeError):
        await office.desk.work()
    office.records.stops = False
    other = office.server()

    await other.work()
    assert await office.status(request) is PrivacyStatus.RUNNING  # the first may still be at it
    office.clock.forward(timedelta(minutes=11))
    await other.work()

    over = await office.store.get("larkfield", ERASURES, request.id)
    assert (over.status, over.proof.conversations) == (PrivacyStatus.DONE, 2)
    assert office.records.ids == []


async def test_an_export_is_read_by_administrators_for_a_day_after_the_approval():
    office = Office()
    request = await office.proposed(EXPORTS)
    with pytest.raises(Conflict, match="proposed and cannot be read"):
        await office.desk.document(ANA, request.id)
    await office.desk.approve(BEN, EXPORTS, request.id)

    document = await office.desk.document(ANA, request.id)

    assert document["conv_a"]["turns"] == [{"text": "said in conv_a"}]
    assert office.kinds == ["export.proposed", "export.approved", "export.read"]
    office.clock.forward(timedelta(hours=24))
    with pytest.raises(Conflict):
        await office.desk.document(ANA, request.id)
    await office.desk.work()
    over = await office.store.get("larkfield", EXPORTS, request.id)
    assert (over.status, over.customer_id) == (PrivacyStatus.EXPIRED, "")


async def test_what_is_rejected_or_not_approved_in_time_is_forgotten():
    office = Office()
    rejected, late = await office.proposed(), await office.proposed()
    await office.desk.reject(ANA, ERASURES, rejected.id)
    office.clock.forward(timedelta(days=7))
    with pytest.raises(Conflict, match="expired"):
        await office.desk.approve(BEN, ERASURES, late.id)
    await office.desk.work()

    assert await office.status(rejected) is PrivacyStatus.REJECTED
    assert await office.status(late) is PrivacyStatus.EXPIRED
    assert await office.store.pending() == []
    assert office.records.ids == ["conv_a", "conv_b"]


async def test_words_that_everybody_says_are_refused():
    with pytest.raises(InvalidInput, match="shorter than 4"):
        await Office().desk.propose(ANA, ERASURES, "cus_a", ["Jo"])
