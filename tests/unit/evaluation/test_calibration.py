"""How far metrics agree with people."""

import json

import numpy as np
import pytest

from copilot.domain.errors import InvalidInput
from copilot.evaluation.calibration import calibrate, kendall, spearman
from copilot.evaluation.calibration_page import calibration_page
from copilot.evaluation.metrics.metric import Score
from copilot.evaluation.rated_answers import read_rated


class Scripted:
    """Gives the scores it was told, in order."""

    needs_judge = False

    def __init__(self, name, scores):
        self.name, self._scores = name, scores

    async def score(self, sample):
        raise NotImplementedError

    async def score_all(self, samples):
        return [s if isinstance(s, Score) else Score(value=s) for s in self._scores]


def row(number, rating, model="gpt", **more):
    return {
        "task_id": f"c{number % 6}<::>{number}",
        "model": model,
        "turns": [{"role": "user", "text": "Why?"}],
        "contexts": ["Because."],
        "response": f"Because {number}.",
        "human": {"faithfulness": [rating, rating]},
        "auto": {"rl_f": rating / 4},
        **more,
    }


@pytest.fixture
def rated(tmp_path):
    rows = [row(n, 1 + n % 4) for n in range(24)] + [row(99, 4, model="reference")]
    path = tmp_path / "judge_meta.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), "nonsense", json.dumps({"task_id": "x"})]))
    return tmp_path


def test_answers_of_people_are_left_out_and_bad_rows_named(rated):
    rows, refused = read_rated(rated)
    assert len(rows) == 24
    assert [r.source.rpartition(":")[2] for r in refused] == ["26", "27"]


def test_a_folder_without_ratings_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"judge_meta\.jsonl"):
        read_rated(tmp_path)


async def test_agreement_is_measured_with_intervals_and_by_model(rated):
    rows, _ = read_rated(rated)
    generator = np.random.default_rng(1)
    good = Scripted("good", [r.rating("faithfulness") / 4 + generator.normal(0, 0.01) for r in rows])
    found = await calibrate(rows, [good, Scripted("noise", generator.random(24))], ["faithfulness"])
    best = found.of("good", "faithfulness")
    assert best.spearman > 0.9
    assert best.interval[0] <= best.spearman <= best.interval[1]
    assert best.by_conversation is not None
    assert found.of("good", "faithfulness", "model=gpt").answers == 24
    assert found.of("published.rl_f", "faithfulness").spearman == 1.0
    assert found.of("noise", "faithfulness").interval[0] < 0.4
    assert "<svg" in calibration_page(found, "faithfulness")


async def test_failing_on_the_worst_answers_improves_nothing(rated):
    """An average over what came out would leave the wrong ones out."""
    rows, _ = read_rated(rated)
    scores = [r.rating("faithfulness") / 4 for r in rows]
    failing = [Score(error="hangs") if s == max(scores) else s for s in scores]
    found = await calibrate(rows, [Scripted("whole", scores), Scripted("failing", failing)], ["faithfulness"])
    assert found.errors == {"failing": 6}
    whole, less = (found.of(name, "faithfulness") for name in ("whole", "failing"))
    assert whole.answers == less.answers == 24
    assert less.spearman < whole.spearman


async def test_what_was_not_run_has_no_number(rated):
    rows, _ = read_rated(rated)
    metric = Scripted("judged", [Score(not_run="no judge")] * len(rows))
    found = await calibrate(rows, [metric], ["faithfulness"])
    assert found.not_run == {"judged": "no judge"}
    assert found.of("judged", "faithfulness") is None


def test_ties_and_constants():
    x, y = np.array([1.0, 1, 2, 3]), np.array([1.0, 1, 2, 3])
    assert (spearman(x, y), kendall(x, y)) == (pytest.approx(1.0), pytest.approx(1.0))
    assert spearman(x, np.ones(4)) is None
    assert kendall(x, np.ones(4)) is None
