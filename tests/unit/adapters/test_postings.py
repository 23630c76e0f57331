import numpy as np
import pytest

from copilot.adapters.sql import postings
from copilot.adapters.sql.postings import Postings


def word(dice: np.random.Generator, passages: int, rows: int, worth: float) -> Postings:
    """A word of so many passages, which weighs about `worth` in each."""
    chosen = np.sort(dice.choice(passages, size=rows, replace=False)).astype(np.int32) + 1_000
    return Postings(chosen, (worth * dice.uniform(0.5, 1.0, size=rows)).astype(np.float32))


def added_up(words: list[Postings], limit: int) -> list[tuple[int, float]]:
    sums: dict[int, float] = {}
    for one in words:
        for row, score in zip(one.rows.tolist(), one.scores.tolist(), strict=True):
            sums[row] = sums.get(row, 0.0) + score
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("limit", [1, 10, 64])
def test_the_best_are_those_of_adding_everything_up(seed, limit):
    dice = np.random.default_rng(seed)
    words = [
        word(dice, 20_000, rows, worth)
        for rows, worth in [(300, 6.0), (900, 4.0), (4_000, 1.5), (9_000, 0.6), (15_000, 0.1)]
    ]
    found = postings._best([*words, words[1]], limit)
    expected = added_up([*words, words[1]], limit)
    assert [row for row, _ in found] == [row for row, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-5)


def test_what_the_commonest_word_adds_is_added():
    """To a passage far down in the list of the rare word, too."""
    rows = np.arange(1_000, 9_000, dtype=np.int32)
    rare = Postings(rows, np.linspace(1.0, 0.9, len(rows), dtype=np.float32))
    common = Postings(rows[-3:], np.full(3, 0.5, dtype=np.float32))
    assert [row for row, _ in postings._best([rare, common], 4)] == [8_997, 8_998, 8_999, 1_000]
