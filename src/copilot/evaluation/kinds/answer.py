"""`answer`: drafts to questions over passages, and whether the product keeps silent where there is no answer.

Answering and keeping silent are scored apart: a product that always answers has a recall to be proud of.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import roc_auc_score

from copilot.assist.feedback import verdict_on
from copilot.assist.words import plain
from copilot.bootstrap.live import MakeComposer
from copilot.config import Settings
from copilot.domain.assist import FeedbackVerdict, Sentence, Support
from copilot.domain.assist_events import ConversationSnapshot
from copilot.domain.knowledge import Refusal
from copilot.domain.words import content_words, stem
from copilot.evaluation.beir import Corpus, read_corpus
from copilot.evaluation.fingerprint import digest_of
from copilot.evaluation.kinds.cases import Forgetful, mean, rounded, score_all
from copilot.evaluation.kinds.kind import (
    CaseMemory,
    CaseResult,
    KindOptions,
    KindResult,
    OnProgress,
    ToJudge,
)
from copilot.evaluation.kinds.rows import DataRow, nothing_to_score, read_rows, sample, without_repeated
from copilot.evaluation.live_desk import LiveDesk, Said, open_live_desk
from copilot.evaluation.metrics.metric import Sample
from copilot.evaluation.questions import is_question_file, names_of, read_questions
from copilot.evaluation.workbench import knowledge_source, open_workbench, settings_for

_WHAT = "a folder with corpus.jsonl and tasks.jsonl, or a YAML list of questions"
_ANSWERABLE, _UNANSWERABLE, _OPEN = "answerable", "unanswerable", "open"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
FAITHFULNESS, CORRECTNESS = "ragas.faithfulness", "ragas.answer_correctness"
OF_REPLIES = (FAITHFULNESS, "ragas.answer_relevancy")
OF_CONTEXTS = ("ragas.context_precision", "ragas.context_recall")
JUDGED = (*OF_REPLIES, CORRECTNESS, *OF_CONTEXTS)
_CLAIMS = (Support.SUPPORTED, Support.FACT)


class _TaskTurn(DataRow):
    role: str
    text: str


class TaskRow(DataRow):
    """A conversation whose last turn is to be answered; `answerability` names its class."""

    id: str
    turns: tuple[_TaskTurn, ...]
    answerability: tuple[str, ...]
    reference: tuple[str, ...] = ()
    context_ids: tuple[str, ...] = ()
    collection: str = ""
    question_type: tuple[str, ...] = ()
    multi_turn: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What is asked, and what is known of the right answer."""

    id: str
    turns: tuple[Said, ...]
    answerable: str
    references: tuple[str, ...]
    quote: str | None
    documents: tuple[str, ...]
    slices: dict[str, str]
    key: str
    unwanted: str | None = None
    """A draft that must not come again."""


@dataclass(frozen=True)
class _Set:
    documents: Corpus | Path
    digest: str
    tasks: list[Task]
    refused: list[Refusal]
    notes: tuple[str, ...] = ()


OpenDesk = Callable[[Settings, Corpus | Path, str], AbstractAsyncContextManager[LiveDesk]]


def product_desk(make_composer: MakeComposer | None = None) -> OpenDesk:
    """The product as it is, or with another composer in it."""

    @asynccontextmanager
    async def opened(settings: Settings, documents: Corpus | Path, digest: str) -> AsyncIterator[LiveDesk]:
        async with open_workbench(settings, documents, digest) as (_, _, own):
            pass
        async with open_live_desk(own, make_composer) as desk:
            yield desk

    return opened


class AnswerKind:
    """What the live path shows for each task's last turn.

    A task counts as answered when the draft has a sentence that rests on a passage or an order.
    """

    name = "answer"

    def __init__(self, open_desk: OpenDesk | None = None) -> None:
        self._open_desk = open_desk or product_desk()

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        return await self.resume(options, on_progress, Forgetful())

    async def resume(self, options: KindOptions, on_progress: OnProgress, memory: CaseMemory) -> KindResult:
        settings = settings_for(options.system)
        asked = _questions(options.data, settings) if is_question_file(options.data) else _tasks(options.data)
        if not asked.tasks:
            raise nothing_to_score(options.data, asked.refused, _WHAT)
        tasks = sample(asked.tasks, options.limit, options.seed)
        async with self._open_desk(settings, asked.documents, asked.digest) as desk:

            async def score(task: Task) -> CaseResult:
                return scored(task, await desk.answer(settings.tenant, task.turns))

            results = await score_all(tasks, score, on_progress, memory, at_once=1)
        return KindResult(
            figures=rounded(figures_of(results)),
            cases=tuple(results),
            refused=tuple(asked.refused),
            notes=asked.notes,
            judged=JUDGED,
        )


# ---------------------------------------------------------------- one task


