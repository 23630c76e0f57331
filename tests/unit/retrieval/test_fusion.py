"""How keywords, meaning and the best passages make one score."""

import numpy as np
import pytest

from copilot.retrieval.coverage import Coverage
from copilot.retrieval.fusion import final_scores, first_scores, keyword_share
from copilot.retrieval.question import telling_parts


def test_few_matched_words_of_many_asked_say_little():
    bm25 = np.array([8.0], dtype=np.float32)
    alone, of_six = keyword_share(bm25, 1, 1_000), keyword_share(bm25, 6, 1_000)
    assert alone == pytest.approx(6 * of_six)
    # No passage is expected to have all the words of a long text.
    assert keyword_share(bm25, 300, 1_000) == pytest.approx(keyword_share(bm25, 8, 1_000))


def test_a_rephrased_question_is_left_to_its_meaning():
    """One word in common with the wrong answer does not outweigh a likeness to the right one."""
    cosines = np.array([0.7, 0.5], dtype=np.float32)
    bm25 = np.array([0.0, 4.0], dtype=np.float32)
    assert np.argmax(first_scores(cosines, keyword_share(bm25, 6, 1_000))) == 0
    assert np.argmax(first_scores(cosines, keyword_share(bm25 * 8, 6, 1_000))) == 1


def test_the_best_vouch_for_those_like_them():
    vectors = np.eye(6, dtype=np.float32)
    vectors[4] = vectors[0]
    first = np.array([0.9, 0.8, 0.7, 0.31, 0.3, 0.29], dtype=np.float32)
    scores, likeness = final_scores(first, np.zeros(6, dtype=np.float32), vectors)
    assert scores.argsort()[::-1].tolist()[:4] == [0, 1, 2, 4]
    assert likeness[3] == 0


def test_rare_and_missing_words_weigh_most():
    texts = ["Returns of tents", "Returns of stoves", "Returns of lamps", "Nothing"]
    covered = Coverage.of(frozenset({"return", "tent", "moon"}), texts)
    both, common, _, none = covered.shares
    assert both > 2 * common > none == 0
    assert covered.unknown > 0.4
    assert Coverage.of(frozenset(), texts).shares == (0, 0, 0, 0)


def test_only_a_long_text_is_divided_and_repetitions_say_nothing():
    assert telling_parts("How long do I have? I bought a tent.") == []
    sentence = "The gasket of the coffee machine leaks water."
    parts = telling_parts(f"{sentence} My card was charged twice. {sentence} " + "You know how it is. " * 40)
    assert parts[0] == sentence
    assert "My card was charged twice." in parts
    assert len(parts) == len(set(parts))


def test_a_short_question_is_not_pulled_towards_what_its_best_passages_share():
    first = np.asarray([0.6, 0.5, 0.4, 0.3], dtype=np.float32)

    scores, _ = final_scores(first, np.zeros(4, dtype=np.float32))

    assert scores.tolist() == first.tolist()
