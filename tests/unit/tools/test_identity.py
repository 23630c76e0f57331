"""Nobody finds out by guessing who is a customer, however they go about it."""

from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.unit.tools.desk import RITA, SAM, SEALS
from tests.unit.tools.rules import engine
from tests.unit.tools.shop import NOW, session, shop

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.order_system import OneOrderSystem
from copilot.adapters.fakes.verification_attempts import MemoryVerificationAttempts
from copilot.domain.errors import CustomerNotVerified, DependencyUnavailable, NotFound, NotPermitted
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.identity import IdentityGuard, IdentityLimits, email_claim
from copilot.tools.limits import Limits

DAY = timedelta(hours=24)
LIMITS = IdentityLimits(conversation=3, claim=3, principal=5)


class Desk:
    def __init__(self):
        self.clock, self.ids, self.store = FixedClock(NOW), SequentialIds(), MemoryVerificationAttempts()
        self.orders = shop()
        self.restart()

    def restart(self):
        """Nothing but the store and the ids outlives it."""
        self.guard = IdentityGuard(self.store, self.clock, self.ids, LIMITS)
        actions = FakeActionStore(FakeLedgerStore())
        shops = OneOrderSystem(self.orders)
        assessor = Assessor(Catalog(), shops, engine(), actions, self.clock)
        self.executor = Executor(
            assessor,
            shops,
            actions,
            self.clock,
            self.ids,
            Limits(),
            SEALS,
            identity=self.guard,
        )

    def _look_up(self, *, holds):
        if not holds:
            raise NotFound("nobody")

    async def attempt(self, email, *, holds=False, conversation="conv_1", person="rita"):
        """True when it was looked up, False when locked."""
        looked = False
        try:
            async with self.guard.attempt("larkfield", conversation, person, email_claim(email)):
                looked = True
                self._look_up(holds=holds)
        except (NotFound, CustomerNotVerified):
            pass
        return looked


async def test_a_restart_does_not_start_the_count_anew():
    d = Desk()
    for _ in range(3):
        assert await d.attempt("x@example.com")
        d.restart()
    assert not await d.attempt("maya@example.com", holds=True)


async def test_a_new_conversation_does_not_start_a_claims_count_anew():
    d = Desk()
    for n in range(3):
        assert await d.attempt("maya@example.com", conversation=f"conv_{n}", person=f"rep_{n}")
    assert not await d.attempt("Maya@Example.com ", conversation="conv_9", person="rep_9", holds=True)
    d.clock.forward(DAY)
    assert await d.attempt("maya@example.com", conversation="conv_9", person="rep_9", holds=True)


async def test_one_person_does_not_try_everybody():
    d = Desk()
    looked = [await d.attempt(f"{n}@example.com", conversation=f"conv_{n}") for n in range(8)]
    assert looked == [True] * 5 + [False] * 3


async def test_a_shop_that_is_down_is_nobodys_failure():
    d = Desk()
    for _ in range(9):
        with pytest.raises(DependencyUnavailable):
            async with d.guard.attempt("larkfield", "conv_1", "rita", email_claim("a@example.com")):
                raise DependencyUnavailable("down")
    assert await d.attempt("a@example.com")


async def test_what_stops_half_way_counts():
    d = Desk()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            async with d.guard.attempt("larkfield", "conv_1", "rita", email_claim("a@example.com")):
                raise KeyboardInterrupt
    assert not await d.attempt("a@example.com")


async def test_the_catalogs_look_ups_of_customers_count():
    d = Desk()
    here = session().model_copy(update={"principal": RITA})
    right = {"email": "maya@example.com"}
    for _ in range(9):
        assert (await d.executor.read(here, "find_user_id_by_email", right)).ok
    name = {"first_name": "Maya", "last_name": "Berg", "zip": "00000"}
    for tool, wrong in (
        ("find_user_id_by_name_zip", name),
        ("find_user_id_by_email", {"email": "who@example.com"}),
        ("find_user_id_by_name_zip", name),
    ):
        assert not (await d.executor.read(here, tool, wrong)).ok
    locked = await d.executor.read(here, "find_user_id_by_email", right)
    assert not locked.ok
    assert "locked" in locked.error
    assert (await d.executor.read(here, "list_all_product_types", {})).ok


