"""Random histories of proposals, approvals, attacks, crashes and time: money moves only as people agreed.

`COPILOT_HISTORIES=5000` tries more of them than the usual thousand.
"""

import asyncio
import os
from collections import Counter
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.exc import IntegrityError
from tests.unit.tools.desk import RITA, SAM, SEALS, desk
from tests.unit.tools.shop import MAYA, TOM, order, person, session, shop

from copilot.adapters.fakes.order_system import Failure
from copilot.adapters.sql.action_store import SqlActionStore, _changing, actions
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.domain.access import Role, Scope
from copilot.domain.actions import ActionStatus, Approval, PolicyOutcome
from copilot.domain.commerce import Money, OrderStatus
from copilot.domain.errors import (
    ActionNotOpen,
    CopilotError,
    DependencyUnavailable,
    InvalidInput,
    LimitReached,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    PolicyDenied,
    SealBroken,
    SecondApproverNeeded,
    ToolFailed,
)
from copilot.tools.executor import Executor
from copilot.tools.ledger import VerifiedLedger, verify_ledger
from copilot.tools.limits import Limits, MoneyLimits
from copilot.tools.seals import Seals

HISTORIES = int(os.environ.get("COPILOT_HISTORIES", "1000"))
SQL_HISTORIES = max(20, HISTORIES // 25)
STEPS = int(os.environ.get("COPILOT_HISTORY_STEPS", "20"))

ROLF, SUE = person("rolf"), person("sue", Role.SUPERVISOR)
KIM = person("kim", Role.KNOWLEDGE_MANAGER)
OTHER_TENANT = person("sam", Role.SUPERVISOR, tenant="acme")
PEOPLE = (RITA, ROLF, SAM, SUE, KIM, OTHER_TENANT)
SUPERVISORS = {"sam", "sue"}

MONEY = MoneyLimits(per_call=16_000, per_representative_per_day=25_000, per_day=40_000)
WAITING = (ActionStatus.PROPOSED, ActionStatus.AWAITING_SECOND_APPROVAL)
NEEDS_TWO_ABOVE = 10_000

MINE, PENDING, BIG, TOMS = "LF-1004820", "LF-1004838", "LF-1004846", "LF-2000006"
CALLS = (
    ("refund_order", {"order_id": MINE, "amount": "20", "reason": "goodwill"}),
    ("refund_order", {"order_id": MINE, "amount": "29.99", "reason": "damaged_or_defective"}),
    ("refund_order", {"order_id": BIG, "amount": "60", "reason": "goodwill"}),
    ("refund_order", {"order_id": BIG, "amount": "99.99", "reason": "late_delivery"}),
    ("refund_order", {"order_id": BIG, "amount": "150", "reason": "damaged_or_defective"}),
    ("cancel_pending_order", {"order_id": PENDING, "reason": "no longer needed"}),
    ("refund_order", {"order_id": TOMS, "amount": "15", "reason": "goodwill"}),
)
REFUSED_CALLS = (
    ("refund_order", {"order_id": BIG, "amount": "190", "reason": "goodwill"}, LimitReached),
    ("refund_order", {"order_id": MINE, "amount": "-20", "reason": "goodwill"}, InvalidInput),
    ("refund_order", {"order_id": MINE, "amount": "0", "reason": "goodwill"}, InvalidInput),
    ("refund_order", {"order_id": MINE, "amount": "20", "reason": "lost_parcel"}, PolicyDenied),
    ("refund_order", {"order_id": "LF-9999999", "amount": "20", "reason": "goodwill"}, NotFound),
    ("pay_out", {"order_id": MINE, "amount": "20"}, NotFound),
    ("get_order_details", {"order_id": MINE}, InvalidInput),
)


# A history that never comes to these proves nothing about them.
MUST_HAPPEN = {
    *("succeeded", "failed", "unresolved", "killed", "over a limit", "denied", "edited", "second approval"),
    *("tampered", "refused proposal"),
    *(f"approval refused: {e}" for e in ("NotPermitted", "NotFound", "ActionNotOpen", "SealBroken")),
    "approval refused: SecondApproverNeeded",
}


def sealed_elsewhere(action, now):
    """An approval as an attacker who knows everything but the server's secret would write it."""
    approval = Approval(
        approver_id="sam",
        approver_name="Sam",
        approved_at=now,
        expires_at=now + timedelta(minutes=9),
        seal="",
    )
    return Seals(b"an attacker's secret of 32 bytes").seal(action, approval)


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


TROUBLES = ("down", "refused", "lost", "unsure", "gone", "killed after", "killed before")
troubles = st.sampled_from([None] * 5 + [*TROUBLES])
people = st.sampled_from(PEOPLE)
numbers = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7])  # from the newest on


