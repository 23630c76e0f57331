"""Golden sets: what becomes a candidate case, what is left out, and how a person's word makes rows of it."""

from datetime import UTC, datetime

import pytest
import yaml

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.adapters.loaders.folder import FolderSource
from copilot.domain.archive import FinishedConversation
from copilot.domain.assist import AnswerFeedback, Drafter, FeedbackVerdict, Sentence, Suggestion, Support
from copilot.domain.assist_events import SuggestionCompletedEvent, TurnEvent
from copilot.domain.conversation import Channel, Conversation, ConversationStatus, Speaker, Turn
from copilot.domain.errors import NotFound
from copilot.domain.knowledge import Citation
from copilot.evaluation.golden.candidates import (
    CandidateCase,
    CaseKind,
    CaseStatus,
    decided,
    read_candidates,
    with_new,
    write_accepted,
    write_candidates,
)
from copilot.evaluation.golden.harvest import harvested
from copilot.evaluation.golden.synthesize import ModelAsker, TemplateAsker, shared, synthesized
from copilot.evaluation.questions import read_questions

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
QUOTE = "You can return it within 30 days of delivery."
ASKS = "how long can I send my tent back? write to maya@example.com"


def held(verdict=None, *, answer=None, asks=ASKS, reason=None, final_text=None):
    """A customer asks, a draft is shown where there is a verdict on it, and somebody answers."""
    asked = turn(1, Speaker.CUSTOMER, asks)
    about = {"conversation_id": "conv_1", "created_at": NOW}
    events = [TurnEvent(id=1, revision=1, data=asked, **about)]
    feedback = ()
    if verdict is not None:
        citation = Citation.model_validate(CITATION)
        sentence = Sentence(text=QUOTE, support=Support.SUPPORTED, citations=(citation,))
        draft = Suggestion(
            id="sug_1",
            revision=1,
            drafter=Drafter.COMPOSER,
            text=QUOTE,
            sentences=(sentence,),
            confidence=0.9,
            **about,
        )
        events.append(SuggestionCompletedEvent(id=2, revision=1, data=draft, **about))
        judged = AnswerFeedback(
            suggestion_id="sug_1",
            tenant_id="larkfield",
            principal_id="rep_1",
            verdict=verdict,
            final_text=final_text,
            reason=reason,
            created_at=NOW,
        )
        feedback = (judged,)
    if answer is not None:
        said = turn(2, Speaker.REPRESENTATIVE, answer)
        events.append(TurnEvent(id=3, revision=2, data=said, **about))
    conversation = Conversation(
        id="conv_1",
        tenant_id="larkfield",
        channel=Channel.CHAT,
        status=ConversationStatus.WRAPPED_UP,
        created_at=NOW,
        updated_at=NOW,
    )
    return FinishedConversation(conversation=conversation, events=tuple(events), feedback=feedback)


def turn(number, speaker, text):
    return Turn(
        id=f"turn_{number}",
        conversation_id="conv_1",
        sequence=number,
        speaker=speaker,
        text=text,
        created_at=NOW,
    )


CITATION = {
    "document_id": "doc_1",
    "external_id": "returns-policy",
    "passage_id": "pas_1",
    "title": "Returns",
    "version": "3",
    "heading_path": (),
    "clause": None,
    "page": None,
    "audience": "public",
    "quote": QUOTE,
    "start": 0,
    "end": len(QUOTE),
}


def test_a_used_draft_is_a_case_for_search_and_one_for_answers_without_personal_data():
    search, answer = harvested([held(FeedbackVerdict.USED)])

    assert (search.kind, search.document, search.quote) == (CaseKind.RETRIEVAL, "returns-policy", QUOTE)
    assert (answer.kind, answer.reference) == (CaseKind.ANSWER, QUOTE)
    assert "maya" not in search.question
    assert "[EMAIL_1]" in search.question


def test_an_edited_draft_is_answered_as_it_was_sent():
    *_, answer = harvested([held(FeedbackVerdict.EDITED, final_text="30 days, Maya.")])

    assert answer.reference == "30 days, Maya."


