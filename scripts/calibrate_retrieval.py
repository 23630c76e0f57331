"""Fits how sure search may be of an answer, on the demo company's questions; see `--help`.

    python scripts/calibrate_retrieval.py [--data FOLDER…] [--write]

Fits a logistic regression over what search sees of its best passage, on evals/questions.yaml; the figures are
of folds left out of the fit. With `--data` (BEIR folders whose tasks.jsonl says what they answer, such as
mtrag_un) it also reports how the same coefficients do on questions they never saw. `--write` replaces
src/copilot/retrieval/calibration.json.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from _retrieval_sets import ROOT, RetrievalSet, own_question, read_beir
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.sql.database import Database
from copilot.bootstrap.knowledge import open_knowledge
from copilot.config import Settings
from copilot.domain.knowledge import SearchQuery
from copilot.retrieval.calibration import FEATURES, Calibration

TARGET = ROOT / "src/copilot/retrieval/calibration.json"
TENANT = "calibration"
FOLDS = 10
INVERSE_REGULARISATION = 10.0


@dataclass
class Sample:
    """Questions of one set: what search saw (n, features), whether the knowledge has the answer (n,)."""

    name: str
    features: np.ndarray
    answerable: np.ndarray
    model_id: str


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the confidence of search on labelled questions.")
    parser.add_argument("--data", nargs="+", action="extend", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help=f"replace {TARGET.relative_to(ROOT)}")
    arguments = parser.parse_args()
    own = asyncio.run(collect(all_own_questions()))
    calibration = fitted(own)
    report("left out", own, left_out(own), calibration.threshold)
    for folder in arguments.data:
        other = asyncio.run(collect(read_beir(folder)))
        unseen = np.array([calibration.probability(row) for row in other.features.tolist()])
        report("never seen", other, unseen, calibration.threshold)
    if arguments.write:
        TARGET.write_text(calibration.model_dump_json(indent=2) + "\n", encoding="utf-8")


def all_own_questions() -> RetrievalSet:
    """Also those that are asked of an earlier day."""
    rows = yaml.safe_load((ROOT / "evals/questions.yaml").read_text(encoding="utf-8"))
    questions = [own_question(f"q{number}", row) for number, row in enumerate(rows)]
    return RetrievalSet("evals/questions.yaml", FolderSource(ROOT / "knowledge"), questions)


async def collect(labelled: RetrievalSet) -> Sample:
    """What search sees of its best passage, for each question."""
    questions = labelled.labelled()
    with tempfile.TemporaryDirectory(prefix="copilot-calibrate-") as place:
        settings = Settings(data_dir=Path(place), tenant=TENANT)
        database = await Database.open(Path(place) / "calibrate.db")
        try:
            async with open_knowledge(settings, database) as knowledge:
                await knowledge.ingestor.ingest(TENANT, labelled.source)
                seen = [
                    await knowledge.search.features(
                        SearchQuery(tenant_id=TENANT, text=q.text, history=q.history, as_of=q.as_of)
                    )
                    for q in questions
                ]
                model_id = knowledge.embedder.model_id
        finally:
            await database.close()
    answerable = np.array([bool(question.answerable) for question in questions])
    return Sample(labelled.name, np.array([features.row() for features in seen]), answerable, model_id)


def fitted(sample: Sample) -> Calibration:
    model = fit(sample.features, sample.answerable)
    return Calibration(
        intercept=round(float(model.intercept_[0]), 4),
        weights={name: round(float(w), 4) for name, w in zip(FEATURES, model.coef_[0], strict=True)},
        threshold=round(best_threshold(left_out(sample), sample.answerable), 2),
        fitted_on=f"{sample.name} ({len(sample.answerable)} questions), by scripts/calibrate_retrieval.py",
        model_id=sample.model_id,
    )


def left_out(sample: Sample) -> np.ndarray:
    """The probability of each question from a fit without its fold."""
    probabilities = np.zeros(len(sample.answerable))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(sample.features, sample.answerable):
        model = fit(sample.features[train], sample.answerable[train])
        probabilities[test] = model.predict_proba(sample.features[test])[:, 1]
    return probabilities


def fit(features: np.ndarray, answerable: np.ndarray) -> LogisticRegression:
    # Balanced: how many questions go unanswered differs from shop to shop, and here it is by our own making.
    return LogisticRegression(C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=2000).fit(
        features, answerable
    )


def report(how: str, sample: Sample, probabilities: np.ndarray, threshold: float) -> None:
    found = probabilities >= threshold
    print(
        f"{sample.name}: {sample.answerable.sum()} answerable, {(~sample.answerable).sum()} not; {how}: "
        f"AUROC {roc_auc_score(sample.answerable, probabilities):.3f}, "
        f"Brier {brier_score_loss(sample.answerable, probabilities):.3f}; at {threshold:.2f}: "
        f"{found[sample.answerable].mean():.0%} of the answerable answered, "
        f"{(~found[~sample.answerable]).mean():.0%} of the others refused"
    )
    for column, name in enumerate(FEATURES):
        print(f"  AUROC of {name} alone: {roc_auc_score(sample.answerable, sample.features[:, column]):.3f}")


def best_threshold(probabilities: Sequence[float] | np.ndarray, answerable: np.ndarray) -> float:
    """Where as many of the answerable are answered as of the others are refused, together most."""
    sure = np.asarray(probabilities)
    candidates = np.linspace(0.05, 0.95, 91)
    gains = [(sure[answerable] >= at).mean() + (sure[~answerable] < at).mean() for at in candidates]
    return float(candidates[int(np.argmax(gains))])


if __name__ == "__main__":
    main()