def scored(task: Task, shown: ConversationSnapshot) -> CaseResult:
    sentences = shown.suggestion.sentences if shown.suggestion else ()
    claims = [s for s in sentences if s.support is not Support.TEMPLATE]
    answered = any(s.support in _CLAIMS for s in sentences)
    knowledge = shown.knowledge
    said = " ".join(s.text for s in claims)
    wanted = task.answerable in {_ANSWERABLE, _OPEN} and bool(task.references)
    cited = [c.external_id for s in claims for c in s.citations]
    scores: dict[str, float | None] = {
        "confidence": knowledge.confidence if knowledge else 0.0,
        "answered": float(answered),
        "right_to_answer": _right(task.answerable, answered=answered),
        "support": sum(s.support in _CLAIMS for s in claims) / len(claims) if claims else None,
        "numbers_in_sources": _numbers_stand(claims, shown) if claims else None,
        "rouge_l": max(_rouge(r, said) for r in task.references) if wanted else None,
        "content_recall": max(_recall(r, said) for r in task.references) if wanted else None,
        "unwanted_again": None if task.unwanted is None else float(_said_again(task.unwanted, said)),
        "quote_said": None if task.quote is None else float(_plain_in(task.quote, claims)),
        "cites_right": float(not set(cited).isdisjoint(task.documents)) if cited and task.documents else None,
    }
    evidence = {
        "asked": task.turns[-1].text,
        "class": task.answerable,
        "draft": [f"[{s.support.value}] {s.text}" for s in sentences],
        "reference": list(task.references) or task.quote,
        "looked up": shown.understanding.query if shown.understanding else "",
        "cited": cited,
        "expected documents": list(task.documents),
    }
    return CaseResult(
        id=task.id,
        scores=scores,
        slices=task.slices,
        evidence=evidence,
        to_judge=_to_judge(task, said, _sources(claims, shown)),
    )


def _to_judge(task: Task, said: str, sources: Sequence[str]) -> ToJudge:
    """Of what is said; and of what has a reference also how near it comes: not at all, if nothing is said."""
    # Where nobody wrote an answer, the sentence of the source that holds it is the reference.
    reference = next(iter((*task.references, task.quote)), None)
    wanted = task.answerable in {_ANSWERABLE, _OPEN} and reference is not None
    sample = Sample(
        id=task.id,
        reply=said,
        contexts=tuple(sources),
        history=tuple(turn.text for turn in task.turns),
        reference=reference if wanted else None,
    )
    metrics, lost = list(OF_REPLIES if said else ()), []
    if said and not sources:  # a claim that rests on nothing
        metrics.remove(FAITHFULNESS)
        lost.append(FAITHFULNESS)
    if wanted:
        (metrics if said else lost).append(CORRECTNESS)
        (metrics if sources else lost).extend(OF_CONTEXTS)
    return ToJudge(sample=sample, metrics=tuple(metrics), lost=tuple(lost))


def _right(answerable: str, *, answered: bool) -> float | None:
    """Whether it spoke, or kept silent, as it should; of classes between the two nobody can say."""
    if answerable not in {_ANSWERABLE, _UNANSWERABLE}:
        return None
    return float(answered == (answerable == _ANSWERABLE))


def _numbers_stand(claims: Sequence[Sentence], shown: ConversationSnapshot) -> float:
    """Whether every number that is claimed stands in a passage that is shown, a quote, or an order's facts.

    Read from the texts themselves: what the drafter says of its own support does not count.
    """
    known = numbers_in(" ".join(_sources(claims, shown)))
    facts = {n for s in claims if s.support is Support.FACT for n in numbers_in(s.text)}
    return float(all(numbers_in(s.text) <= known | facts for s in claims))


def _sources(claims: Sequence[Sentence], shown: ConversationSnapshot) -> list[str]:
    """What claims may rest on: passages that are shown, what is quoted of others, and an order's facts."""
    passages = [card.text for card in shown.knowledge.cards] if shown.knowledge else []
    quotes = [c.quote for s in claims for c in s.citations]
    orders = [shown.order_view.model_dump_json()] if shown.order_view is not None else []
    return [*passages, *dict.fromkeys(q for q in quotes if not any(q in p for p in passages)), *orders]


def numbers_in(text: str) -> set[str]:
    """As digits, without separators and trailing zeros: 1,200.50 and 1200.5 are one number."""
    found = {number.replace(",", "") for number in _NUMBER.findall(text)}
    return {n.rstrip("0").rstrip(".") if "." in n else n for n in found}


def _rouge(reference: str, said: str) -> float:
    return float(RougeScorer(["rougeL"], use_stemmer=True).score(reference, said)["rougeL"].fmeasure)


def _recall(reference: str, said: str) -> float:
    """The share of the reference's content words that are said."""
    wanted = {stem(word) for word in content_words(reference)}
    return len(wanted & {stem(word) for word in content_words(said)}) / len(wanted) if wanted else 0.0


def _said_again(unwanted: str, said: str) -> bool:
    return bool(said) and verdict_on(unwanted, said) is FeedbackVerdict.USED


def _plain_in(quote: str, claims: Sequence[Sentence]) -> bool:
    wanted = plain(quote)
    texts = [plain(t) for s in claims for t in (s.text, *(c.quote for c in s.citations))]
    return any(wanted in text or (text and text in wanted) for text in texts)


