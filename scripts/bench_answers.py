"""How well search and quoting answer evals/questions.yaml, the demo company's labelled questions.

    python scripts/bench_answers.py [--json]

Prints the share of answerable questions whose document is first, among three, among five; the share whose
labelled quote is the first, or among the two first sentences that the composer would say; how often it would
say anything to a question that nothing answers; and how well confidence tells the two apart (AUROC).
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from copilot.assist.collaborators import RankedSentence
from copilot.assist.quotables import Quotable
from copilot.assist.quote_weights import QuoteFeatures
from copilot.assist.quoting import QuoteRanker, may_be_quoted, without_losers
from copilot.assist.relevance import preferring, worth_showing
from copilot.bootstrap import ingest, open_knowledge, open_state
from copilot.config import Settings
from copilot.domain.knowledge import SearchQuery, SearchResult

ROOT = Path(__file__).resolve().parent.parent
TODAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Answer:
    """A labelled question with what was found for it and how its sentences were ranked."""

    row: dict[str, object]
    found: SearchResult
    ranked: list[RankedSentence]
    features: list[tuple[Quotable, QuoteFeatures]]

    @property
    def answerable(self) -> bool:
        return self.row["kind"] == "answerable"

    @property
    def documents(self) -> set[str]:
        return {str(self.row.get("document")), *(str(d) for d in self.row.get("also", ()))}  # type: ignore[attr-defined]

    def hit_at(self, k: int) -> bool:
        return any(p.document.external_id in self.documents for p in self.found.passages[:k])

    def quotes(self, sentence: RankedSentence | Quotable) -> bool:
        """Whether `sentence` holds the labelled quote, or the quote holds it."""
        if not self.answerable:
            return False
        passage = sentence.scored.passage
        quote, text = plain(str(self.row["quote"])), plain(passage.text[sentence.start : sentence.end])
        same = sentence.scored.document.external_id == self.row["document"]
        return same and (quote in text or text in quote)


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure search and quoting on labelled questions.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measures(asyncio.run(answers()))
    if options.json:
        print(json.dumps(figures))
        return
    table = Table("measure", "value", title="evals/questions.yaml")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)


async def answers() -> list[Answer]:
    rows = yaml.safe_load((ROOT / "evals/questions.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as data:
        settings = Settings(data_dir=Path(data), knowledge_dir=ROOT / "knowledge")
        async with (
            open_state(settings) as state,
            open_knowledge(settings, state.database) as knowledge,
        ):
            await ingest(settings, knowledge, settings.knowledge_dir, lambda _: None)
            ranker = QuoteRanker(knowledge.embedder)
            found = []
            for row in rows:
                as_of = date.fromisoformat(str(row["as_of"])) if row.get("as_of") else TODAY
                query = SearchQuery(
                    tenant_id=settings.tenant,
                    text=row["question"],
                    history=tuple(row.get("history", ())),
                    as_of=as_of,
                    limit=15,
                )
                result = preferring(await knowledge.search.search(query), None)
                quotable = [p for p in without_losers(result.passages) if may_be_quoted(p, as_of, TODAY)]
                ranked = await ranker.rank(row["question"], quotable, 6)
                features = await ranker.features(row["question"], quotable)
                found.append(Answer(row, result, ranked, features))
            return found


def measures(found: Sequence[Answer]) -> dict[str, float | int]:
    from copilot.assist.drafting.composer import worth_saying  # noqa: PLC0415

    asked = [a for a in found if a.answerable]
    idle = [a for a in found if not a.answerable]
    said = {id(a): worth_saying(a.ranked) if a.found.answerable else [] for a in found}
    spoken = [a for a in asked if said[id(a)]]
    return {
        "answerable questions": len(asked),
        "document first": share(a.hit_at(1) for a in asked),
        "document among three": share(a.hit_at(3) for a in asked),
        "document among five": share(a.hit_at(5) for a in asked),
        "cards shown": sum(len(worth_showing(a.found.passages)) for a in asked) / len(asked),
        "document among the cards": share(
            bool({p.document.external_id for p in worth_showing(a.found.passages)} & a.documents)
            for a in asked
        ),
        "quote first": share(any(a.quotes(s) for s in a.ranked[:1]) for a in asked),
        "quote among two": share(any(a.quotes(s) for s in a.ranked[:2]) for a in asked),
        "anything said": share(bool(said[id(a)]) for a in asked),
        "quote said": share(any(a.quotes(s) for s in said[id(a)]) for a in asked),
        "of what is said, the quote": share(any(a.quotes(s) for s in said[id(a)]) for a in spoken),
        "sentences said": sum(len(said[id(a)]) for a in asked) / len(asked),
        "unanswerable questions": len(idle),
        "said to unanswerable": share(bool(said[id(a)]) for a in idle),
        "abstention AUROC": float(
            roc_auc_score([a.answerable for a in found], [a.found.confidence for a in found])
        ),
    }


def share(hits: object) -> float:
    values = [bool(h) for h in hits]  # type: ignore[attr-defined]
    return sum(values) / len(values) if values else 0.0


if __name__ == "__main__":
    main()
