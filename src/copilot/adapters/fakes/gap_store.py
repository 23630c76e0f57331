"""A GapStore in memory."""

from collections.abc import Sequence

from copilot.domain.care import GapCluster, GapStatus
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import KnowledgeGap
from copilot.ports import GapCentre, GapMember

_SHOWN = 20


class MemoryGapStore:
    """`recorded` is what a KnowledgeStore would have."""

    def __init__(self) -> None:
        self.recorded: dict[str, KnowledgeGap] = {}
        self._clusters: dict[str, tuple[GapCluster, GapCentre]] = {}
        self._members: dict[str, tuple[str, str, GapMember]] = {}

    async def record_gap(self, gap: KnowledgeGap) -> None:
        self.recorded[gap.id] = gap

    async def unsorted(self, tenant_id: str, *, limit: int = 500) -> list[KnowledgeGap]:
        waiting = [g for i, g in sorted(self.recorded.items()) if i not in self._members]
        return [gap for gap in waiting if gap.tenant_id == tenant_id][:limit]

    async def centres(self, tenant_id: str) -> list[GapCentre]:
        return [centre for cluster, centre in self._clusters.values() if cluster.tenant_id == tenant_id]

    async def members(self, tenant_id: str, cluster_id: str, model_id: str, *, limit: int) -> list[GapMember]:
        found = [m for m in self._of(cluster_id, model_id) if m.gap.tenant_id == tenant_id]
        return found[:limit]

    async def put(self, cluster: GapCluster, centre: GapCentre, added: Sequence[GapMember] = ()) -> None:
        self._clusters[cluster.id] = cluster, centre
        for member in added:
            self._members.setdefault(member.gap.id, (cluster.id, centre.model_id, member))

    async def merge(self, tenant_id: str, gone: str, into: str) -> None:
        if gone in self._clusters and self._clusters[gone][0].tenant_id == tenant_id:
            del self._clusters[gone]
            for identity, (cluster_id, model_id, member) in self._members.items():
                if cluster_id == gone:
                    self._members[identity] = (into, model_id, member)

    async def get(self, tenant_id: str, cluster_id: str) -> GapCluster:
        if cluster_id not in self._clusters or self._clusters[cluster_id][0].tenant_id != tenant_id:
            raise NotFound(f"there is no gap {cluster_id!r}.")
        cluster = self._clusters[cluster_id][0]
        gaps = [member.gap for member in self._of(cluster_id)]
        return cluster.model_copy(
            update={
                "questions": tuple(dict.fromkeys(gap.question for gap in gaps))[:_SHOWN],
                "conversation_ids": tuple(
                    dict.fromkeys(gap.conversation_id for gap in gaps if gap.conversation_id)
                )[:_SHOWN],
            }
        )

    async def list_clusters(
        self, tenant_id: str, *, status: GapStatus | None = None, after: str | None = None, limit: int = 50
    ) -> list[GapCluster]:
        own = [cluster for cluster, _ in self._clusters.values() if cluster.tenant_id == tenant_id]
        own.sort(key=lambda cluster: (cluster.count, cluster.id), reverse=True)
        names = [cluster.id for cluster in own]
        rest = own[names.index(after) + 1 :] if after in names else own
        chosen = [cluster for cluster in rest if status in {None, cluster.status}][:limit]
        return [await self.get(tenant_id, cluster.id) for cluster in chosen]

    async def save(self, cluster: GapCluster) -> None:
        await self.get(cluster.tenant_id, cluster.id)
        self._clusters[cluster.id] = cluster, self._clusters[cluster.id][1]

    def _of(self, cluster_id: str, model_id: str | None = None) -> list[GapMember]:
        """Newest first."""
        return [
            member
            for _, (owner, model, member) in sorted(self._members.items(), reverse=True)
            if owner == cluster_id and model_id in {None, model}
        ]
