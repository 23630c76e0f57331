"""What every GapStore keeps."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from copilot.adapters.fakes.gap_store import MemoryGapStore
from copilot.adapters.sql.gap_store import SqlGapStore
from copilot.adapters.sql.opening import knowledge_store
from copilot.domain.care import GapCluster, GapStatus, NearPassage
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import KnowledgeGap
from copilot.ports import GapCentre, GapMember

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MODEL = "model-a"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def kept(request, opened):
    """A store of clusters, and the one that records questions."""
    if request.param == "memory":
        store = MemoryGapStore()
        yield store, store
        return
    database = await opened(request.param)
    yield SqlGapStore(database), knowledge_store(database)


def gap(number, question="Do you ship to Mars?", conversation="conv_1", tenant="acme") -> KnowledgeGap:
    return KnowledgeGap(
        id=f"gap_{number}",
        tenant_id=tenant,
        question=question,
        conversation_id=conversation,
        asked_at=NOW + timedelta(minutes=number),
    )


def member(of) -> GapMember:
    return GapMember(of, np.array([1, 0, 0, 0], dtype=np.float32))


def cluster(number=1, count=1, **more) -> GapCluster:
    return GapCluster(
        id=f"gapc_{number}",
        tenant_id="acme",
        question="Do you ship to Mars?",
        count=count,
        first_asked_at=NOW,
        last_asked_at=NOW,
        **more,
    )


def centre(number=1, count=1) -> GapCentre:
    return GapCentre(f"gapc_{number}", MODEL, np.array([count, 0, 0, 0], dtype=np.float32), count)


async def record(recorder, *gaps):
    for one in gaps:
        await recorder.record_gap(one)


async def test_what_is_recorded_is_unsorted_until_it_is_put_into_a_cluster(kept):
    store, recorder = kept
    await record(recorder, gap(1), gap(2), gap(3, tenant="other"))
    assert await store.unsorted("acme") == [gap(1), gap(2)]
    assert await store.unsorted("acme", limit=1) == [gap(1)]

    await store.put(cluster(), centre(), [member(gap(1))])

    assert await store.unsorted("acme") == [gap(2)]
    (found,) = await store.centres("acme")
    assert (found.cluster_id, found.model_id, found.count, found.total.tolist()) == (
        "gapc_1",
        MODEL,
        1,
        [1, 0, 0, 0],
    )
    (of,) = await store.members("acme", "gapc_1", MODEL, limit=5)
    assert (of.gap, of.vector.tolist()) == (gap(1), [1, 0, 0, 0])
    assert await store.members("acme", "gapc_1", "model-b", limit=5) == []


async def test_a_cluster_names_its_wordings_and_conversations_newest_first(kept):
    store, recorder = kept
    asked = [gap(1, "Mars?", "conv_1"), gap(2, "To Mars?", "conv_2"), gap(3, "Mars?", None)]
    await record(recorder, *asked)
    await store.put(cluster(count=3), centre(count=3), [member(one) for one in asked])

    found = await store.get("acme", "gapc_1")

    assert found.questions == ("Mars?", "To Mars?")
    assert found.conversation_ids == ("conv_2", "conv_1")


async def test_asked_most_often_first_in_pages(kept):
    store, _ = kept
    for number, count in enumerate((2, 5, 5, 1)):
        await store.put(cluster(number, count), centre(number, count))

    first = await store.list_clusters("acme", limit=2)
    rest = await store.list_clusters("acme", after=first[-1].id, limit=5)

    assert [c.id for c in (*first, *rest)] == ["gapc_2", "gapc_1", "gapc_0", "gapc_3"]
    assert await store.list_clusters("other") == []


async def test_a_status_is_kept_and_listed_by(kept):
    store, _ = kept
    await store.put(cluster(1), centre(1))
    await store.put(cluster(2), centre(2))
    near = NearPassage(
        passage_id="psg_1",
        external_id="shipping",
        version="1",
        title="Shipping",
        text="To Mars.",
        confidence=0.9,
    )
    done = cluster(
        1, status=GapStatus.DISMISSED, changed_by="ana", changed_at=NOW, nearest=(near,), searched="x"
    )

    await store.save(done)

    assert await store.get("acme", "gapc_1") == done
    assert [c.id for c in await store.list_clusters("acme", status=GapStatus.OPEN)] == ["gapc_2"]
    assert await store.list_clusters("acme", status=GapStatus.DISMISSED) == [done]


async def test_merging_moves_the_members(kept):
    store, recorder = kept
    await record(recorder, gap(1, "Mars?"), gap(2, "To Mars?"))
    await store.put(cluster(1), centre(1), [member(gap(1, "Mars?"))])
    await store.put(cluster(2), centre(2), [member(gap(2, "To Mars?"))])

    await store.merge("other", "gapc_2", "gapc_1")  # not theirs
    assert len(await store.list_clusters("acme")) == 2
    await store.merge("acme", "gapc_2", "gapc_1")

    (left,) = await store.list_clusters("acme")
    assert (left.id, left.questions) == ("gapc_1", ("To Mars?", "Mars?"))


async def test_what_is_not_there_or_another_tenants(kept):
    store, _ = kept
    await store.put(cluster(), centre())
    with pytest.raises(NotFound):
        await store.get("other", "gapc_1")
    with pytest.raises(NotFound):
        await store.save(cluster(9))
