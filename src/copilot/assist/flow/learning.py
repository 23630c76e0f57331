"""Learns a tenant's next steps from the conversations that it has wrapped up, and from no other's."""

import asyncio
from collections.abc import Mapping, Sequence

from copilot.assist.flow.ranker import dump_ranker
from copilot.assist.flow.reading import EpisodeReader, flows_of
from copilot.assist.flow.training import StepTrainer
from copilot.assist.training import PLAYBOOKS, load_playbooks
from copilot.domain.episode import Episode
from copilot.domain.playbook import Playbook
from copilot.domain.value import Value
from copilot.ports import ActionStore, ConversationStore, KnowledgeStore

NEXT_STEPS = "next-steps"
_PAGE = 200
_MOST = 1_000
_WORTH_IT = 0.05
# Raise when reading or training changes, so that what was learned is learned anew.
_VERSION = "1"


class Learned(Value):
    """From how much was learned; `changed` is False when nothing was new."""

    conversations: int
    decisions: int
    changed: bool


class StepLearner:
    """Keeps the tenant's ranker as an artifact beside its playbooks."""

    def __init__(
        self,
        conversations: ConversationStore,
        actions: ActionStore,
        knowledge: KnowledgeStore,
        reader: EpisodeReader,
        trainer: StepTrainer,
    ) -> None:
        self._conversations = conversations
        self._actions = actions
        self._knowledge = knowledge
        self._reader = reader
        self._trainer = trainer

    async def learn(self, tenant_id: str, *, patiently: bool = False) -> Learned:
        """From at most the newest 1,000 conversations; does nothing when there is nothing new.

        `patiently` waits until one in twenty is new, so that a busy server does not train all day.
        """
        stored = await self._knowledge.get_artifact(tenant_id, PLAYBOOKS)
        ids = await self._finished(tenant_id)
        if stored is None or not ids:
            return Learned(conversations=0, decisions=0, changed=False)
        key = f"{_VERSION}:{stored[0]}:{','.join(ids[:1])}:{len(ids)}"
        known = await self._knowledge.get_artifact(tenant_id, NEXT_STEPS)
        if known is not None and (known[0] == key or (patiently and _hardly_new(known[0], key, ids))):
            return Learned(conversations=len(ids), decisions=0, changed=False)
        playbooks = {p.intent: p for p in load_playbooks(stored[1])}
        try:
            episodes = [e for i in ids if (e := await self._episode(tenant_id, i, playbooks)) is not None]
        finally:
            self._reader.forget()
        vectors = await self._trainer.embed(list(playbooks.values()), episodes)
        ranker = await asyncio.to_thread(self._trainer.fit, list(playbooks.values()), episodes, vectors)
        await self._knowledge.put_artifact(tenant_id, NEXT_STEPS, key, dump_ranker(ranker))
        made = sum(e.steps_taken for e in episodes)
        return Learned(conversations=len(episodes), decisions=made, changed=True)

    async def _finished(self, tenant_id: str) -> list[str]:
        ids: list[str] = []
        while len(ids) < _MOST:
            page = await self._conversations.list_wrapped_up(
                tenant_id, after=ids[-1] if ids else None, limit=_PAGE
            )
            ids += page
            if len(page) < _PAGE:
                break
        return ids

    async def _episode(
        self, tenant_id: str, conversation_id: str, playbooks: Mapping[str, Playbook]
    ) -> Episode | None:
        snapshot = await self._conversations.snapshot(tenant_id, conversation_id)
        if snapshot.wrap_up is None:
            return None
        flows = flows_of(snapshot.wrap_up.tags, playbooks)
        if not flows:
            return None
        actions = await self._actions.list_for(tenant_id, conversation_id)
        return (await self._reader.read(snapshot.conversation, actions, flows)).episode


def _hardly_new(known: str, key: str, ids: Sequence[str]) -> bool:
    """Whether the same playbooks were trained with all but a few of these conversations, newest first."""
    before, after = known.split(":"), key.split(":")
    if before[:2] != after[:2] or before[2] not in ids:
        return False
    return ids.index(before[2]) < _WORTH_IT * len(ids)
