"""Fits how sure the composer may be that a sentence answers, on evals/questions.yaml; see `--help`.

A random half of the questions chooses weights and threshold and the other half measures them; what is
shipped (`--write`) has its weights from all questions and its threshold from the first half.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench_answers import Answer, answers, share
from sklearn.linear_model import LogisticRegression

from copilot.assist.quote_weights import QuoteFeatures, QuoteWeights

TARGET = Path(__file__).resolve().parent.parent / "src/copilot/assist/data/quote_weights.json"
FOLDS = 5
LEAST_RIGHT = 0.5
"""Of what is said, this share must be the labelled quote: others may answer too, but are not labelled."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit which sentence the composer quotes, and when none.")
    parser.add_argument("--write", action="store_true", help="replace the weights that are shipped")
    options = parser.parse_args()
    found = asyncio.run(answers())
    order = np.random.default_rng(20261123).permutation(len(found))
    first, second = (
        [found[i] for i in order[: len(order) // 2]],
        [found[i] for i in order[len(order) // 2 :]],
    )
    threshold = choose_threshold(first)
    report("held out half", fit(first), threshold, second)
    weights = fit(found)
    report("all, as shipped", weights, threshold, found)
    if options.write:
        names = QuoteFeatures.model_fields
        shipped = QuoteWeights(
            intercept=round(float(weights.intercept_[0]), 3),
            weights={name: round(float(w), 3) for name, w in zip(names, weights.coef_[0], strict=True)},
            threshold=round(threshold, 2),
            fitted_on=f"evals/questions.yaml, {len(found)} questions (scripts/calibrate_quotes.py)",
        )
        TARGET.write_text(shipped.model_dump_json(indent=2) + "\n", encoding="utf-8")


def fit(found: Sequence[Answer]) -> LogisticRegression:
    rows = [(f.row(), a.quotes(q)) for a in found for q, f in a.features]
    return LogisticRegression(max_iter=2000).fit([row for row, _ in rows], [label for _, label in rows])


def best(weights: LogisticRegression, answer: Answer) -> tuple[float, bool]:
    """(probability, whether it is the labelled quote) of the sentence that would be said."""
    if not answer.features:
        return 0.0, False
    probabilities = weights.predict_proba([f.row() for _, f in answer.features])[:, 1]
    at = int(np.argmax(probabilities))
    return float(probabilities[at]), answer.quotes(answer.features[at][0])


def choose_threshold(found: Sequence[Answer]) -> float:
    """The lowest at which enough of what is said is right, each question judged by a fit without it."""
    judged: list[tuple[float, bool]] = []
    for fold in range(FOLDS):
        weights = fit([a for i, a in enumerate(found) if i % FOLDS != fold])
        judged += [best(weights, a) for i, a in enumerate(found) if i % FOLDS == fold and a.found.answerable]
    for threshold in np.arange(0.05, 0.6, 0.01):
        said = [right for probability, right in judged if probability >= threshold]
        if said and sum(said) / len(said) >= LEAST_RIGHT:
            return float(threshold)
    return 0.6


def report(name: str, weights: LogisticRegression, threshold: float, found: Sequence[Answer]) -> None:
    asked = [best(weights, a) for a in found if a.answerable and a.found.answerable]
    idle = [best(weights, a)[0] for a in found if not a.answerable and a.found.answerable]
    said = [right for probability, right in asked if probability >= threshold]
    print(
        f"{name}: threshold {threshold:.2f}; of {sum(a.answerable for a in found)} answerable questions "
        f"{share(a.answerable and best(weights, a)[1] for a in found if a.answerable):.0%} have the quote "
        f"first, {len(said)} are answered, {share(said):.0%} of those with the labelled quote; of "
        f"{sum(not a.answerable for a in found)} others {sum(p >= threshold for p in idle)} get a sentence"
    )


if __name__ == "__main__":
    main()
