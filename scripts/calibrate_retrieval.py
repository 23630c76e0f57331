"""Fits how sure search may be of an answer, on the demo company's questions; see `--help`.

    python scripts/calibrate_retrieval.py [--data FOLDER] [--write]

Fits a logistic regression over what search sees of its best passage, on evals/questions.yaml. With `--data`
it also reports mtrag_un (answerable and unanswerable tasks), fitted on itself and with what is shipped.
Figures come from folds left out of the fit. `--write` replaces src/copilot/retrieval/calibration.json.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from copilot.adapters.clock import SystemClock
from copilot.adapters.fakes.passage_index import InMemoryPassageIndex
from copilot.adapters.loaders import loader_for
from copilot.adapters.loaders.folder import FolderSource
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.adapters.word_pieces import WordPieceCounter
from copilot.domain.knowledge import SearchQuery, SourceFile
from copilot.ports import DocumentSource
from copilot.retrieval.calibration import FEATURES, Calibration
from copilot.retrieval.chunking import Chunker
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.search import KnowledgeSearch

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src/copilot/retrieval/calibration.json"
TODAY = date(2026, 11, 23)
FOLDS = 10
REGULARISATION = 1.0


@dataclass
class Sample:
    """Questions of one set: what search saw (n, features), whether the knowledge has the answer (n,)."""

    name: str
    features: np.ndarray
    answerable: np.ndarray


class Corpus:
    """A BEIR corpus as a source of documents; a passage without a title stays without."""

    name = "corpus"
    complete = True

    def __init__(self, rows: Sequence[Mapping[str, str]]) -> None:
        self._rows = rows

    def files(self) -> int:
        return len(self._rows)

    def read(self) -> Iterator[SourceFile]:
        loader = loader_for(".md")
        if loader is None:
            raise LookupError(".md")
        for number, row in enumerate(self._rows):
            source = f"{self.name}/{number}"
            documents = loader.load(row["text"].encode(), external_id=f"d{number}", source=source)
            titled = [document.model_copy(update={"title": row["title"]}) for document in documents]
            yield SourceFile(source=source, documents=tuple(titled))

    def owns(self, _external_id: str, _version: str, source: str) -> bool:
        return source.startswith(f"{self.name}/")

    def close(self) -> None:
        """Nothing to release."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the confidence of search on labelled questions.")
    parser.add_argument("--data", type=Path, help="folder that holds mtrag_un")
    parser.add_argument("--write", action="store_true", help=f"replace {TARGET.relative_to(ROOT)}")
    arguments = parser.parse_args()
    samples = asyncio.run(collect(arguments.data))
    for sample in samples:
        report(sample)
    report_features(samples)
    if arguments.write:
        write(samples)


async def collect(data: Path | None) -> list[Sample]:
    embedder = MiniLmEmbedder()
    samples = [await larkfield(embedder)]
    if data is not None and (data / "mtrag_un").is_dir():
        samples.append(await mtrag(embedder, data / "mtrag_un"))
    embedder.close()
    return samples


async def larkfield(embedder: MiniLmEmbedder) -> Sample:
    rows = yaml.safe_load((ROOT / "evals/questions.yaml").read_text(encoding="utf-8"))
    queries = [
        SearchQuery(
            tenant_id="t",
            text=row["question"],
            history=tuple(row.get("history", ())),
            as_of=date.fromisoformat(str(row["as_of"])) if row.get("as_of") else TODAY,
        )
        for row in rows
    ]
    features = await ask(embedder, FolderSource(ROOT / "knowledge"), queries)
    return Sample("larkfield", features, np.array([row["kind"] == "answerable" for row in rows]))


async def mtrag(embedder: MiniLmEmbedder, folder: Path) -> Sample:
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    tasks = [json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines()]
    labels = {"ANSWERABLE": True, "UNANSWERABLE": False}
    tasks = [task for task in tasks if task["answerability"][0] in labels]
    queries = [
        SearchQuery(
            tenant_id="t",
            text=task["turns"][-1]["text"],
            history=tuple(turn["text"] for turn in task["turns"][:-1]),
        )
        for task in tasks
    ]
    features = await ask(embedder, Corpus(corpus), queries)
    return Sample("mtrag_un", features, np.array([labels[task["answerability"][0]] for task in tasks]))