# ---------------------------------------------------------------- all of them


def figures_of(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    """Abstention by confidence (AUROC) and by what was done; shares by class; what the drafts are like."""
    figures = {
        "abstention_auroc": _auroc(cases),
        **_abstention(cases),
    }
    for name in sorted({case.slices["class"] for case in cases}):
        figures[f"answered_share_{name}"] = mean(cases, "answered", **{"class": name})
        figures[f"tasks_{name}"] = float(sum(case.slices["class"] == name for case in cases))
    figures |= {
        "support_share": mean(cases, "support"),
        "numbers_in_sources": mean(cases, "numbers_in_sources"),
        "rouge_l": mean(cases, "rouge_l"),
        "content_recall": mean(cases, "content_recall"),
    }
    spoken = [case for case in cases if case.error is not None or case.scores.get("answered")]
    figures |= {
        "rouge_l_when_answered": mean(spoken, "rouge_l"),
        "content_recall_when_answered": mean(spoken, "content_recall"),
        "cites_right": mean(cases, "cites_right"),
        "quote_said": mean(cases, "quote_said"),
        "unwanted_again": mean(cases, "unwanted_again"),
    }
    return figures


def _auroc(cases: Sequence[CaseResult]) -> float | None:
    """Of the search's confidence; a case with an error is as sure as can be, of the wrong thing."""
    labels, scores = [], []
    for case in cases:
        answerable = case.slices["class"]
        if answerable in {_ANSWERABLE, _UNANSWERABLE}:
            label = answerable == _ANSWERABLE
            worst = 0.0 if label else 1.0
            labels.append(label)
            scores.append(worst if case.error is not None else case.scores["confidence"] or 0.0)
    return float(roc_auc_score(labels, scores)) if len(set(labels)) > 1 else None


def _abstention(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    """Precision, recall and F1 of keeping silent, and balanced accuracy of the two classes."""

    def count(name: str, *, right: bool) -> int:
        chosen = [case for case in cases if case.slices["class"] == name]
        good = sum(case.error is None and case.scores["right_to_answer"] == 1.0 for case in chosen)
        return good if right else len(chosen) - good

    kept, leaked = count(_UNANSWERABLE, right=True), count(_UNANSWERABLE, right=False)
    spoke, silent = count(_ANSWERABLE, right=True), count(_ANSWERABLE, right=False)
    precision = kept / (kept + silent) if kept + silent else None
    recall = kept / (kept + leaked) if kept + leaked else None
    shares = [good / (good + bad) for good, bad in ((kept, leaked), (spoke, silent)) if good + bad]
    both = precision is not None and recall is not None and precision + recall > 0
    return {
        "abstention_precision": precision,
        "abstention_recall": recall,
        "abstention_f1": 2 * precision * recall / (precision + recall) if both else None,  # type: ignore[operator]
        "balanced_accuracy": float(np.mean(shares)) if len(shares) > 1 else None,
    }


# ---------------------------------------------------------------- reading


def _tasks(folder: Path) -> _Set:
    corpus, refused = read_corpus(folder)
    rows, bad = read_rows(folder / "tasks.jsonl", TaskRow)
    rows, repeated = without_repeated(rows, [row.value.id for row in rows])
    refused = [*refused, *bad, *repeated]
    tasks = []
    for row in rows:
        value = row.value
        if not value.turns or not value.answerability:
            refused.append(Refusal(source=row.place, reason="it has no turns, or no answerability."))
            continue
        slices = {"class": value.answerability[0].casefold()}
        slices |= {"collection": value.collection} if value.collection else {}
        slices |= {"question type": value.question_type[0]} if value.question_type else {}
        slices |= {"turn": value.multi_turn[0]} if value.multi_turn else {}
        tasks.append(
            Task(
                id=value.id,
                turns=tuple(Said(role=t.role, text=t.text) for t in value.turns),
                answerable=slices["class"],
                references=value.reference,
                quote=None,
                documents=value.context_ids,
                slices=slices,
                key=digest_of(corpus.digest, row.digest),
            )
        )
    return _Set(corpus, corpus.digest, tasks, refused)


def _questions(file: Path, settings: Settings) -> _Set:
    """Those that ask about today: the live path takes an earlier day from an order only."""
    rows, refused = read_questions(file)
    folder, digest = knowledge_source(settings)
    tasks = [
        Task(
            id=name,
            turns=(
                *(Said(role="customer", text=text) for text in row.value.history),
                Said(role="customer", text=row.value.question),
            ),
            answerable=row.value.kind,
            references=(row.value.reference,) if row.value.reference else (),
            unwanted=row.value.unwanted,
            quote=row.value.quote,
            documents=row.value.documents,
            slices={"class": row.value.kind},
            key=digest_of(digest, row.digest),
        )
        for name, row in zip(names_of(rows), rows, strict=True)
        if row.value.as_of is None
    ]
    left_out = len(rows) - len(tasks)
    notes = (f"{left_out} questions about an earlier day are left out",) if left_out else ()
    return _Set(folder, digest, tasks, refused, notes)
