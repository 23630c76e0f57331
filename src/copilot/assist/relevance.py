"""Which of the passages found are worth a representative's glance, and in which order."""

from collections import Counter
from collections.abc import Sequence

from copilot.assist.words import similarity
from copilot.domain.knowledge import ScoredPassage, SearchResult
from copilot.domain.playbook import Playbook

# On evals/questions.yaml hits rise with either and stay from 0.03 to 0.1.
_TAG_BONUS, _CLAUSE_BONUS = 0.06, 0.06
_KEPT = 6
_MOST_CARDS, _PER_DOCUMENT = 4, 2
_LEAST_CONFIDENCE, _OF_THE_BEST = 0.3, 0.55
_NEAR_DUPLICATE = 0.6


def preferring(found: SearchResult, playbook: Playbook | None) -> SearchResult:
    """The best few passages; documents with a tag of the playbook and numbered policy clauses go ahead."""
    tags = set(playbook.knowledge_tags) if playbook is not None else set()

    def worth(scored: ScoredPassage) -> float:
        own = _TAG_BONUS if tags & set(scored.document.tags) else 0.0
        return scored.score + own + (_CLAUSE_BONUS if scored.passage.clause else 0.0)

    best = sorted(found.passages, key=worth, reverse=True)[:_KEPT]
    return found.model_copy(update={"passages": tuple(best)})


def worth_showing(passages: Sequence[ScoredPassage]) -> list[ScoredPassage]:
    """At most four: no weak ones beside a strong one, none that says what another says, few of a document.

    Passages that contradict each other stay, so that the panel can say so.
    """
    least = max(_LEAST_CONFIDENCE, _OF_THE_BEST * max((s.confidence for s in passages), default=0.0))
    shown: list[ScoredPassage] = []
    of_document: Counter[str] = Counter()
    for scored in passages:
        strong = scored.confidence >= least or not shown
        repeats = any(_same(scored, other) for other in shown)
        if strong and not repeats and of_document[scored.document.id] < _PER_DOCUMENT:
            shown.append(scored)
            of_document[scored.document.id] += 1
        if len(shown) == _MOST_CARDS:
            break
    return shown


def _same(scored: ScoredPassage, other: ScoredPassage) -> bool:
    contradict = other.passage.id in scored.conflicts_with
    return not contradict and similarity(scored.passage.text, other.passage.text) >= _NEAR_DUPLICATE