async def ask(embedder: MiniLmEmbedder, source: DocumentSource, queries: Sequence[SearchQuery]) -> np.ndarray:
    """What search sees of its best passage, for each query."""
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder) / "c.db")
        store, index = SqlKnowledgeStore(database), InMemoryPassageIndex()
        ingestor = Ingestor(
            store=store,
            index=index,
            embedder=embedder,
            chunker=Chunker(TiktokenCounter(), WordPieceCounter()),
            open_folder=FolderSource,
        )
        await ingestor.ingest("t", source)
        none = Calibration(
            intercept=0.0, weights=dict.fromkeys(FEATURES, 0.0), threshold=0.5, fitted_on="", model_id=""
        )
        search = KnowledgeSearch(
            store=store, index=index, embedder=embedder, clock=SystemClock(), calibration=none
        )
        rows = [(await search.features(query)).row() for query in queries]
        await database.close()
    return np.array(rows)


def left_out(sample: Sample) -> np.ndarray:
    """The probability of each question from a fit without its fold."""
    probabilities = np.zeros(len(sample.answerable))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(sample.features, sample.answerable):
        model = fit(sample.features[train], sample.answerable[train])
        probabilities[test] = model.predict_proba(sample.features[test])[:, 1]
    return probabilities


def fit(
    features: np.ndarray, answerable: np.ndarray, weights: np.ndarray | None = None
) -> LogisticRegression:
    # Features lie on like scales (0 to 1); keyword is the exception and small enough not to matter.
    return LogisticRegression(C=REGULARISATION * 10, class_weight="balanced", max_iter=2000).fit(
        features, answerable, weights
    )


def report(sample: Sample) -> None:
    probabilities = left_out(sample)
    threshold = best_threshold(probabilities, sample.answerable)
    found = probabilities >= threshold
    print(
        f"{sample.name}: {sample.answerable.sum()} answerable, {(~sample.answerable).sum()} not; left out: "
        f"AUROC {roc_auc_score(sample.answerable, probabilities):.3f}, "
        f"Brier {brier_score_loss(sample.answerable, probabilities):.3f}; at {threshold:.2f}: "
        f"{found[sample.answerable].mean():.0%} of the answerable answered, "
        f"{(~found[~sample.answerable]).mean():.0%} of the others refused"
    )


def report_features(samples: Sequence[Sample]) -> None:
    for column, name in enumerate(FEATURES):
        scores = ", ".join(
            f"{sample.name} {roc_auc_score(sample.answerable, sample.features[:, column]):.3f}"
            for sample in samples
        )
        print(f"  AUROC of {name} alone: {scores}")


def best_threshold(probabilities: np.ndarray, answerable: np.ndarray) -> float:
    """Where as many of the answerable are answered as of the others are refused, together most."""
    candidates = np.linspace(0.05, 0.95, 91)
    gains = [
        (probabilities[answerable] >= at).mean() + (probabilities[~answerable] < at).mean()
        for at in candidates
    ]
    return float(candidates[int(np.argmax(gains))])


def write(samples: Sequence[Sample]) -> None:
    """Fits on the demo company's questions alone: other collections need their own fit, or more data."""
    sample = samples[0]
    model = fit(sample.features, sample.answerable)
    threshold = best_threshold(left_out(sample), sample.answerable)
    calibration = Calibration(
        intercept=round(float(model.intercept_[0]), 4),
        weights={name: round(float(w), 4) for name, w in zip(FEATURES, model.coef_[0], strict=True)},
        threshold=round(threshold, 2),
        fitted_on=f"evals/questions.yaml, {len(sample.answerable)} questions (scripts/calibrate_retrieval)",
        model_id=MiniLmEmbedder().model_id,
    )
    TARGET.write_text(calibration.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for other in samples[1:]:
        shipped = np.array([calibration.probability(row) for row in other.features.tolist()])
        print(f"shipped coefficients on {other.name}: AUROC {roc_auc_score(other.answerable, shipped):.3f}")


if __name__ == "__main__":
    main()
