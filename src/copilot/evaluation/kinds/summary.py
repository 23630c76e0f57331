"""Summaries against references written by hand: overlap, required facts, and support by the linked turns."""

import re
import statistics
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from rouge_score.rouge_scorer import RougeScorer

from copilot.assist.details import foreign_details
from copilot.assist.summary import State, update_summary
from copilot.assist.words import content_words
from copilot.domain.conversation import Channel, Conversation, Speaker, Turn
from copilot.domain.wrap_up import Statement, Summary
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress, ToJudge
from copilot.evaluation.kinds.rows import DataRow, data_files, nothing_to_score, read_rows, sample
from copilot.evaluation.metrics.metric import Sample

_MEASURES = ("rouge1", "rouge2", "rougeL")
_FILE = "summaries*.jsonl"
_STARTED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_ENOUGH_SHARED = 0.5
_ASKED = "What was this conversation about, what was done, and what is left to do?"
JUDGED = ("ragas.faithfulness", "ragas.answer_correctness")


class SaidTurn(BaseModel):
    """Who said what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speaker: Literal["customer", "representative"]
    text: str = Field(min_length=1)


class SummaryCase(DataRow):
    """One line of the file.

    A point is what a summary must say: it is covered when any one of its alternatives' patterns (regular
    expressions, without regard to case) is found in one statement.
    """

    id: str
    turns: tuple[SaidTurn, ...] = Field(min_length=1)
    reference: str = Field(min_length=1)
    points: tuple[str, ...] = Field(min_length=1)
    channel: Channel = Channel.CHAT


class SummaryKind:
    """`data` is a JSON Lines file, or a folder with summaries*.jsonl; the rolling summary is what is scored.

    It is the extractive one, built turn by turn as live, without order system, playbook or LLM.
    """

    name = "summary"

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        rows, refused = [], []
        for path in data_files(options.data, _FILE, f"{_FILE} with {{id, turns, reference, points}}"):
            found, not_read = read_rows(path, SummaryCase)
            rows += found
            refused += not_read
        if not rows:
            raise nothing_to_score(options.data, refused, "{id, turns, reference, points}")
        cases = [row.value for row in sample(rows, options.limit, options.seed)]
        scorer = RougeScorer(list(_MEASURES), use_stemmer=True)
        results = []
        for done, case in enumerate(cases, start=1):
            results.append(_score(case, scorer))
            on_progress(done, len(cases))
        metrics = results[0].scores.keys()
        figures: dict[str, float | None] = {"cases": float(len(results))}
        for metric in metrics:
            known = [s for r in results if (s := r.scores[metric]) is not None]
            figures[metric] = round(statistics.fmean(known), 4) if known else None
        return KindResult(
            figures=figures,
            cases=tuple(results),
            refused=tuple(refused),
            notes=("Scored: the extractive summary from the turns alone, carried on turn by turn.",),
            judged=JUDGED,
        )


def summarise(case: SummaryCase) -> tuple[Summary, Conversation]:
    """As live: after each turn the summary is carried on by that turn alone."""
    turns = tuple(
        Turn(
            id=f"turn_{number}",
            conversation_id=case.id,
            sequence=number,
            speaker=Speaker(said.speaker),
            text=said.text,
            created_at=_STARTED + timedelta(minutes=number),
        )
        for number, said in enumerate(case.turns, start=1)
    )
    summary: Summary | None = None
    conversation = Conversation(
        id=case.id, tenant_id="larkfield", channel=case.channel, created_at=_STARTED, updated_at=_STARTED
    )
    for number, turn in enumerate(turns, start=1):
        conversation = conversation.model_copy(update={"turns": turns[:number], "revision": number})
        summary = update_summary(summary, [turn], conversation, State())
    assert summary is not None  # noqa: S101 - there is at least one turn
    return summary, conversation


def _score(case: SummaryCase, scorer: RougeScorer) -> CaseResult:
    summary, conversation = summarise(case)
    lines = [s.text for s in summary.statements]
    rouge = scorer.score(case.reference, " ".join(lines))
    covered = [p for p in case.points if any(re.search(p, line, re.IGNORECASE) for line in lines)]
    unsupported = [s.text for s in summary.statements if not is_supported(s, conversation)]
    words = sum(len(line.split()) for line in lines)
    said = sum(len(t.text.split()) for t in conversation.turns)
    return CaseResult(
        id=case.id,
        scores={
            **{m: round(rouge[m].fmeasure, 4) for m in _MEASURES},
            "coverage": round(len(covered) / len(case.points), 4),
            "faithfulness": round(1 - len(unsupported) / len(lines), 4) if lines else 0.0,
            "length_share": round(words / said, 4),
        },
        slices={"channel": case.channel.value},
        evidence={
            "summary": lines,
            "reference": case.reference,
            "missing": [p for p in case.points if p not in covered],
            "unsupported": unsupported,
        },
        to_judge=_to_judge(case, lines),
    )


def _to_judge(case: SummaryCase, lines: list[str]) -> ToJudge:
    sample = Sample(
        id=case.id,
        reply=" ".join(lines),
        contexts=tuple(f"{turn.speaker}: {turn.text}" for turn in case.turns),
        history=(_ASKED,),
        reference=case.reference,
    )
    return ToJudge(sample=sample, metrics=JUDGED) if lines else ToJudge(sample=sample, lost=JUDGED)


def is_supported(statement: Statement, conversation: Conversation) -> bool:
    """Whether the linked turns hold its numbers and names, and most of its content words."""
    linked = " ".join(t.text for t in conversation.turns if t.id in statement.turn_ids)
    if not linked:
        return False
    unmasked = re.sub(r"\[[A-Z_]+\]", "", statement.text)
    words = content_words(unmasked)
    if foreign_details(unmasked, linked):
        return False
    return not words or len(words & content_words(linked)) / len(words) >= _ENOUGH_SHARED