def seen(machine):
    return bool(machine.ids)


class Histories(RuleBasedStateMachine):
    """Keeps its own book of who agreed to what; the product's word is not taken for it."""

    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.consents: dict[str, dict[str, str]] = {}
        self.terms: dict[str, tuple] = {}
        self.ids: list[str] = []
        self.database = None
        self.done_before = 0

    def run(self, work):
        return self.loop.run_until_complete(work)

    def refused(self, work, *errors):
        with pytest.raises(errors) as caught:
            self.run(work)
        assert any(type(caught.value) is error for error in errors), caught.value

    @initialize()
    def open_shop(self):
        orders = shop(
            order(),
            order(PENDING, items=(order().items[0],), status=OrderStatus.PENDING),
            order(BIG, items=(order().items[0],) * 12),
            order(TOMS, customer=TOM),
        )
        store, ledger = self.stores()
        limits = Limits(call_seconds=1, money=MONEY)
        self.happened["histories"] += 1
        self.d = desk(store=store, ledger=ledger, orders=orders, limits=limits)
        orders._clock = self.d.clock

    def stores(self):
        return None, None

    def teardown(self):
        if hasattr(self, "d"):
            self.run(self.d.executor.recover())
            self.promises_hold()
            assert isinstance(self.run(verify_ledger(self.d.ledger, "larkfield")), VerifiedLedger)
        if self.database is not None:
            self.run(self.database.close())
        self.loop.close()

    # ------------------------------------------------------------ what people do

    def picked(self, number):
        return self.run(self.d.store.get("larkfield", self.ids[-min(number, len(self.ids))]))

    def noted(self, action):
        if action.id not in self.ids:
            self.ids.append(action.id)
            self.terms[action.id] = (action.customer_id, action.call.arguments["order_id"], action.amount)
        return action

    @rule(call=st.sampled_from(CALLS), customer=st.sampled_from([MAYA, TOM]))
    def propose(self, call, customer):
        tool, arguments = call
        of = session(customer, f"conv_{customer.id}")
        mine = (arguments["order_id"] == TOMS) == (customer is TOM)
        work = self.d.propose(arguments, tool, of)
        if not mine:
            return self.refused(work, NotFound)
        try:
            self.noted(self.run(work))
        except (PolicyDenied, InvalidInput):  # more than the order has left, or it is cancelled by now
            assert self.d.orders.done > 0
            self.happened["denied"] += 1
        return None

    @rule(call=st.sampled_from(REFUSED_CALLS))
    def propose_what_is_refused(self, call):
        tool, arguments, error = call
        # Once an order is refunded, its policy may speak before its limit does.
        also = (PolicyDenied, InvalidInput) if error in (LimitReached, PolicyDenied) else ()
        self.refused(self.d.propose(arguments, tool, session(MAYA, "conv_maya")), error, *also)
        self.happened["refused proposal"] += 1

    def approval_error(  # noqa: PLR0911 - one for each rule
        self, who, action, digest
    ):
        """What must come of it, worked out from the rules alone; None: it is accepted."""
        if not who.may(Scope.ACTIONS_APPROVE):
            return NotPermitted
        if who.tenant_id != action.tenant_id:
            return NotFound
        if action.status not in WAITING or self.d.clock.now() >= action.expires_at:
            return ActionNotOpen
        if digest != action.digest:
            return SealBroken
        if who.id in self.consents.get(action.id, {}):
            return SecondApproverNeeded
        if action.status is ActionStatus.AWAITING_SECOND_APPROVAL and who.id not in SUPERVISORS:
            return SecondApproverNeeded
        return None

    @precondition(seen)
    @rule(
        who=people,
        number=numbers,
        shown=st.sampled_from(["it"] * 5 + ["another", "nothing", "forged"]),
        of=numbers,
    )
    def approve(self, who, number, shown, of):
        action = self.picked(number)
        digest = {
            "it": action.digest,
            "another": self.picked(of).digest,
            "nothing": "",
            "forged": action.model_copy(update={"amount": Money.of(1)}).compute_digest(),
        }[shown]
        if (error := self.approval_error(who, action, digest)) is not None:
            self.happened[f"approval refused: {error.__name__}"] += 1
            return self.refused(self.d.approvals.approve(who, action.id, digest), error)
        approved = self.run(self.d.approvals.approve(who, action.id, digest))
        self.consents.setdefault(action.id, {})[who.id] = digest
        first_of_two = (
            action.status is ActionStatus.PROPOSED
            and action.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
        )
        wanted = ActionStatus.AWAITING_SECOND_APPROVAL if first_of_two else ActionStatus.APPROVED
        assert approved.status is wanted
        self.happened["second approval"] += len(approved.approvals) == 2
        return None

    @precondition(seen)
    @rule(number=numbers, second=st.sampled_from([ROLF, SAM, SUE]))
    def approve_as_it_should_be(self, number, second):
        self.approve(RITA, number, "it", number)
        self.approve(second, number, "it", number)

    @rule(
        call=st.sampled_from(CALLS),
        those=st.lists(
            st.tuples(people, st.sampled_from(["it", "it", "it", "forged", "nothing"])), max_size=4
        ),
    )
    def propose_and_let_some_approve(self, call, those):
        self.propose(call, TOM if call[1]["order_id"] == TOMS else MAYA)
        for who, shown in those if self.ids else ():
            self.approve(who, 1, shown, 1)

    @precondition(seen)
    @rule(number=numbers)
    def all_approve_at_once(self, number):
        action = self.picked(number)
        before = set(self.consents.get(action.id, {}))

        async def one(who):
            try:
                await self.d.approvals.approve(who, action.id, action.digest)
            except CopilotError:
                return None
            return who.id

        async def all_of_them():
            return await asyncio.gather(*map(one, PEOPLE))

        agreed = {name for name in self.run(all_of_them()) if name}
        now = self.picked(number)
        assert len({a.approver_id for a in now.approvals}) == len(now.approvals) <= 2
        assert {a.approver_id for a in now.approvals} == before | agreed
        for name in agreed:
            self.consents.setdefault(action.id, {})[name] = action.digest

    @precondition(seen)
    @rule(who=people, number=numbers)
    def reject(self, who, number):
        action = self.picked(number)
        work = self.d.approvals.reject(who, action.id, "no")
        if not who.may(Scope.ACTIONS_APPROVE):
            return self.refused(work, NotPermitted)
        if who.tenant_id != action.tenant_id:
            return self.refused(work, NotFound)
        if action.status not in WAITING or self.d.clock.now() >= action.expires_at:
            return self.refused(work, ActionNotOpen)
        assert self.run(work).status is ActionStatus.REJECTED
        return None

    @precondition(seen)
    @rule(who=people, number=numbers, amount=st.sampled_from(["5", "20", "45.50", "120", "170", "-3", "1e9"]))
    def edit(  # noqa: PLR0911 - one for each rule
        self, who, number, amount
    ):
        action = self.picked(number)
        if action.call.tool != "refund_order":
            return None
        work = self.d.approvals.edit(who, action.id, action.call.arguments | {"amount": amount})
        if not who.may(Scope.ACTIONS_APPROVE):
            return self.refused(work, NotPermitted)
        if who.tenant_id != action.tenant_id:
            return self.refused(work, NotFound)
        if action.status not in WAITING or self.d.clock.now() >= action.expires_at:
            return self.refused(work, ActionNotOpen)
        if amount in ("-3", "1e9"):
            return self.refused(work, InvalidInput)
        if amount == "170":
            return self.refused(work, LimitReached, PolicyDenied, InvalidInput)
        try:
            new = self.run(work)
        except (PolicyDenied, InvalidInput):  # more than the order has left: the old one stays
            assert self.picked(number) == action
            return None
        assert self.run(self.d.store.get("larkfield", action.id)).status is ActionStatus.SUPERSEDED
        if new.id not in self.ids:
            assert new.approvals == ()
        self.noted(new)
        self.happened["edited"] += 1
        return None

    @rule(minutes=st.sampled_from([1, 5, 9, 31, 241, 1441]))
    def time_goes_by(self, minutes):
        self.d.clock.forward(timedelta(minutes=minutes))

    # ------------------------------------------------------------ what machines do

    @rule(call=st.sampled_from(CALLS), trouble=troubles)
    def propose_approve_and_execute(self, call, trouble):
        self.propose(call, TOM if call[1]["order_id"] == TOMS else MAYA)
        if self.ids:
            self.approve_as_it_should_be(1, SAM)
            self.execute(1, trouble)

    @precondition(seen)
    @rule(number=numbers, trouble=troubles)
    def execute(self, number, trouble):
        action = self.picked(number)
        failures = {
            "down": [Failure("before", DependencyUnavailable("down"))],
            "refused": [Failure("before", ToolFailed("no"))],
            "lost": [Failure("after", OutcomeUnknown("timeout"))],
            "unsure": [Failure("before", OutcomeUnknown("timeout"))],
            "gone": [Failure("before", OutcomeUnknown("timeout"))] * 5,
            "killed after": [Failure("after", Killed())],
            "killed before": [Failure("before", Killed())],
        }
        self.d.orders.failures.extend(failures.get(trouble, []))
        before = self.d.orders.done
        expected_error = None
        if action.status is not ActionStatus.APPROVED or any(
            self.d.clock.now() >= a.expires_at for a in action.approvals
        ):
            expected_error = ActionNotOpen
        try:
            done = self.run(self.d.executor.execute(action))
        except Killed:
            self.happened["killed"] += 1
            self.restart()
        except CopilotError as error:
            assert type(error) is expected_error, error  # noqa: PT017
            assert self.d.orders.done == before
        else:
            assert expected_error is None
            self.happened[done.status.value] += 1
            self.happened["over a limit"] += "limit for" in ((done.result and done.result.error) or "")
            assert (done.status is ActionStatus.SUCCEEDED) == (self.d.orders.done == before + 1)
        self.d.orders.failures.clear()

    @precondition(seen)
    @rule(number=numbers)
    def executed_by_many_at_once(self, number):
        action = self.picked(number)
        before = self.d.orders.done
        executors = [self.another_executor() for _ in range(3)]

        async def all_of_them():
            return await asyncio.gather(*(e.execute(action) for e in executors), return_exceptions=True)

        self.run(all_of_them())
        assert self.d.orders.done - before <= 1

    @rule()
    def recover(self):
        for action in self.run(self.d.executor.recover()):
            assert action.status not in (ActionStatus.APPROVED, ActionStatus.EXECUTING)

    @precondition(seen)
    @rule(number=numbers)
    def reconcile(self, number):
        self.run(self.d.executor.reconcile("larkfield", self.picked(number).id))

    def restart(self):
        """A new process: what was only in memory is gone."""
        self.d.executor = self.another_executor()

    def another_executor(self):
        old = self.d.executor
        return Executor(
            old._assessor, old._orders, self.d.store, self.d.clock, old._ids, old._limits, SEALS, old._sleep
        )

    # ------------------------------------------------------------ what attackers do

    @precondition(seen)
    @rule(
        number=numbers,
        of=numbers,
        change=st.sampled_from(
            [
                "sealed elsewhere",
                "amount",
                "customer",
                "conversation",
                "tenant",
                "arguments",
                "approver",
                "graft",
                "none",
            ]
        ),
    )
    def tamper_and_execute(self, number, of, change):
        """With write access to the actions, but without anybody's consent."""
        action, other = self.picked(number), self.picked(of)
        changes = {
            "amount": {"amount": Money.of(1)},
            "customer": {"customer_id": "tom" if action.customer_id == "maya" else "maya"},
            "conversation": {"conversation_id": "conv_x"},
            "tenant": {"tenant_id": "acme"},
            "arguments": {
                "call": action.call.model_copy(update={"arguments": other.call.arguments | {"x": 1}})
            },
            "approver": {
                "approvals": tuple(a.model_copy(update={"approver_id": "sue2"}) for a in action.approvals)
            },
            "graft": {"approvals": other.approvals if other.id != action.id else ()},
            "none": {"approvals": ()},
            "sealed elsewhere": {"approvals": (sealed_elsewhere(action, self.d.clock.now()),)},
        }[change]
        forged = action.model_copy(update={"status": ActionStatus.APPROVED} | changes)
        if change not in ("approver", "graft", "none", "sealed elsewhere"):
            forged = forged.model_copy(update={"digest": forged.compute_digest()})
        if not forged.approvals and change == "approver":
            return
        before = self.d.orders.done
        try:
            self.overwrite(forged)
        except IntegrityError:  # the database itself holds that nothing is open twice
            return
        try:
            with pytest.raises(SealBroken):
                self.run(self.d.executor.execute(forged))
        finally:
            self.overwrite(action)
        assert self.d.orders.done == before
        self.happened["tampered"] += 1

    def overwrite(self, action):
        self.d.store._actions[action.id] = action

    # ------------------------------------------------------------ what must hold after every step

    @invariant()
    def promises_hold(self):
        if not hasattr(self, "d"):
            return
        if self.d.orders.done == self.done_before:
            return  # nothing was paid since it was last looked at
        self.done_before = self.d.orders.done
        refunds = [
            (known.customer_id, r)
            for order_id in (MINE, PENDING, BIG, TOMS)
            for known in [self.run(self.d.orders.get_order(order_id))]
            for r in known.refunds
        ]
        actions = {a.call.id: a for a in (self.run(self.d.store.get("larkfield", i)) for i in self.ids)}
        times = Counter(r.idempotency_key for _, r in refunds)
        assert set(times.values()) <= {1}, "a refund was doubled"
        per_day, per_person = Counter(), Counter()
        begun = self.run(self.days_of_execution())
        for customer, refund in refunds:
            action = actions[refund.idempotency_key]
            agreed = self.consents.get(action.id, {})
            assert agreed, "nobody agreed"
            assert set(agreed.values()) == {action.digest}, "to something else"
            assert {a.approver_id for a in action.approvals} == set(agreed)
            assert (customer, refund.order_id, refund.amount) == self.terms[action.id]
            if action.call.tool == "refund_order" and refund.amount.minor > NEEDS_TWO_ABOVE:
                assert len(agreed) >= 2, "four eyes"
                assert SUPERVISORS & set(agreed), "no supervisor"
            assert refund.amount.minor <= MONEY.per_call
            day = begun[action.id]
            per_day[day] += refund.amount.minor
            per_person[day, action.approvals[0].approver_id] += refund.amount.minor
        assert all(n <= MONEY.per_day for n in per_day.values())
        assert all(n <= MONEY.per_representative_per_day for n in per_person.values())

    async def days_of_execution(self):
        entries = self.d.ledger.entries("larkfield")
        return {e.subject_id: e.created_at.date() async for e in entries if e.kind == "execution"}


