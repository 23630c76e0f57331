"""`intent` and `sentiment`: what they make of somebody's data."""

import json

import pytest

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.domain.errors import InvalidInput
from copilot.evaluation.kinds.intent import IntentKind
from copilot.evaluation.kinds.kind import KindOptions
from copilot.evaluation.kinds.sentiment import SentimentKind

WORDS = {
    "cancel_order": ["cancel", "stop", "call off", "undo", "drop"],
    "track_parcel": ["track", "follow", "locate", "find", "trace"],
    "return_item": ["return", "send back", "give back", "hand back", "ship back"],
    "warranty": ["warranty", "guarantee", "coverage", "repair", "defect"],
}
STRANGE = [
    "the moon is far away",
    "sing me a song",
    "my cat sleeps all day",
    "a poem about rain",
    "two plus two",
]


def rows():
    for intent, words in WORDS.items():
        for word in words:
            for tail in ("my order", "the parcel please", "it today"):
                yield {"text": f"{word} {tail} {intent.replace('_', ' ')}", "intent": intent}


def write(path, lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


async def run(kind, **options):
    steps = []
    result = await kind.run(KindOptions(**options), lambda done, of: steps.append((done, of)))
    assert steps[-1][0] == steps[-1][1]
    return result


@pytest.fixture
def intents():
    return IntentKind(HashingEmbedder())


async def test_without_training_data_it_is_cross_validated_and_nothing_strange_is_learned(tmp_path, intents):
    data = write(tmp_path / "a.jsonl", [*rows(), *({"text": t, "intent": "oos"} for t in STRANGE)])

    result = await run(intents, data=data)

    assert result.figures["accuracy"] > 0.9
    assert result.figures["oos_auroc"] > 0.8
    assert len(result.cases) == 65
    assert {c.slices["intent"] for c in result.cases} == {*WORDS, "out of scope"}


@pytest.mark.parametrize("with_strange", [True, False])
async def test_with_training_data_it_learns_from_that_alone(tmp_path, intents, with_strange):
    strange = [{"text": t, "intent": "oos"} for t in STRANGE]
    train = write(tmp_path / "train.jsonl", [*rows(), *(strange[:2] if with_strange else [])])
    data = write(
        tmp_path / "test.jsonl", [{"text": "please track my order", "intent": "track_parcel"}, strange[3]]
    )

    result = await run(intents, data=data, train=train)

    assert result.figures["accuracy"] == 1
    assert f"{2 if with_strange else 0} of them out of scope" in result.notes[0]


async def test_rows_that_cannot_be_read_are_named_and_the_rest_is_scored(tmp_path, intents):
    data = write(tmp_path / "a.jsonl", [*rows(), "{", {"text": "hello"}, {"intent": "warranty"}])

    result = await run(intents, data=data)

    assert [r.source.rsplit(":", 1)[1] for r in result.refused] == ["61", "62", "63"]
    assert len(result.cases) == 60


async def test_any_of_several_intents_is_right_and_domains_are_slices(tmp_path, intents):
    train = write(tmp_path / "train.jsonl", rows())
    row = {"text": "track my order", "intents": ["warranty", "track_parcel"], "domain": "shop"}

    result = await run(intents, data=write(tmp_path / "test.jsonl", [row]), train=train)

    assert result.figures["accuracy"] == 1
    assert result.cases[0].slices["domain"] == "shop"


async def test_of_a_folder_every_file_has_its_own_figures(tmp_path, intents):
    folder = tmp_path / "sets"
    folder.mkdir()
    write(folder / "one.jsonl", rows())
    write(folder / "two.jsonl", rows())

    figures = (await run(intents, data=folder)).figures

    assert figures["accuracy"] == pytest.approx((figures["one.accuracy"] + figures["two.accuracy"]) / 2)


async def test_nothing_to_score_is_said(tmp_path, intents):
    with pytest.raises(InvalidInput, match="nothing to score"):
        await run(intents, data=write(tmp_path / "a.jsonl", ["{}"]))


async def test_sentiment_is_scored_by_label(tmp_path):
    data = write(
        tmp_path / "s.jsonl",
        [
            {"text": "This is the third time I call and nobody helps", "label": "negative"},
            {"text": "Thank you so much, that solved it", "label": "positive"},
            {"text": "Where is it", "label": "sad"},
        ],
    )

    result = await run(SentimentKind(HashingEmbedder()), data=data)

    assert result.figures["recall.negative"] == result.figures["recall.positive"] == 1
    assert result.figures["recall.neutral"] is None
    assert [r.source for r in result.refused] == [f"{data}:3"]
