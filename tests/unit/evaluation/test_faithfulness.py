"""Our own measure of faithfulness, with a stand-in for the embedder."""

import json
from contextlib import asynccontextmanager

import pytest

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.domain.errors import InvalidInput
from copilot.evaluation.kinds.groundedness import GroundednessKind, read_rows
from copilot.evaluation.kinds.kind import KindOptions
from copilot.evaluation.metrics.faithfulness import Attribution, Faithfulness
from copilot.evaluation.metrics.faithfulness_weights import FOLDS, AttributionWeights, fit, fold_of
from copilot.evaluation.metrics.metric import Sample
from copilot.evaluation.metrics.support_features import FEATURES

FEE = "A return shipping fee of $6.50 is deducted from the refund."


def sample(reply, *contexts):
    return Sample(id="1", reply=reply, contexts=contexts, history=("What does it cost?",))


@asynccontextmanager
async def hashing():
    yield HashingEmbedder()


async def test_a_copy_scores_one_and_an_invention_little():
    metric = Faithfulness(HashingEmbedder())
    copied, invented = await metric.score_all([sample(FEE, FEE), sample("Drones bring it at noon.", FEE)])
    assert copied.value == pytest.approx(1.0, abs=1e-4)
    assert invented.value < 0.4
    assert copied.evidence["sentences"][0]["evidence"] == FEE


async def test_saying_that_one_does_not_know_makes_nothing_up():
    metric = Faithfulness(HashingEmbedder())
    unknown, claimed = await metric.score_all(
        [sample("I do not have information about that."), sample("It costs $5.")]
    )
    assert (unknown.value, claimed.value) == (1.0, 0.0)


async def test_an_empty_reply_is_an_error_that_counts_as_zero():
    score = await Faithfulness(HashingEmbedder()).score(sample("", FEE))
    assert (score.error, score.counted) == ("the reply is empty", 0.0)


async def test_the_shipped_weights_know_a_copy_from_an_invention():
    metric = Attribution(Faithfulness(HashingEmbedder()))
    copied, invented = await metric.score_all([sample(FEE, FEE), sample("I love how drones fly!", FEE)])
    assert copied.value > 0.5 > invented.value
    assert AttributionWeights.load().features == FEATURES


def test_no_reply_is_judged_by_what_was_fitted_on_its_own_source_text():
    """Labels at random: were rows judged by a fit that saw them, the share of right ones would be high."""
    import numpy as np  # noqa: PLC0415

    generator = np.random.default_rng(0)
    rows = generator.normal(size=(120, len(FEATURES)))
    labels = [bool(b) for b in generator.integers(0, 2, 120)]
    contexts = [(f"text {i}",) for i in range(120)]
    weights = fit(rows.tolist(), labels, contexts, "noise")
    right = [
        (weights.probability(r, c) >= 0.5) == b
        for r, b, c in zip(rows.tolist(), labels, contexts, strict=True)
    ]
    assert 0.3 < np.mean(right) < 0.7
    assert len(weights.folds) == FOLDS
    assert fold_of(["A text , spaced ."]) == fold_of(["a text, spaced."])


async def test_the_kind_names_bad_rows_and_scores_the_rest(tmp_path):
    rows = [
        {"knowledge": FEE, "response": FEE, "label": "Fully attributable", "source": "a"},
        {"knowledge": FEE, "response": "I love drones!", "label": "Not fully attributable", "source": "a"},
        {"knowledge": FEE, "response": "ok", "label": "Generic", "source": "a"},
    ]
    (tmp_path / "d.jsonl").write_text(
        "\n".join([*map(json.dumps, rows), "{oops", '{"knowledge": "x"}', "[1]"])
    )
    result = await GroundednessKind(hashing).run(KindOptions(data=tmp_path), lambda *_: None)
    assert [r.source.rpartition(":")[2] for r in result.refused] == ["4", "5", "6"]
    assert result.figures["cases"] == 3
    assert result.figures["recall_fully_attributable"] == 1.0
    assert any("out-of-fold" in note for note in result.notes)


async def test_the_kind_says_where_there_is_nothing_to_read(tmp_path):
    with pytest.raises(InvalidInput, match=r"no \*\.jsonl"):
        await GroundednessKind(hashing).run(KindOptions(data=tmp_path), lambda *_: None)


async def test_too_few_rows_to_learn_from_are_refused(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({"knowledge": FEE, "response": FEE, "label": "Fully attributable"}))
    with pytest.raises(InvalidInput, match="too few"):
        await GroundednessKind(hashing).run(KindOptions(data=path, train=path), lambda *_: None)


def test_the_demo_cases_are_readable_and_of_every_kind():
    from pathlib import Path  # noqa: PLC0415

    rows, refused = read_rows(Path(__file__).parents[3] / "evals/datasets/groundedness.jsonl")
    assert not refused
    assert {"copied", "reworded", "number", "name", "negated", "invented", "elsewhere", "greeting"} <= {
        row.kind for row in rows
    }


async def test_a_reply_with_another_number_is_refused_by_the_products_own_check(tmp_path):
    """What `Attribution` counts as nearly the same words, `Grounder` does not let pass."""
    rows = [
        {"knowledge": FEE, "response": FEE, "label": "supported"},
        {"knowledge": FEE, "response": FEE.replace("6.50", "5.60"), "label": "unsupported"},
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = await GroundednessKind(hashing).run(KindOptions(data=tmp_path), lambda *_: None)
    assert result.figures["product_balanced_accuracy"] == 1.0
