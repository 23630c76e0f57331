"""The boundary through which every tool call passes: reads freely, changes only what people have sealed.

Exactly once: the intent (status `executing`) is durable before the first call leaves, every call of an action
carries the same idempotency key (the ToolCall's id), and the receipt is saved before anybody is told. A crash
anywhere leaves a state that `recover` drives on with that same key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from weakref import WeakValueDictionary

from copilot.domain.actions import (
    Action,
    ActionStatus,
    LedgerRecord,
    PolicyOutcome,
    ToolCall,
    ToolEffect,
    ToolResult,
)
from copilot.domain.errors import (
    ActionNotOpen,
    CopilotError,
    DependencyUnavailable,
    LimitReached,
    OutcomeUnknown,
    SealBroken,
)
from copilot.domain.value import Value
from copilot.ports import ActionStore, Clock, Ids, OrderSystems
from copilot.ports import trace_names as names
from copilot.ports.tracing import SpanKind, span, within
from copilot.tools import records
from copilot.tools.arguments import parse_arguments
from copilot.tools.assessment import Assessment, Assessor
from copilot.tools.identity import IdentityGuard
from copilot.tools.limits import Limits
from copilot.tools.seals import Seals
from copilot.tools.tool import Json, ReadTool, Session, WriteTool

_RECOVERED_AT_ONCE = 8
_TWO = 2


class Executor:
    """`sleep` waits between attempts; tests pass one that does not.

    `identity` counts look-ups of customers by what is claimed; without it (replays) nothing locks.
    """

    def __init__(
        self,
        assessor: Assessor,
        orders: OrderSystems,
        store: ActionStore,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        seals: Seals,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        identity: IdentityGuard | None = None,
    ) -> None:
        self._assessor = assessor
        self._catalog = assessor.catalog
        self._orders = orders
        self._store = store
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._seals = seals
        self._sleep = sleep
        self._identity = identity
        self._running: set[asyncio.Task[Action]] = set()
        self._customers: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def read(self, session: Session, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Runs a READ tool; what it refuses or fails at comes back as `ok=False` with a sentence.

        Raises `NotFound` for an unknown tool and `InvalidInput` for one that changes something.
        """
        read_tool = self._catalog.read_tool(tool)
        call = ToolCall(
            id=self._ids.new("call"), tool=tool, tool_version=read_tool.version, arguments=dict(arguments)
        )
        with _calling(call, ToolEffect.READ) as this:
            result = await self._read(session, read_tool, call)
            this.set({names.TOOL_OUTCOME: "succeeded" if result.ok else "failed"})
        return result

    async def _read(self, session: Session, read_tool: ReadTool[Any], call: ToolCall) -> ToolResult:
        arguments, tool = call.arguments, call.tool
        try:
            parsed = parse_arguments(read_tool.arguments, arguments, tool=tool)
            async with self._attempt(session, read_tool, parsed), asyncio.timeout(self._limits.call_seconds):
                data = await read_tool.run(self._orders.of(session.tenant_id), session, parsed)
        except CopilotError as error:
            return self._result(call, error=error.told)
        except TimeoutError:
            return self._result(call, error="The order system did not answer in time.")
        return self._result(call, data=data)

    async def execute(self, action: Action) -> Action:
        """Carries out an approved action and returns it as it ended: succeeded, failed or unresolved.

        It goes on when the caller goes away. Raises `SealBroken` when what is stored is not what was
        approved, `ActionNotOpen` when it is not approved (any more).
        """
        return await self._in_background(self._execute(action.tenant_id, action.id))

    async def recover(self) -> list[Action]:
        """Drives on what a stop left unfinished; call it at start-up, before new approvals come in."""
        gate = asyncio.Semaphore(_RECOVERED_AT_ONCE)

        async def one(action: Action) -> Action:
            async with gate:
                return await self.drive_on(action)

        return list(await asyncio.gather(*map(one, await self._store.unfinished())))

    async def drive_on(self, action: Action) -> Action:
        """An approved or executing action as it ends, or as it is when it cannot be driven on."""
        try:
            if action.status is ActionStatus.APPROVED:
                return await self.execute(action)
            return await self._in_background(self._resume(action.tenant_id, action.id))
        except CopilotError:
            return await self._store.get(action.tenant_id, action.id)

    async def reconcile(self, tenant_id: str, action_id: str) -> Action:
        """Looks once more for the receipt of an unresolved action; it stays unresolved when there is none."""
        action = await self._store.get(tenant_id, action_id)
        if action.status is not ActionStatus.UNRESOLVED:
            return action
        tool, arguments = self._parsed(action)
        found = await self._find_done(tool, arguments, action)
        return action if found is None else await self._finish(action, ActionStatus.SUCCEEDED, data=found)

    async def drain(self) -> None:
        """Waits for what is running; for an orderly stop."""
        await asyncio.gather(*self._running, return_exceptions=True)

    # ------------------------------------------------------------ from approved to executing

    async def _execute(self, tenant_id: str, action_id: str) -> Action:
        first = await self._store.get(tenant_id, action_id)
        # One at a time for each customer: two refunds must not both fit under a limit that holds only one.
        async with self._lock(first):
            action = await self._store.get(tenant_id, action_id)
            if action.status is not ActionStatus.APPROVED:
                raise ActionNotOpen(f"The action is {action.status.value}.", hint="It is not executed again.")
            await self._refuse_broken_seal(action)
            await self._refuse_expired(action)
            assessment = await self._assess_again(action)
            if isinstance(assessment, Action):
                return assessment
            executing = action.model_copy(
                update={"status": ActionStatus.EXECUTING, "decision": assessment.decision}
            )
            try:
                await self._begin(executing)
            except LimitReached as error:
                return await self._finish(action, ActionStatus.FAILED, error=error.told)
            return await self._drive(executing, uncertain=False)

    async def _begin(self, executing: Action) -> None:
        """From here on the call may leave: the intent and what it takes of the limits are durable."""
        now = self._clock.now()
        await self._store.replace(
            executing,
            records.execution(executing, now),
            expected=ActionStatus.APPROVED,
            reserve=self._limits.money.allowances(executing, now),
        )

    async def _refuse_broken_seal(self, action: Action) -> None:
        if (problem := self._seals.problem(action)) is None:
            return
        await self._finish(action, ActionStatus.FAILED, error=problem)
        raise SealBroken(problem, hint="Propose it again; nothing was done.")

    async def _refuse_expired(self, action: Action) -> None:
        if all(self._clock.now() < approval.expires_at for approval in action.approvals):
            return
        expired = action.model_copy(update={"status": ActionStatus.EXPIRED})
        await self._store.replace(
            expired, records.expiry(expired, self._clock.now()), expected=ActionStatus.APPROVED
        )
        raise ActionNotOpen("The approval has expired.", hint="Propose it again; nothing was done.")

    async def _assess_again(self, action: Action) -> Assessment | Action:
        """The assessment of this very moment, or the action as it ends when it does not hold any more."""
        try:
            assessment = await self._patiently(
                lambda: self._assessor.assess(
                    _session(action), action.call.tool, action.call.arguments, besides=action.id
                )
            )
        except CopilotError as error:
            return await self._finish(action, ActionStatus.FAILED, error=error.told)
        outcome = assessment.decision.outcome
        if outcome is PolicyOutcome.DENY:
            return await self._finish(action, ActionStatus.FAILED, error=assessment.decision.reason)
        if (assessment.arguments, assessment.plan.amount) != (action.call.arguments, action.amount):
            return await self._finish(
                action, ActionStatus.FAILED, error="The order has changed since this was approved."
            )
        if outcome is PolicyOutcome.NEEDS_SUPERVISOR and len(action.approvals) < _TWO:
            return await self._ask_second(action, assessment)
        return assessment

    async def _ask_second(self, action: Action, assessment: Assessment) -> Action:
        now = self._clock.now()
        waiting = action.model_copy(
            update={
                "status": ActionStatus.AWAITING_SECOND_APPROVAL,
                "decision": assessment.decision,
                "expires_at": min(a.expires_at for a in action.approvals),
            }
        )
        await self._store.replace(waiting, records.reopened(waiting, now), expected=ActionStatus.APPROVED)
        return waiting

    # ------------------------------------------------------------ from executing to an end

    async def _resume(self, tenant_id: str, action_id: str) -> Action:
        """An action whose call may have left before a stop: only its own key finds out."""
        first = await self._store.get(tenant_id, action_id)
        async with self._lock(first):
            action = await self._store.get(tenant_id, action_id)
            if action.status is not ActionStatus.EXECUTING:
                return action
            if (problem := self._seals.problem(action)) is not None:
                return await self._finish(action, ActionStatus.UNRESOLVED, error=problem)
            return await self._drive(action, uncertain=True)

    async def _drive(self, action: Action, *, uncertain: bool) -> Action:
        with _calling(action.call, action.effect) as this:
            ended = await self._call_until_known(action, uncertain=uncertain)
            this.set({names.TOOL_OUTCOME: ended.status.value})
        return ended

    async def _call_until_known(self, action: Action, *, uncertain: bool) -> Action:
        """Calls with the action's key until the outcome is known or patience ends."""
        tool, arguments = self._parsed(action)
        trouble = "The order system did not answer."
        for pause in self._pauses():
            if uncertain and (found := await self._find_done(tool, arguments, action)) is not None:
                return await self._finish(action, ActionStatus.SUCCEEDED, data=found)
            if uncertain and not tool.repeatable:
                break
            try:
                data = await self._call(tool, arguments, action)
            except OutcomeUnknown as error:
                uncertain, trouble = True, error.told
            except DependencyUnavailable as error:
                trouble = error.told
            except CopilotError as error:
                return await self._refused(tool, arguments, action, error.told, uncertain=uncertain)
            else:
                return await self._finish(action, ActionStatus.SUCCEEDED, data=data)
            await self._sleep(pause)
        if not uncertain:
            return await self._finish(action, ActionStatus.FAILED, error=f"Nothing was done. {trouble}")
        return await self._refused(
            tool, arguments, action, trouble, uncertain=True, otherwise=ActionStatus.UNRESOLVED
        )

    async def _call(self, tool: WriteTool[Any], arguments: Value, action: Action) -> Json:
        try:
            async with asyncio.timeout(self._limits.call_seconds):
                orders = self._orders.of(action.tenant_id)
                return await tool.run(orders, action.customer_id, arguments, key=action.call.id)
        except CopilotError:
            raise
        except TimeoutError as error:
            raise OutcomeUnknown("The order system did not answer in time.") from error
        except Exception as error:
            # A bug on the way back must not leave money in the dark: treat it as not knowing.
            raise OutcomeUnknown(f"The answer could not be read ({type(error).__name__}).") from error

    async def _refused(
        self,
        tool: WriteTool[Any],
        arguments: Value,
        action: Action,
        why: str,
        *,
        uncertain: bool,
        otherwise: ActionStatus = ActionStatus.FAILED,
    ) -> Action:
        """A refusal that follows an unknown outcome may be of the second call only: look before believing.

        Where nobody can look, the first call may have been carried out: that is for a person to find out.
        """
        if uncertain:
            try:
                found = await self._look(tool, arguments, action)
            except OutcomeUnknown:
                return await self._finish(action, ActionStatus.UNRESOLVED, error=why)
            if found is not None:
                return await self._finish(action, ActionStatus.SUCCEEDED, data=found)
        return await self._finish(action, otherwise, error=why)

    async def _find_done(self, tool: WriteTool[Any], arguments: Value, action: Action) -> Json | None:
        """The receipt, or None when there is none or nobody can say."""
        try:
            return await self._look(tool, arguments, action)
        except OutcomeUnknown:
            return None

    async def _look(self, tool: WriteTool[Any], arguments: Value, action: Action) -> Json | None:
        """The receipt, or None when there surely is none; `OutcomeUnknown` when nobody can say."""
        if tool.find_done is None:
            raise OutcomeUnknown(f"The order system keeps no receipts of {tool.name}.")
        try:
            async with asyncio.timeout(self._limits.call_seconds):
                orders = self._orders.of(action.tenant_id)
                return await tool.find_done(orders, arguments, key=action.call.id)
        except CopilotError as error:
            raise OutcomeUnknown(f"The receipts could not be read: {error.told}") from error
        except TimeoutError as error:
            raise OutcomeUnknown("The receipts could not be read in time.") from error

    async def _finish(
        self, action: Action, status: ActionStatus, *, data: Json | None = None, error: str | None = None
    ) -> Action:
        """Saves the receipt; when somebody else has finished the action first, theirs stands."""
        done = action.model_copy(
            update={"status": status, "result": self._result(action.call, data=data, error=error)}
        )
        return await self._replace(done, records.receipt(done, self._clock.now()), expected=action.status)

    async def _replace(self, action: Action, record: LedgerRecord, *, expected: ActionStatus) -> Action:
        try:
            await self._store.replace(action, record, expected=expected)
        except ActionNotOpen:
            return await self._store.get(action.tenant_id, action.id)
        return action

    # ------------------------------------------------------------ parts

    def _attempt(
        self, session: Session, tool: ReadTool[Any], arguments: Value
    ) -> AbstractAsyncContextManager[None]:
        if self._identity is None or tool.claims is None:
            return nullcontext()
        return self._identity.attempt(
            session.tenant_id,
            session.conversation_id,
            session.principal.id if session.principal else None,
            tool.claims(arguments),
        )

    def _parsed(self, action: Action) -> tuple[WriteTool[Any], Value]:
        tool = self._catalog.write_tool(action.call.tool)
        return tool, parse_arguments(tool.arguments, action.call.arguments, tool=tool.name)

    def _result(self, call: ToolCall, *, data: Json | None = None, error: str | None = None) -> ToolResult:
        return ToolResult(
            call=call, ok=error is None, data=data or {}, error=error, created_at=self._clock.now()
        )

    def _pauses(self) -> Iterator[float]:
        pause = self._limits.first_pause_seconds
        for _ in range(self._limits.attempts):
            yield pause
            pause = min(2 * pause, self._limits.longest_pause_seconds)

    async def _patiently(self, ask: Callable[[], Awaitable[Assessment]]) -> Assessment:
        """Asks again while the order system is down; asking changes nothing."""
        trouble = DependencyUnavailable("The order system did not answer.")
        for pause in self._pauses():
            try:
                async with asyncio.timeout(self._limits.call_seconds):
                    return await ask()
            except DependencyUnavailable as error:
                trouble = error
            except TimeoutError:
                pass
            await self._sleep(pause)
        raise trouble

    def _lock(self, action: Action) -> asyncio.Lock:
        return self._customers.setdefault((action.tenant_id, action.customer_id), asyncio.Lock())

    async def _in_background(self, work: Coroutine[Any, Any, Action]) -> Action:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


def _calling(call: ToolCall, effect: ToolEffect) -> within:
    return span(
        names.execute_tool(call.tool),
        SpanKind.CLIENT,
        {
            names.OPERATION: names.OPERATION_TOOL,
            names.TOOL_NAME: call.tool,
            names.TOOL_TYPE: "function",
            names.TOOL_CALL: call.id,
            names.EFFECT: effect.value,
        },
    )


def _session(action: Action) -> Session:
    return Session(
        tenant_id=action.tenant_id, conversation_id=action.conversation_id, customer_id=action.customer_id
    )
