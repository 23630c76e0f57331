"""What every store of requests about personal data does."""

from datetime import timedelta

import pytest
from tests.unit.assist.world import NOW

from copilot.adapters.fakes.privacy_requests import MemoryPrivacyRequests
from copilot.adapters.sql.privacy_requests import SqlPrivacyRequests
from copilot.domain.errors import Conflict, NotFound
from copilot.domain.privacy import PrivacyKind, PrivacyRequest, PrivacyStatus

ERASURES, EXPORTS, WEEK = PrivacyKind.ERASURES, PrivacyKind.EXPORTS, NOW + timedelta(days=7)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request, opened):
    if request.param == "memory":
        return MemoryPrivacyRequests()
    return SqlPrivacyRequests(await opened(request.param))


def asked(number, kind=ERASURES, tenant="larkfield", **more):
    return PrivacyRequest(
        id=f"prv_{number}", tenant_id=tenant, kind=kind, customer_id="cus_a", said=("jo@example.com",),
        proposed_by="ana", proposed_by_name="Ana", proposed_at=NOW, expires_at=WEEK, **more,
    )  # fmt: skip


async def test_requests_are_read_by_kind_newest_first_and_by_their_tenant_alone(store):
    for number, kind in ((1, ERASURES), (2, EXPORTS), (3, ERASURES)):
        await store.add(asked(number, kind))
    await store.add(asked(4, tenant="acme"))

    assert await store.get("larkfield", ERASURES, "prv_1") == asked(1)
    assert [r.id for r in await store.list("larkfield", ERASURES)] == ["prv_3", "prv_1"]
    assert [r.id for r in await store.list("larkfield")] == ["prv_3", "prv_2", "prv_1"]
    assert [r.id for r in await store.list("larkfield", after="prv_3", limit=1)] == ["prv_2"]
    for tenant, kind in (("acme", ERASURES), ("larkfield", EXPORTS)):
        with pytest.raises(NotFound):
            await store.get(tenant, kind, "prv_1")


async def test_a_status_is_changed_once(store):
    await store.add(asked(1))
    approved = asked(1, status=PrivacyStatus.APPROVED)
    await store.replace(approved, expected=PrivacyStatus.PROPOSED)
    with pytest.raises(Conflict, match="not proposed any more"):
        await store.replace(asked(1, status=PrivacyStatus.REJECTED), expected=PrivacyStatus.PROPOSED)
    assert await store.get("larkfield", ERASURES, "prv_1") == approved


async def test_what_names_a_customer_still_is_pending_whatever_its_tenant(store):
    await store.add(asked(1))
    await store.add(asked(2, tenant="acme"))
    over = asked(1).without_customer().model_copy(update={"status": PrivacyStatus.REJECTED})
    await store.replace(over, expected=PrivacyStatus.PROPOSED)

    assert [r.id for r in await store.pending()] == ["prv_2"]
    assert "jo@example.com" not in (await store.get("larkfield", ERASURES, "prv_1")).model_dump_json()