def test_a_rejected_draft_must_not_come_again_and_says_why():
    (case,) = harvested([held(FeedbackVerdict.REJECTED, reason="too curt")])

    assert (case.kind, case.draft, case.reason) == (CaseKind.NEGATIVE, QUOTE, "too curt")


def test_a_question_that_nothing_was_suggested_for_is_answered_as_a_person_did():
    (case,) = harvested([held(answer="Within 30 days.")])

    assert (case.kind, case.reference) == (CaseKind.ANSWER, "Within 30 days.")


def test_thanks_ask_nothing():
    assert harvested([held(FeedbackVerdict.USED, asks="ok thanks"), held(answer="Bye", asks="bye")]) == []


def case(name, question, **more):
    return CandidateCase(id=name, kind=CaseKind.ANSWER, question=question, **more)


async def test_what_is_known_already_is_not_found_again_and_decisions_stay():
    kept = [case("a", "How long can I return it?", status=CaseStatus.REJECTED)]
    found = [
        case("a", "How long can I return it?"),
        case("b", "how long can I return it"),
        case("c", "How long can I return it?", history=("I am gold.",)),
        case("d", "Do you ship to Canada?"),
    ]

    result = await with_new(kept, found, HashingEmbedder())

    assert [c.id for c in result.cases] == ["a", "c", "d"]
    assert result.cases[0].status is CaseStatus.REJECTED
    assert (result.new, result.repeated) == (2, 2)


def test_accepted_cases_become_questions_that_the_kinds_read(tmp_path):
    file = tmp_path / "cases.jsonl"
    cases = [
        case("a", "How long?", document="returns-policy", quote=QUOTE),
        CandidateCase(id="b", kind=CaseKind.NEGATIVE, question="And shoes?", draft="Shoes are blue."),
        case("c", "Why?"),
    ]
    write_candidates(file, decided(cases, {"a": CaseStatus.ACCEPTED, "b": CaseStatus.ACCEPTED}))

    read, refused = read_candidates(file)
    rows, bad = read_questions(write_accepted(file, read))

    assert (refused, bad) == ([], [])
    assert [row.value.kind for row in rows] == ["answerable", "open"]
    assert rows[0].value.documents == ("returns-policy",)
    assert rows[1].value.unwanted == "Shoes are blue."


def test_a_decision_on_no_case_decides_nothing():
    with pytest.raises(NotFound, match="there is no case z"):
        decided([case("a", "Why?")], {"a": CaseStatus.ACCEPTED, "z": CaseStatus.ACCEPTED})


ARTICLE = """# Sending things back

## Return window

We accept returns of unused items within 30 days of delivery, in their original box.

## Reset your password

Choose Forgot password on the sign-in page, and follow the link in the message we send.
"""


async def synthetic(tmp_path, asker):
    (tmp_path / "sending-back.md").write_text(ARTICLE)
    return [found async for found in synthesized(FolderSource(tmp_path), asker, [])]


async def test_questions_are_made_from_headings_in_words_of_their_own(tmp_path):
    window, password = await synthetic(tmp_path, TemplateAsker())

    assert window.quote.startswith("We accept returns of unused items within 30 days")
    assert window.question.startswith("How much time is there")
    assert password.question == "What do I have to do to reset my password?"
    assert all(shared(c.question, c.quote) <= 0.6 for c in (window, password))
    assert {c.status for c in (window, password)} == {CaseStatus.CANDIDATE}


async def test_a_models_question_is_taken_unless_it_copies_the_passage(tmp_path):
    own = "Is three weeks too late for the shoes?"
    copied = "Do you accept returns of unused items within 30 days of delivery?"

    taken, *_ = await synthetic(tmp_path, ModelAsker(ScriptedChatModel(own)))
    replaced, *_ = await synthetic(tmp_path, ModelAsker(ScriptedChatModel(copied)))

    assert taken.question == own
    assert replaced.question.startswith("How much time is there")


def test_questions_are_yaml_that_a_person_can_read(tmp_path):
    accepted = case("a", "Hält das Zelt?", document="tent", status=CaseStatus.ACCEPTED)

    written = write_accepted(tmp_path / "c.jsonl", [accepted]).read_text(encoding="utf-8")

    assert "Hält das Zelt?" in written
    assert yaml.safe_load(written)[0]["document"] == "tent"
