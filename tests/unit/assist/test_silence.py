"""Assist or silence: learned from what became of drafts, within one tenant, and explained."""

from datetime import UTC, datetime

import pytest
from tests.unit.assist.world import ELENA_ORDER, RITA, world

from copilot.adapters.fakes.feedback_statistics import MemoryFeedbackStatistics
from copilot.assist.feedback import verdict_on
from copilot.assist.silence import Silence, SilenceLimits, usefulness
from copilot.domain.assist import FeedbackVerdict
from copilot.domain.conversation import Speaker
from copilot.domain.feedback import FeedbackHistory, FeedbackOutcome, FeedbackTally

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SHIPPING = "how long does standard shipping take?"


def outcomes(verdict, count, *, tenant="larkfield", who="rita", intent="shipping_question", start=0):
    return [
        FeedbackOutcome(
            suggestion_id=f"sug_{tenant}_{who}_{n}",
            tenant_id=tenant,
            principal_id=who,
            intent=intent,
            verdict=FeedbackVerdict(verdict),
            at=NOW,
        )
        for n in range(start, start + count)
    ]


async def learned(*groups):
    statistics = MemoryFeedbackStatistics()
    for outcome in (o for group in groups for o in group):
        await statistics.record(outcome)
    return statistics


async def test_before_anybody_has_said_anything_a_confident_draft_is_shown():
    verdict = await Silence(await learned()).decide("larkfield", "shipping_question", "rita", 0.8)
    assert verdict.show
    assert verdict.why == "shown because it is 80% sure, and nobody has yet said how useful such drafts are"


async def test_a_draft_is_shown_with_the_record_that_speaks_for_it():
    statistics = await learned(outcomes("used", 41), outcomes("ignored", 9, start=41))
    verdict = await Silence(statistics).decide("larkfield", "shipping_question", "rita", 0.8, "Shipping")
    assert verdict.show
    assert verdict.why == (
        "shown because 41 of the last 50 drafts that you were shown about “Shipping” were used"
    )


async def test_what_is_always_ignored_is_kept_back_and_tried_again_after_a_while():
    silence = Silence(await learned(outcomes("ignored", 50)))
    verdicts = [await silence.decide("larkfield", "shipping_question", "rita", 0.8) for _ in range(10)]
    assert [v.show for v in verdicts] == [False] * 9 + [True]
    assert "0 of the last 50" in verdicts[0].why
    assert "once again" in verdicts[-1].why


async def test_a_newcomer_is_treated_as_their_team_is_and_a_veteran_as_they_are():
    statistics = await learned(
        outcomes("ignored", 20, who="omar"), outcomes("ignored", 20, who="mia"), outcomes("used", 10)
    )
    limits = SilenceLimits()
    newcomer = await statistics.history("larkfield", "shipping_question", "new")
    veteran = await statistics.history("larkfield", "shipping_question", "rita")
    assert usefulness(newcomer, 0.75, limits) < 0.5 < usefulness(veteran, 0.75, limits)


async def test_another_tenants_representatives_change_nothing():
    silence = Silence(await learned(outcomes("rejected", 50, tenant="acme")))
    assert (await silence.decide("larkfield", "shipping_question", "rita", 0.8)).show


def test_a_few_words_move_the_estimate_only_a_little():
    limits = SilenceLimits()
    once = FeedbackHistory(
        representative=FeedbackTally(shown=1), intent=FeedbackTally(shown=1), tenant=FeedbackTally(shown=1)
    )
    assert limits.threshold < usefulness(once, 0.75, limits) < usefulness(FeedbackHistory(), 0.75, limits)


async def test_a_representatives_word_changes_the_next_decision():
    silence = Silence(await learned(outcomes("ignored", 49)))
    before = await silence.decide("larkfield", "shipping_question", "rita", 0.8)
    for outcome in outcomes("used", 50, start=100):
        await silence.record(outcome.model_copy(update={"at": NOW.replace(hour=10)}))
    after = await silence.decide("larkfield", "shipping_question", "rita", 0.8)
    assert (before.show, after.show) == (False, True)


async def test_the_panel_is_told_why_a_draft_is_shown_or_kept_back():
    shown = await world()
    await shown.customer(SHIPPING)
    assert "nobody has yet said" in (await shown.snapshot()).suggestion.why

    quiet = await world(feedback=await learned(outcomes("ignored", 50)))
    await quiet.customer(SHIPPING)
    silent = next(e.data for e in await quiet.events() if e.type == "suggestion.silent")
    assert "0 of the last 50" in silent.why
    assert (await quiet.snapshot()).suggestion is None
    assert (await quiet.snapshot()).knowledge.answered  # the knowledge stays at hand
    assert "suggestion.delta" not in await quiet.types()


