"""What comes next: as written, until finished conversations say otherwise, each tenant for itself."""

import pytest
from tests.unit.assist.world import RITA, world

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.assist.flow.alignment import aligned
from copilot.assist.flow.progress import decisions, progress_after
from copilot.assist.flow.ranker import StepRanker, dump_ranker, load_ranker
from copilot.assist.flow.training import StepTrainer
from copilot.domain.assist import NextActionKind
from copilot.domain.episode import CustomerSaid, Episode, LookedUp, OwnWords, StepTaken
from copilot.domain.errors import ConfigurationError
from copilot.domain.playbook import Flow, PlaybookStep


def step(name: str, say: str, **more) -> PlaybookStep:
    return PlaybookStep(id=name, kind=NextActionKind.ASK, title=name, why="Because.", say=say, **more)


RETURNS = Flow(
    intent="returns",
    title="Returns",
    steps=(
        step("ask-order", "What is your order number?"),
        step("ask-reason", "Why do you send it back?"),
        step("send-label", "I am sending you the label."),
    ),
)
STEPS = ("ask-order", "ask-reason", "send-label")


def episode(name: str, *steps: str) -> Episode:
    said = [(CustomerSaid(text="I want to send it back"), StepTaken(step=s)) for s in steps]
    return Episode(id=name, flows=("returns",), events=tuple(e for pair in said for e in pair))


def order_after(ranker: StepRanker, *events) -> list[str]:
    return [r.step for r in ranker.rank(progress_after(events), ("returns",), STEPS)]


def test_with_nothing_learned_the_order_is_the_written_one():
    assert order_after(StepRanker([RETURNS]), CustomerSaid(text="Hello")) == list(STEPS)


async def test_finished_conversations_change_what_comes_first():
    finished = [episode(f"e{n}", "ask-reason", "ask-order", "send-label") for n in range(12)]
    ranker = await StepTrainer(HashingEmbedder()).train([RETURNS], finished)
    assert order_after(ranker, CustomerSaid(text="I want to send it back"))[0] == "ask-reason"
    begun = (
        CustomerSaid(text="I want to send it back"),
        StepTaken(step="ask-reason"),
        CustomerSaid(text="I want to send it back"),
    )
    assert order_after(ranker, *begun)[0] == "ask-order"
    assert ranker.seen_next(progress_after(begun), ("returns",)) == {"ask-order": (12, 12)}


async def test_what_was_learned_is_the_same_after_it_was_kept():
    finished = [episode(f"e{n}", "ask-reason", "ask-order", "send-label") for n in range(80)]
    ranker = await StepTrainer(HashingEmbedder()).train([RETURNS], finished)
    again = load_ranker(dump_ranker(ranker), [RETURNS])
    progress = progress_after([CustomerSaid(text="I want to send it back")])
    said = [await HashingEmbedder().embed_query("I want to send it back")]
    before, after = (r.rank(progress, ("returns",), STEPS, said) for r in (ranker, again))
    assert [r.step for r in before] == [r.step for r in after]
    assert [r.probability for r in before] == pytest.approx([r.probability for r in after], abs=0.01)


def test_an_artifact_that_is_none_is_refused():
    with pytest.raises(ConfigurationError):
        load_ranker(b"not an artifact", [RETURNS])


async def test_own_words_that_come_to_a_step_count_as_that_step():
    spoken = Episode(id="e", flows=("returns",), events=(OwnWords(text="What is your order number?"),))
    embedder = HashingEmbedder()
    texts = [s.say for s in RETURNS.steps]
    vectors = dict(zip(texts, await embedder.embed_passages(texts), strict=True))
    events = aligned(spoken, [RETURNS], vectors).events
    assert events == (OwnWords(text="What is your order number?", like="ask-order"),)
    assert progress_after(events).done == {"ask-order": 1}


def test_a_decision_sees_what_came_before_it_and_nothing_after():
    events = (
        CustomerSaid(text="Is it in stock?"),
        StepTaken(step="look", given={"item": "tent"}),
        LookedUp(found={"status": "available", "item": "tent"}),
        StepTaken(step="tell"),
        CustomerSaid(text="Thanks"),
    )
    (first, looked), (second, told) = decisions(events)
    assert (looked.step, first.last_event, first.status) == ("look", "customer", ())
    assert (told.step, second.last_event, second.status) == ("tell", "result", ("status=available",))
    assert second.agreement == ("item as asked",)
    assert second.customer == ("Is it in stock?",)


async def test_the_panel_shows_what_was_learned_first_and_says_so():
    w = await world()
    await w.customer("I want a refund for my broken lantern")
    assert [a.step for a in (await w.snapshot()).next_actions] == ["verify", "look-up", "close"]
    profile = await w.profiles.of("larkfield")
    finished = [
        Episode(
            id=f"e{n}",
            flows=("refund_request",),
            events=(CustomerSaid(text="I want a refund"), StepTaken(step="close")),
        )
        for n in range(20)
    ]
    learned = await StepTrainer(HashingEmbedder()).train(list(profile.playbooks.values()), finished)
    w.profiles.learned = learned
    w.conversation = await w.live.open(RITA, w.conversation.channel)
    await w.customer("I want a refund for my broken lantern")
    first = (await w.snapshot()).next_actions[0]
    assert first.step == "close"
    assert "Done next 20 of 20 times in finished conversations." in first.why
