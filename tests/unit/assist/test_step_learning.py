"""Learning from wrapped-up conversations: what is read from them, and that no tenant learns another's."""

from datetime import timedelta

from tests.unit.assist.world import NOW, REFUND

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.conversation_store import MemoryConversationStore
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.assist.flow.learning import NEXT_STEPS, StepLearner
from copilot.assist.flow.ranker import load_ranker
from copilot.assist.flow.reading import EpisodeReader
from copilot.assist.flow.training import StepTrainer
from copilot.assist.training import PLAYBOOKS, dump_playbooks
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.wrap_up import Disposition, Summary, WrapUp

VERIFY = next(step.say for step in REFUND.steps if step.id == "verify")


class ArtifactShelf:
    """The part of a KnowledgeStore that keeps artifacts, each tenant's apart."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[str, bytes]] = {}

    async def put_artifact(self, tenant_id: str, name: str, key: str, content: bytes) -> None:
        self.kept[tenant_id, name] = (key, content)

    async def get_artifact(self, tenant_id: str, name: str) -> tuple[str, bytes] | None:
        return self.kept.get((tenant_id, name))


async def finished(store: MemoryConversationStore, tenant: str, number: int, *, closed: bool = True) -> None:
    name = f"conv_{tenant}_{number}"
    said = [(Speaker.CUSTOMER, "I want a refund"), (Speaker.REPRESENTATIVE, VERIFY)]
    turns = [
        Turn(
            id=f"{name}_{n}",
            conversation_id=name,
            sequence=n,
            speaker=speaker,
            text=text,
            created_at=NOW + timedelta(minutes=n),
        )
        for n, (speaker, text) in enumerate(said, start=1)
    ]
    await store.create(
        Conversation(
            id=name,
            tenant_id=tenant,
            channel=Channel.CHAT,
            turns=tuple(turns),
            created_at=NOW,
            updated_at=NOW,
        )
    )
    if closed:
        wrapped = WrapUp(
            conversation_id=name,
            disposition=Disposition(code="refund", title="Refund", confidence=0.9),
            tags=("chat", "refund_request"),
            summary=Summary(conversation_id=name, revision=2),
            case_note="Done.",
            created_at=NOW,
        )
        await store.close(tenant, wrapped)


async def learner_over(store: MemoryConversationStore) -> tuple[StepLearner, ArtifactShelf]:
    shelf, embedder = ArtifactShelf(), HashingEmbedder()
    for tenant in ("larkfield", "other"):
        await shelf.put_artifact(tenant, PLAYBOOKS, "1", dump_playbooks([REFUND]))
    actions = FakeActionStore(FakeLedgerStore())
    return StepLearner(store, actions, shelf, EpisodeReader(embedder), StepTrainer(embedder)), shelf


async def test_what_a_representative_said_is_learned_as_the_step_it_was():
    store = MemoryConversationStore()
    for number in range(5):
        await finished(store, "larkfield", number)
    await finished(store, "larkfield", 5, closed=False)
    learner, shelf = await learner_over(store)
    learned = await learner.learn("larkfield")
    assert (learned.conversations, learned.decisions, learned.changed) == (5, 5, True)
    ranker = load_ranker((await shelf.get_artifact("larkfield", NEXT_STEPS))[1], [REFUND])
    assert ranker.evidence.transitions.counts[("any",)] == {"verify": 5}


async def test_no_tenant_learns_from_anothers_conversations():
    store = MemoryConversationStore()
    await finished(store, "larkfield", 1)
    for number in range(9):
        await finished(store, "other", number)
    learner, shelf = await learner_over(store)
    await learner.learn("larkfield")
    assert await shelf.get_artifact("other", NEXT_STEPS) is None
    ranker = load_ranker((await shelf.get_artifact("larkfield", NEXT_STEPS))[1], [REFUND])
    assert ranker.evidence.transitions.counts[("any",)] == {"verify": 1}


async def test_nothing_is_done_until_another_conversation_is_finished():
    store = MemoryConversationStore()
    await finished(store, "larkfield", 1)
    learner, _ = await learner_over(store)
    assert (await learner.learn("larkfield")).changed
    assert not (await learner.learn("larkfield")).changed
    await finished(store, "larkfield", 2)
    assert (await learner.learn("larkfield")).changed


async def test_a_server_waits_until_one_conversation_in_twenty_is_new():
    store = MemoryConversationStore()
    for number in range(100, 140):
        await finished(store, "larkfield", number)
    learner, _ = await learner_over(store)
    await learner.learn("larkfield")
    await finished(store, "larkfield", 200)
    assert not (await learner.learn("larkfield", patiently=True)).changed
    for number in range(201, 204):
        await finished(store, "larkfield", number)
    assert (await learner.learn("larkfield", patiently=True)).changed


async def test_what_was_read_of_old_conversations_does_not_stay_in_memory():
    store = MemoryConversationStore()
    for number in range(3):
        await finished(store, "larkfield", number)
    learner, _ = await learner_over(store)
    assert (await learner.learn("larkfield")).conversations == 3
    assert len(learner._reader._vectors) == 0
