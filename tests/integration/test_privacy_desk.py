"""An erasure by two people on a real store: not even the file holds the customer, or the request of whom."""

from contextlib import asynccontextmanager

import pytest
from tests.contract.test_personal_records import PLANTED, planted

from copilot.adapters.data_files import files_holding
from copilot.bootstrap import open_state
from copilot.bootstrap.erasing import eraser, privacy_desk
from copilot.config import Settings
from copilot.domain.access import Principal, Role
from copilot.domain.privacy import PrivacyKind, PrivacyStatus
from copilot.tools.ledger import VerifiedLedger, verify_ledger

ERASURES = PrivacyKind.ERASURES
ANA, BEN = (Principal(id=n, tenant_id="larkfield", name=n.title(), role=Role.ADMIN) for n in ("ana", "ben"))


@pytest.fixture
def opened(tmp_path):
    settings = Settings(data_dir=tmp_path)

    @asynccontextmanager
    async def open_desk():
        async with open_state(settings) as state:
            yield state, privacy_desk(state, eraser(settings, state))

    return open_desk


async def test_the_file_holds_neither_the_customer_nor_who_was_asked_for(tmp_path, opened):
    async with opened() as (state, desk):
        await planted(state.database, "conv_a", "cus_of_quillfeather")
        asked = await desk.propose(ANA, ERASURES, "cus_of_quillfeather", [PLANTED])
        await desk.approve(BEN, ERASURES, asked.id)
        assert files_holding(tmp_path, [PLANTED, "quillfeather"])

        await desk.work()
        over = await desk.get(ANA, ERASURES, asked.id)
        verified = await verify_ledger(state.ledger, "larkfield")
        await eraser(Settings(data_dir=tmp_path), state).overwrite()

    assert over.status is PrivacyStatus.DONE, over.proof
    assert "who asked for an erasure" in over.proof.kept["privacy_requests"]
    assert isinstance(verified, VerifiedLedger)
    assert files_holding(tmp_path, [PLANTED, "quillfeather"]) == {}
