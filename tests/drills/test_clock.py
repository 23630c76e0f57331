"""A server whose clock jumps, ahead and back: no approval outlives its time, and nothing is done twice."""

import asyncio

import pytest
from tests.drills.desk import approve, desk, status, until
from tests.servers import shifted_clock

pytestmark = pytest.mark.slow
HOUR = 3600


async def test_a_jump_ahead_lets_approvals_expire_and_a_jump_back_does_not_revive_them(tmp_path, monkeypatch):
    offset = tmp_path / "clock"
    offset.write_text("0")
    monkeypatch.setenv(shifted_clock.VARIABLE, str(offset))
    async with desk(tmp_path) as d:
        server = await d.serve(tmp_path / "one", module="tests.servers.shifted_clock")
        client, supervisor = await d.client(server), await d.client(server, "supervisor")
        late, large = await d.proposed(client, order=1), await d.proposed(client, order=0)
        assert (await approve(client, large)).json()["status"] == "awaiting_second_approval"

        offset.write_text(str(5 * HOUR))
        for who, action in ((client, late), (supervisor, large)):
            refused = await approve(who, action)
            assert (refused.status_code, refused.json()["code"]) == (409, "action_not_open")
            assert await status(client, action) == "expired"

        offset.write_text("0")
        for who, action in ((client, late), (supervisor, large)):
            assert (await approve(who, action)).status_code == 409
            assert d.asked(action) == 0
        again = await d.proposed(client, order=1)
        assert (await approve(client, again)).json()["status"] == "succeeded"
        assert d.made(again) == 1
        assert await d.ledger_holds()


async def test_a_jump_ahead_in_the_middle_of_a_refund_has_it_driven_on_and_made_once(tmp_path, monkeypatch):
    """The driver takes for left over what another part of the server is still doing."""
    offset = tmp_path / "clock"
    offset.write_text("0")
    monkeypatch.setenv(shifted_clock.VARIABLE, str(offset))
    async with desk(tmp_path, shop_seconds=4.0) as d:
        server = await d.serve(tmp_path / "one", module="tests.servers.shifted_clock")
        client = await d.client(server)
        action = await d.proposed(client)
        approving = asyncio.create_task(approve(client, action))
        await until(lambda: d.asked(action) == 1, 20)
        offset.write_text(str(HOUR))
        assert (await approving).json()["status"] == "succeeded"
        await asyncio.sleep(6)  # a round of the driver, and its call if it makes one
        assert d.made(action) == 1
        assert await status(client, action) == "succeeded"
        assert await d.ledger_holds()