async def test_a_supervisor_who_has_not_tried_it_unlocks_all_that_was_tried():
    d = Desk()
    for n in range(3):
        await d.attempt("maya@example.com", conversation=f"conv_{n}", person="rita")
    assert not await d.attempt("maya@example.com", conversation="conv_9", person=SAM.id, holds=True)
    with pytest.raises(NotPermitted):
        await d.guard.unlock("larkfield", "conv_9", SAM.id)
    assert await d.guard.unlock("larkfield", "conv_9", "sue") == 4
    assert await d.attempt("maya@example.com", conversation="conv_9", person="rita", holds=True)


async def test_no_claim_is_kept_as_it_was_said():
    d = Desk()
    await d.attempt("maya@example.com")
    assert not any("maya" in row.subject for row in d.store._rows)


class Guessing(RuleBasedStateMachine):
    """Whatever order of guesses, restarts, unlocks and waiting: never more look-ups than the limits allow."""

    emails = st.sampled_from(["maya@example.com", "tom@example.com", "x@example.com"])
    conversations = st.sampled_from(["conv_1", "conv_2", "conv_3", "conv_4"])
    people = st.sampled_from(["rita", "rob", None])

    def __init__(self):
        super().__init__()
        self.desk = Desk()
        self.failed = defaultdict(list)

    def _run(self, work):
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("nothing here waits")

    def _expected(self, email, conversation, person):
        def recent(key):
            return [at for at in self.failed[key] if at > self.desk.clock.now() - DAY]

        return not (
            len(self.failed["conversation", conversation]) >= LIMITS.conversation
            or len(recent(("email", email))) >= LIMITS.claim
            or (person and len(recent(("person", person))) >= LIMITS.principal)
        )

    @rule(email=emails, conversation=conversations, person=people, holds=st.booleans())
    def guess(self, email, conversation, person, holds):
        expected = self._expected(email, conversation, person)
        work = self.desk.attempt(email, holds=holds, conversation=conversation, person=person)
        assert self._run(work) == expected
        if expected and not holds:
            keys = [
                ("conversation", conversation),
                ("email", email),
                *([("person", person)] if person else []),
            ]
            for key in keys:
                self.failed[key].append(self.desk.clock.now())

    @rule()
    def restart(self):
        self.desk.restart()

    @rule(minutes=st.sampled_from([1, 600, 1441]))
    def wait(self, minutes):
        self.desk.clock.forward(timedelta(minutes=minutes))

    @rule(conversation=conversations)
    def unlock(self, conversation):
        named = self._run(self.desk.store.subjects("larkfield", conversation))
        self._run(self.desk.guard.unlock("larkfield", conversation, "sue"))
        for kind, value in self.failed:
            if self._subject(kind, value) in named:
                self.failed[kind, value].clear()

    def _subject(self, kind, value):
        if kind != "email":
            return f"{'principal' if kind == 'person' else kind}:{value}"
        watched = self.desk.guard._watched("", None, email_claim(value))
        return next(w.subject for w in watched if w.subject.startswith("claim:"))

    @invariant()
    def no_day_holds_more_failures_of_a_claim_than_the_limit(self):
        for (kind, _), times in self.failed.items():
            most = {"email": LIMITS.claim, "person": LIMITS.principal}.get(kind, LIMITS.conversation)
            assert all(sum(start <= at < start + DAY for at in times) <= most for start in times)


def test_no_order_of_guesses_gets_past_the_limits():
    run_state_machine_as_test(
        Guessing, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