# ---------------------------------------------------------------- what was sent instead


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [
        ("{draft}", "used"),
        ("{draft} Have a nice day, and greetings from Austin!", "edited"),
        ("Standard shipping takes 3 to 5 business days and costs $6.95.", "edited"),
        ("Let me connect you with a colleague in the warehouse.", "ignored"),
    ],
)
async def test_what_the_representative_sends_says_what_became_of_the_draft(sent, verdict):
    feedback = MemoryFeedbackStatistics()
    w = await world(feedback=feedback)
    await w.customer(SHIPPING)
    draft = (await w.snapshot()).suggestion
    await w.representative(sent.format(draft=draft.text))

    [seen] = feedback.outcomes.values()
    assert (seen.suggestion_id, seen.verdict, seen.intent) == (draft.id, verdict, "shipping_question")
    assert w.store.feedback[draft.id, "rita"].verdict == verdict


async def test_a_draft_is_judged_once_by_the_first_message_after_it():
    feedback = MemoryFeedbackStatistics()
    w = await world(feedback=feedback)
    await w.customer(SHIPPING)
    await w.representative("One moment, I will ask the warehouse about that.")
    await w.representative((await w.snapshot()).suggestion.text if (await w.snapshot()).suggestion else "Ok.")
    assert [o.verdict for o in feedback.outcomes.values()] == [FeedbackVerdict.IGNORED]


async def test_what_the_representative_said_themselves_counts_more_than_what_was_seen():
    feedback = MemoryFeedbackStatistics()
    w = await world(feedback=feedback)
    await w.customer(SHIPPING)
    draft = (await w.snapshot()).suggestion
    await w.live.record_feedback(RITA, draft.id, FeedbackVerdict.REJECTED, reason="wrong tone")
    await w.representative("Let me connect you with a colleague in the warehouse.")
    assert [o.verdict for o in feedback.outcomes.values()] == [FeedbackVerdict.REJECTED]


def test_small_repairs_are_edits_and_other_words_are_not():
    draft = "Your order was delivered on 3 November. Is there anything else?"
    assert verdict_on(draft, draft.replace(".", " ,")) is FeedbackVerdict.USED
    assert verdict_on(draft, "Your parcel was delivered on 3 November.") is FeedbackVerdict.EDITED
    assert verdict_on(draft, "Sure") is FeedbackVerdict.IGNORED


# ---------------------------------------------------------------- nothing twice


async def test_cards_that_stand_are_not_shown_again_when_nothing_new_is_said():
    w = await world()
    await w.customer(SHIPPING)
    await w.customer(f"please, {SHIPPING}")
    shown, again = [e.data for e in await w.events() if e.type == "knowledge"]
    assert (again.unchanged, again.cards) == (True, ())
    assert (await w.snapshot()).knowledge == shown
    await w.customer("and what does express shipping cost, and a voucher?")
    assert not [e.data for e in await w.events() if e.type == "knowledge"][-1].unchanged


async def test_a_draft_that_had_its_chance_is_not_suggested_again():
    w = await world()
    await w.customer(SHIPPING)
    first = (await w.snapshot()).suggestion
    await w.representative("One moment please.")
    await w.customer(SHIPPING)

    events = await w.events()
    assert [e.data.id for e in events if e.type == "suggestion.completed"] == [first.id]
    silent = next(e.data for e in events if e.type == "suggestion.silent")
    assert silent.reason == "suggested_before"


async def test_a_draft_still_waiting_keeps_its_id_when_the_customer_goes_on():
    w = await world()
    await w.customer(SHIPPING)
    await w.customer(SHIPPING)
    completed = [e.data.id for e in await w.events() if e.type == "suggestion.completed"]
    assert len(set(completed)) == 1
    assert (await w.snapshot()).suggestion is not None
    entries = [e for e in w.ledger.chains["larkfield"] if e.kind == "suggestion"]
    assert len(entries) == 1


async def test_a_restart_does_not_suggest_again_what_had_its_chance():
    w = await world()
    await w.customer(SHIPPING)
    await w.representative("One moment please.")
    restarted = await world(store=w.store)
    restarted.conversation = w.conversation
    await restarted.live.add_turn(RITA, w.conversation.id, Speaker.CUSTOMER, SHIPPING, request="new")
    await restarted.live.idle()
    assert (await restarted.snapshot()).suggestion is None


async def test_a_newly_verified_customer_gets_a_new_draft():
    w = await world()
    await w.customer("I want a refund for my broken lantern")
    await w.live.verify_customer(RITA, w.conversation.id, email="elena@example.com", order_id=ELENA_ORDER)
    await w.live.idle()
    assert "Elena" in (await w.snapshot()).suggestion.text
