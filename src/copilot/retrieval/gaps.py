"""Unanswered questions, made into clusters that a knowledge manager can work off.

Average linkage, kept up to date as questions come: the mean cosine of a question to all of a cluster is its
product with the sum of the cluster's vectors, divided by their number. So a cluster is one vector and a
count, and sorting a new question costs one product for each cluster. A cluster that has grown is merged with
the nearest one while the two are near enough, which keeps the order of arrival from mattering much.
"""

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime

import numpy as np

from copilot.domain.care import GapCluster, GapStatus, NearPassage
from copilot.domain.knowledge import KnowledgeGap, ScoredPassage, SearchQuery
from copilot.ports import Clock, Embedder, GapCentre, GapMember, GapStore, Ids, KnowledgeStore, Vector
from copilot.retrieval.search import KnowledgeSearch

SAME_QUESTION = 0.65
"""Mean cosine from which on two questions, or clusters, are one; chosen in docs/decisions/0026."""
_BATCH = 256
_COMPARED = 200
"""Newest members among which the one that stands for the cluster is chosen."""
_NEAREST = 3


class GapDesk:
    """Sorts what was recorded when somebody looks; the live path only records."""

    def __init__(
        self,
        *,
        gaps: GapStore,
        store: KnowledgeStore,
        search: KnowledgeSearch,
        embedder: Embedder,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._gaps = gaps
        self._store = store
        self._search = search
        self._embedder = embedder
        self._clock = clock
        self._ids = ids
        self._lock = asyncio.Lock()

    async def list_clusters(
        self, tenant_id: str, *, status: GapStatus | None = None, after: str | None = None, limit: int = 50
    ) -> list[GapCluster]:
        """Asked most often first, with what was recorded up to now.

        Open ones are searched for again when the knowledge has changed.
        """
        await self.sort(tenant_id)
        found = await self._gaps.list_clusters(tenant_id, status=status, after=after, limit=limit)
        state = await self._state(tenant_id)
        return [await self._searched(cluster, state) for cluster in found]

    async def set_status(
        self, tenant_id: str, cluster_id: str, status: GapStatus, changed_by: str
    ) -> GapCluster:
        """`NotFound` when there is no such cluster."""
        async with self._lock:
            cluster = await self._gaps.get(tenant_id, cluster_id)
            changed = cluster.model_copy(
                update={
                    "status": status,
                    "changed_by": changed_by,
                    "changed_at": self._clock.now(),
                    "searched": "" if status is GapStatus.OPEN else cluster.searched,
                }
            )
            await self._gaps.save(changed)
        return changed

    async def sort(self, tenant_id: str) -> int:
        """Puts every question that is in no cluster into one; returns how many there were."""
        async with self._lock:
            count = 0
            while waiting := await self._gaps.unsorted(tenant_id, limit=_BATCH):
                vectors = await self._embedder.embed_passages([gap.question for gap in waiting])
                centres = await self._current_centres(tenant_id)
                for gap, vector in zip(waiting, vectors, strict=True):
                    await self._add(GapMember(gap, vector), centres)
                count += len(waiting)
            return count

    async def _current_centres(self, tenant_id: str) -> dict[str, GapCentre]:
        """By cluster; where another model made one, its label stands for all of it from now on."""
        centres = {centre.cluster_id: centre for centre in await self._gaps.centres(tenant_id)}
        for identity, centre in centres.items():
            if centre.model_id != self._embedder.model_id:
                cluster = await self._gaps.get(tenant_id, identity)
                (label,) = await self._embedder.embed_passages([cluster.question])
                centres[identity] = replace(
                    centre, model_id=self._embedder.model_id, total=label * np.float32(centre.count)
                )
                await self._gaps.put(cluster, centres[identity])
        return centres

    async def _add(self, member: GapMember, centres: dict[str, GapCentre]) -> None:
        gap = member.gap
        nearest = _nearest(member.vector, 1, centres)
        if nearest is None:
            cluster = _cluster_of(gap, self._ids.new("gapc"))
            centre = GapCentre(cluster.id, self._embedder.model_id, member.vector, 1)
            await self._gaps.put(cluster, centre, [member])
        else:
            centre = centres[nearest]
            cluster = await self._gaps.get(gap.tenant_id, nearest)
            centre = replace(centre, total=centre.total + member.vector, count=centre.count + 1)
            await self._put(_grown(cluster, gap.asked_at), centre, member)
        centres[centre.cluster_id] = centre
        await self._merge(gap.tenant_id, centre.cluster_id, centres)

    async def _merge(self, tenant_id: str, identity: str, centres: dict[str, GapCentre]) -> None:
        """While another cluster is near enough; the older of the two goes on."""
        while True:
            one = centres[identity]
            others = {name: centre for name, centre in centres.items() if name != identity}
            nearest = _nearest(one.total, one.count, others)
            if nearest is None:
                return
            into, gone = sorted((identity, nearest))
            kept, lost = await self._gaps.get(tenant_id, into), await self._gaps.get(tenant_id, gone)
            await self._gaps.merge(tenant_id, gone, into)
            total = centres[into].total + centres[gone].total
            count = centres[into].count + centres[gone].count
            centres[into] = replace(centres[into], total=total, count=count)
            del centres[gone]
            await self._put(_merged(kept, lost), centres[into])
            identity = into

    async def _put(self, cluster: GapCluster, centre: GapCentre, *added: GapMember) -> None:
        """With the question that is closest to all of them."""
        members = await self._gaps.members(
            cluster.tenant_id, cluster.id, self._embedder.model_id, limit=_COMPARED
        )
        closest = max(
            [*added, *members],
            key=lambda member: (float(member.vector @ centre.total), member.gap.id),
            default=None,
        )
        question = closest.gap.question if closest else cluster.question
        changed = {"question": question, "count": centre.count}
        if question != cluster.question:
            changed["searched"] = ""
        await self._gaps.put(cluster.model_copy(update=changed), centre, added)

    async def _state(self, tenant_id: str) -> str:
        """Changes whenever search might find something else."""
        hashes = await self._store.content_hashes(tenant_id)
        kept_out = await self._store.quarantines(tenant_id)
        today = self._clock.now().date()
        return hashlib.sha256(repr((sorted(hashes.items()), sorted(kept_out), today)).encode()).hexdigest()

    async def _searched(self, cluster: GapCluster, state: str) -> GapCluster:
        if cluster.status is not GapStatus.OPEN or cluster.searched == state:
            return cluster
        query = SearchQuery(tenant_id=cluster.tenant_id, text=cluster.question, limit=_NEAREST)
        result = await self._search.search(query)
        near = tuple(_near(found) for found in result.passages)
        changed = cluster.model_copy(
            update={
                "searched": state,
                "nearest": () if result.answerable else near,
                "answered_by": near if result.answerable else (),
            }
        )
        await self._gaps.save(changed)
        return changed


def _nearest(total: Vector, count: int, centres: dict[str, GapCentre]) -> str | None:
    """The cluster with the highest mean cosine to these `count` vectors, if that is high enough."""
    if not centres:
        return None
    names = list(centres)
    sums = np.stack([centres[name].total for name in names])
    counts = np.array([centres[name].count for name in names], dtype=np.float32) * count
    means = (sums @ total) / counts
    best = int(means.argmax())
    return names[best] if means[best] >= SAME_QUESTION else None


def _cluster_of(gap: KnowledgeGap, identity: str) -> GapCluster:
    return GapCluster(
        id=identity,
        tenant_id=gap.tenant_id,
        question=gap.question,
        count=1,
        first_asked_at=gap.asked_at,
        last_asked_at=gap.asked_at,
    )


def _grown(cluster: GapCluster, at: datetime) -> GapCluster:
    """Asked again and not answered, after it was said to be: it is open again."""
    reopened = (
        cluster.status is GapStatus.ANSWERED and cluster.changed_at is not None and at > cluster.changed_at
    )
    return cluster.model_copy(
        update={
            "first_asked_at": min(cluster.first_asked_at, at),
            "last_asked_at": max(cluster.last_asked_at, at),
            **({"status": GapStatus.OPEN, "searched": ""} if reopened else {}),
        }
    )


def _merged(kept: GapCluster, lost: GapCluster) -> GapCluster:
    """Open if either is: nothing open is lost in what somebody has dealt with."""
    status = kept.status if kept.status is lost.status else GapStatus.OPEN
    return kept.model_copy(
        update={
            "first_asked_at": min(kept.first_asked_at, lost.first_asked_at),
            "last_asked_at": max(kept.last_asked_at, lost.last_asked_at),
            "status": status,
            "searched": "",
        }
    )


def _near(found: ScoredPassage) -> NearPassage:
    return NearPassage(
        passage_id=found.passage.id,
        external_id=found.document.external_id,
        version=found.document.version,
        title=found.document.title,
        heading_path=found.passage.heading_path,
        text=found.passage.text,
        confidence=found.confidence,
    )
