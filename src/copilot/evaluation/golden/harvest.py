"""Candidate cases from what people did with suggestions, and from what they answered without one."""

from collections.abc import Iterator, Sequence

from copilot.assist.redaction import Masker
from copilot.domain.archive import FinishedConversation
from copilot.domain.assist import AnswerFeedback, FeedbackVerdict, Suggestion, Support
from copilot.domain.assist_events import SuggestionCompletedEvent, ToolResultEvent, TurnEvent
from copilot.domain.conversation import Speaker, Turn
from copilot.domain.words import content_words
from copilot.evaluation.golden.candidates import CandidateCase, CaseKind, case_id

_LEAST_WORDS = 2
_MOST_HISTORY = 3
_TAKEN = (FeedbackVerdict.USED, FeedbackVerdict.EDITED)


def harvested(finished: Sequence[FinishedConversation]) -> list[CandidateCase]:
    """Used and edited drafts: the question finds what was cited, and what was sent answers it.

    Ignored and rejected ones must not come again. A question that nothing was suggested for, and that
    somebody answered, is a case too. Thanks and greetings are left out: they ask nothing.
    """
    return [case for one in finished for case in _cases(one)]


def _cases(finished: FinishedConversation) -> Iterator[CandidateCase]:
    masker = Masker(_names(finished))
    judged = {feedback.suggestion_id: feedback for feedback in finished.feedback}
    said: list[Turn] = []
    drafted: set[str] = set()
    for event in finished.events:
        if isinstance(event, TurnEvent):
            if _answers(said, event.data) and said[-1].id not in drafted:
                yield from _answered(masker, said, event.data)
            said.append(event.data)
        elif isinstance(event, SuggestionCompletedEvent):
            asked = _asked(said)
            if asked is None:
                continue
            drafted.add(asked.id)
            if (feedback := judged.get(event.data.id)) is not None:
                yield from _of_feedback(masker, said, asked, event.data, feedback)


def _of_feedback(
    masker: Masker, said: Sequence[Turn], asked: Turn, suggestion: Suggestion, feedback: AnswerFeedback
) -> Iterator[CandidateCase]:
    question, history = masker.mask(asked.text), _history(masker, said, asked)
    if len(content_words(question)) < _LEAST_WORDS:
        return
    common = {"question": question, "history": history, "origin": suggestion.id}
    final = masker.mask(feedback.final_text) if feedback.final_text else None
    draft = masker.mask(suggestion.text)
    if feedback.verdict not in _TAKEN:
        kind = CaseKind.NEGATIVE
        yield CandidateCase(
            id=case_id(kind, suggestion.id),
            kind=kind,
            draft=draft,
            reference=final,
            reason=masker.mask(feedback.reason) if feedback.reason else feedback.verdict.value,
            **common,
        )
        return
    cited = [c for s in suggestion.sentences if s.support is Support.SUPPORTED for c in s.citations]
    for citation in {c.external_id: c for c in reversed(cited)}.values():
        kind = CaseKind.RETRIEVAL
        yield CandidateCase(
            id=case_id(kind, suggestion.id, citation.external_id),
            kind=kind,
            document=citation.external_id,
            quote=citation.quote,
            **common,
        )
    kind = CaseKind.ANSWER
    reference = final or draft
    yield CandidateCase(id=case_id(kind, suggestion.id), kind=kind, reference=reference, **common)


def _answered(masker: Masker, said: Sequence[Turn], answer: Turn) -> Iterator[CandidateCase]:
    asked = said[-1]
    question = masker.mask(asked.text)
    if "?" not in question or len(content_words(question)) < _LEAST_WORDS:
        return
    kind = CaseKind.ANSWER
    yield CandidateCase(
        id=case_id(kind, asked.id),
        kind=kind,
        question=question,
        history=_history(masker, said, asked),
        reference=masker.mask(answer.text),
        origin=asked.conversation_id,
    )


def _answers(said: Sequence[Turn], turn: Turn) -> bool:
    """Whether it is somebody's answer to a customer."""
    asked = bool(said) and said[-1].speaker is Speaker.CUSTOMER
    return asked and turn.speaker is Speaker.REPRESENTATIVE


def _asked(said: Sequence[Turn]) -> Turn | None:
    return next((turn for turn in reversed(said) if turn.speaker is Speaker.CUSTOMER), None)


def _history(masker: Masker, said: Sequence[Turn], asked: Turn) -> tuple[str, ...]:
    earlier = [t for t in said if t.speaker is Speaker.CUSTOMER and t.sequence < asked.sequence]
    return tuple(masker.mask(turn.text) for turn in earlier[-_MOST_HISTORY:])


def _names(finished: FinishedConversation) -> dict[str, str]:
    """Of the customer whose order was shown: shapes alone do not find names."""
    found: dict[str, str] = {}
    for event in finished.events:
        if isinstance(event, ToolResultEvent) and event.data.order_view is not None:
            customer = event.data.order_view.customer
            if customer is not None:
                found |= {customer.first_name: "NAME", customer.last_name: "NAME"}
    return found
