"""When a sentence counts as supported."""

from datetime import date

from tests.unit.assist.world import LIBRARY, passage

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.assist.details import foreign_details
from copilot.assist.grounding import Evidence, Grounder, enforce, quote_is_verbatim
from copilot.assist.quoting import cite, may_be_quoted, without_losers
from copilot.domain.assist import Sentence, Support

SHIPPING, INTERNAL, RETURNS_3, RETURNS_2 = (passage(d) for d in LIBRARY)
TODAY = date(2026, 11, 23)


async def verdict(sentence: str, source: str) -> Support:
    evidence = [Evidence(text=source, citation=cite(SHIPPING, 0, 61))]
    (judged,) = await Grounder(HashingEmbedder()).ground([sentence], evidence)
    return judged.support


async def test_what_the_source_says_is_supported():
    assert await verdict("Shipping takes 3 to 5 business days.", SHIPPING.passage.text) is Support.SUPPORTED


async def test_the_opposite_is_not():
    source = "Final sale items cannot be returned."
    assert await verdict("Final sale items can be returned.", source) is Support.UNSUPPORTED


async def test_courtesy_claims_nothing():
    assert await verdict("I am sorry for the trouble.", "Anything.") is Support.TEMPLATE


async def test_courtesy_with_a_number_in_it_is_a_claim():
    assert await verdict("I am happy to give you $50.", "Anything.") is Support.UNSUPPORTED


def test_numbers_and_names_must_occur_in_the_source():
    assert foreign_details("It takes thirty days.", "Within 30 days.") == ()
    assert foreign_details("It costs $6.50.", "The fee is $6.5 or so.") == ()
    assert foreign_details("It goes by FedEx for $7.", "It goes by post for $6.") == ("$7", "FedEx")


def test_a_quote_may_differ_in_white_space_only():
    assert quote_is_verbatim(SHIPPING, "Standard  shipping\ntakes 3") == (0, 25)
    assert quote_is_verbatim(SHIPPING, "Standard shipping takes 4") is None


def test_a_forged_or_internal_citation_is_marked_whoever_drafted_it():
    internal = cite(INTERNAL, 0, 20)
    forged = cite(SHIPPING, 0, 61).model_copy(update={"quote": "Shipping is free."})
    sentences = [
        Sentence(text="Shipping is free.", support=Support.SUPPORTED, citations=(forged,)),
        Sentence(text=internal.quote, support=Support.SUPPORTED, citations=(internal,)),
    ]
    assert {s.support for s in enforce(sentences, [SHIPPING, INTERNAL])} == {Support.UNSUPPORTED}


def test_only_public_versions_in_force_may_be_quoted():
    assert may_be_quoted(RETURNS_3, TODAY, TODAY)
    assert not may_be_quoted(RETURNS_2, TODAY, TODAY)
    assert may_be_quoted(RETURNS_2, date(2025, 1, 1), TODAY)
    assert not may_be_quoted(INTERNAL, TODAY, TODAY)


def test_of_two_that_contradict_each_other_the_clause_is_believed():
    faq = passage(LIBRARY[3], conflicts=(RETURNS_3.passage.id,), confidence=0.99)
    policy = passage(LIBRARY[2], clause="3.2", conflicts=(faq.passage.id,))
    assert without_losers([faq, policy]) == [policy]


def test_words_of_an_internal_passage_are_not_passed_off_as_anything_else():
    leaked = Sentence(text=INTERNAL.passage.text, support=Support.FACT, sources=("call_1",))
    assert {s.support for s in enforce([leaked], [SHIPPING, INTERNAL])} == {Support.UNSUPPORTED}
    assert enforce([leaked], [SHIPPING]) == (leaked,)


async def test_the_nearest_source_that_says_not_is_not_made_up_for_by_another():
    evidence = [
        Evidence(text="Opened bedding cannot be returned unless it is defective.", sources=("a",)),
        Evidence(text="Opened bedding is bedding that can be returned to the shelf.", sources=("b",)),
    ]
    (judged,) = await Grounder(HashingEmbedder()).ground(
        ["Opened bedding can be returned unless worn."], evidence
    )
    assert judged.support is Support.UNSUPPORTED
