"""Actions in memory."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.domain.actions import Action, ActionStatus, Allowance, LedgerRecord
from copilot.domain.errors import ActionNotOpen, Conflict, LimitReached, NotFound

_WAITING = (ActionStatus.PROPOSED, ActionStatus.AWAITING_SECOND_APPROVAL)
_UNFINISHED = (ActionStatus.APPROVED, ActionStatus.EXECUTING)


class FakeActionStore:
    """Writes its records to `ledger`, as one step: nothing is awaited in between."""

    def __init__(self, ledger: FakeLedgerStore) -> None:
        self._ledger = ledger
        self._actions: dict[str, Action] = {}
        self._reserved: dict[tuple[str, str], tuple[Allowance, ...]] = {}

    async def add(self, action: Action, record: LedgerRecord) -> None:
        self._refuse_twin(action)
        self._actions[action.id] = action
        self._ledger.append_now(action.tenant_id, record)

    async def get(self, tenant_id: str, action_id: str) -> Action:
        action = self._actions.get(action_id)
        if action is None or action.tenant_id != tenant_id:
            raise NotFound(f"There is no action {action_id}.")
        return action

    async def list_for(self, tenant_id: str, conversation_id: str) -> list[Action]:
        return self._where(lambda a: a.tenant_id == tenant_id and a.conversation_id == conversation_id)

    async def list_waiting(
        self, tenant_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Action]:
        return self._where(
            lambda a: a.tenant_id == tenant_id and a.status in _WAITING and (after is None or a.id > after)
        )[:limit]

    async def replace(
        self,
        action: Action,
        record: LedgerRecord,
        *,
        expected: ActionStatus,
        reserve: Sequence[Allowance] = (),
    ) -> None:
        await self._refuse_another_status(action, expected)
        self._reserve(action, reserve)
        if action.status is ActionStatus.FAILED and expected is not ActionStatus.APPROVED:
            self._reserved.pop((action.tenant_id, action.id), None)
        self._actions[action.id] = action
        self._ledger.append_now(action.tenant_id, record)

    async def supersede(
        self,
        old: Action,
        edited: LedgerRecord,
        new: Action,
        proposed: LedgerRecord,
        *,
        expected: ActionStatus,
    ) -> None:
        await self._refuse_another_status(old, expected)
        self._refuse_twin(new, besides=old.id)
        await self.replace(old, edited, expected=expected)
        await self.add(new, proposed)

    async def overdue(self, now: datetime) -> list[Action]:
        return self._where(lambda a: a.status in _WAITING and a.expires_at <= now)

    async def unresolved(self) -> list[Action]:
        return self._where(lambda a: a.status is ActionStatus.UNRESOLVED and not a.parked)

    async def unfinished(self) -> list[Action]:
        return self._where(lambda a: a.status in _UNFINISHED)

    async def in_flight(self, tenant_id: str, customer_id: str) -> list[Action]:
        return self._where(
            lambda a: (
                a.tenant_id == tenant_id
                and a.customer_id == customer_id
                and a.status in (*_UNFINISHED, ActionStatus.UNRESOLVED)
            )
        )

    def put(self, action: Action) -> None:
        """As somebody with access to the database would: no check, no record."""
        self._actions[action.id] = action

    def _reserve(self, action: Action, allowances: Sequence[Allowance]) -> None:
        counted = Counter[str]()
        for (tenant_id, _), earlier in self._reserved.items():
            if tenant_id == action.tenant_id:
                for allowance in earlier:
                    counted[allowance.counter] += allowance.amount_minor
        for allowance in allowances:
            if counted[allowance.counter] + allowance.amount_minor > allowance.at_most_minor:
                raise LimitReached(f"The limit for {allowance.limit} is reached.", hint="Ask a supervisor.")
        if allowances:
            self._reserved[action.tenant_id, action.id] = tuple(allowances)

    async def _refuse_another_status(self, action: Action, expected: ActionStatus) -> None:
        current = await self.get(action.tenant_id, action.id)
        if current.status is not expected:
            raise ActionNotOpen(f"The action is {current.status.value}, not {expected.value} any more.")

    def _refuse_twin(self, action: Action, besides: str | None = None) -> None:
        if action.id in self._actions or any(
            a.status.is_open
            and a.id != besides
            and a.tenant_id == action.tenant_id
            and a.fingerprint() == action.fingerprint()
            for a in self._actions.values()
        ):
            raise Conflict("The same action is open already.", hint="Decide on that one.")

    def _where(self, fits: Callable[[Action], bool]) -> list[Action]:
        return sorted((a for a in self._actions.values() if fits(a)), key=lambda a: a.id)
