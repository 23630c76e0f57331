"""Another tenant's key with all the right names sees nothing and changes nothing, by API and by console."""

import asyncio
from pathlib import Path

from tests.servers.demo import demo_data
from tests.tenants.siege import besiege

ROOT = Path(__file__).parents[2]


async def test_a_thousand_random_requests_leak_nothing_and_change_nothing(tmp_path):
    await asyncio.to_thread(demo_data, tmp_path)
    siege = await besiege(tmp_path, requests=1050, seed=11)
    for found in (siege.findings, siege.pages):
        assert found.leaks == []
        assert found.broken == []
    assert siege.after == siege.before
    assert siege.customer["code"] == "no_order_system"
    assert len(siege.control.leaks) > 5
    assert len(siege.pages_control.leaks) > 5
    assert min(siege.findings.by_operation.values()) >= 10
    assert min(siege.pages.by_operation.values()) >= 5