class SqlHistories(Histories):
    """The same over the real SQL stores."""

    folder = None
    count = 0

    def stores(self):
        SqlHistories.count += 1
        path = self.folder / f"{SqlHistories.count}.db"
        self.database = self.run(Database.open(path))
        return SqlActionStore(self.database), SqlLedgerStore(self.database)

    def overwrite(self, action):
        async def put():
            async with self.database.write() as connection:
                await connection.execute(
                    actions.update()
                    .where(actions.c.id == action.id)
                    .values(
                        tenant_id=action.tenant_id,
                        conversation_id=action.conversation_id,
                        customer_id=action.customer_id,
                        **_changing(action),
                    )
                )

        self.run(put())


_COMMON = {
    "stateful_step_count": STEPS,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    # Shrinking a history of this length takes minutes; the one that failed is short enough to read.
    "phases": [Phase.generate],
}


@pytest.mark.slow
def test_a_thousand_histories_over_fakes():
    Histories.happened.clear()
    run_state_machine_as_test(Histories, settings=settings(max_examples=HISTORIES, **_COMMON))
    assert Histories.happened["histories"] >= HISTORIES
    assert {what for what in MUST_HAPPEN if not Histories.happened[what]} == set()


@pytest.mark.slow
def test_some_histories_over_the_sql_stores(tmp_path):
    SqlHistories.folder = tmp_path
    run_state_machine_as_test(SqlHistories, settings=settings(max_examples=SQL_HISTORIES, **_COMMON))
