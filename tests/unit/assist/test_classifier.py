"""Training and inference of the classifier agree, and nothing is lost between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.adapters.classifier_experts import Experts, Texts, fit_embedding
from copilot.adapters.classifier_training import ExpertTrainer
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.assist.classifier import Classifier, dump_weights, load_weights
from copilot.assist.text_features import text_features
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.ports import TERM_BUCKETS

LINES = {
    "refund": [
        "money back please",
        "refund my order",
        "I want a refund",
        "give me my money back",
        "refund now",
    ],
    "where": [
        "where is my parcel",
        "track my parcel",
        "where is it now",
        "parcel not here",
        "tracking please",
    ],
    "broken": ["it is broken", "the lamp broke", "arrived damaged", "it does not work", "broken on arrival"],
    "hours": ["opening hours", "when do you open", "are you open today", "closing time", "open on sunday"],
}


@pytest.fixture
async def examples():
    embedder = HashingEmbedder()
    pairs = [(text, label) for label, texts in LINES.items() for text in texts]
    vectors = await embedder.embed_passages([text for text, _ in pairs])
    features = [text_features(text, vector) for (text, _), vector in zip(pairs, vectors, strict=True)]
    return features, [label for _, label in pairs]


async def test_it_knows_its_examples_and_survives_being_stored(examples):
    features, labels = examples
    weights = ExpertTrainer().train(features, labels)
    classifier = Classifier(load_weights(dump_weights(weights)))

    predictions = [classifier.predict(f) for f in features]

    assert [p.label for p in predictions] == labels
    assert all(sum(p for _, p in prediction.ranked) == pytest.approx(1) for prediction in predictions)


async def test_one_text_is_read_as_many_are(examples):
    """What training measured holds only if inference computes the same."""
    features, labels = examples
    weights = ExpertTrainer().train(features, labels)
    truth = np.array([sorted(LINES).index(label) for label in labels])
    readings = Experts.fit(Texts.of(features), truth, 3.0).read(Texts.of(features))
    alone = Classifier(weights)

    for row, feature in enumerate(features):
        nearest = float((Texts.of(features).vectors @ feature.vector).max())
        assert readings.nearest[row] == pytest.approx(nearest, abs=1e-3)
        assert alone.predict(feature).label == labels[row]


async def test_rows_out_of_scope_are_learned_from_too(examples):
    """Those without a label change where the line is drawn, and nothing else."""
    features, labels = examples
    embedder = HashingEmbedder()
    lines = [
        f"{word} volcano poem about the moon" for word in ("zebra", "quartz", "violin", "orbit", "maple")
    ]
    vectors = await embedder.embed_passages(lines)
    strange = [text_features(line, vector) for line, vector in zip(lines, vectors, strict=True)]

    plain = ExpertTrainer().train(features, labels)
    taught = ExpertTrainer().train([*features, *strange], [*labels, *[None] * len(strange)])

    assert taught.labels == plain.labels
    assert np.array_equal(taught.weights, plain.weights)
    assert taught.scope_weights != plain.scope_weights


def test_a_hundred_and_fifty_labels_are_learned_too():
    """With many labels the slope is small from the start, and a fixed tolerance learned nothing at all."""
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(150, 384)).astype(np.float32)
    vectors = np.repeat(centres, 4, axis=0) + 0.3 * chance.normal(size=(600, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    weights, _ = fit_embedding(vectors, np.repeat(np.arange(150), 4), 30.0)

    assert np.linalg.norm(weights) > 10


async def test_too_little_to_learn_from_is_refused(examples):
    features, _ = examples
    with pytest.raises(InvalidInput, match="two labels"):
        ExpertTrainer().train(features[:4], ["a"] * 4)
    with pytest.raises(InvalidInput, match="'b' has 1 examples"):
        ExpertTrainer().train(features[:5], ["a", "a", "a", "a", "b"])


def test_another_files_content_is_refused():
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_weights(b"not an artifact")


@given(st.text(max_size=300))
def test_whatever_the_text_terms_are_distinct_and_in_range(text):
    features = text_features(text, np.zeros(3, dtype=np.float32))
    assert list(features.terms) == sorted(set(features.terms))
    assert all(0 <= term < TERM_BUCKETS for term in features.terms)
    assert len(features.terms) == len(features.counts)


def test_a_word_is_the_same_wherever_it_stands():
    nothing = np.zeros(3, dtype=np.float32)
    alone = set(text_features("refund", nothing).terms)
    within = set(text_features("I want a refund, now!", nothing).terms)
    assert alone <= within
