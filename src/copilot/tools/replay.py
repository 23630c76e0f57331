"""Replays tasks whose right end state is known, through approvals and executor, with a scripted approver.

Tasks and expectations are those of tau-bench's retail domain: each task is a list of tool calls, each
expectation the orders and users that must have changed, and the calls that must have been refused.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from copilot.domain.access import Principal, Role
from copilot.domain.actions import ActionStatus, PolicyOutcome, ToolEffect
from copilot.domain.conditions import ALWAYS
from copilot.domain.errors import CopilotError, NotFound
from copilot.domain.policy import PolicyRule, PolicySet, RuleClause
from copilot.ports import OrderSystem
from copilot.tools.approvals import Approvals
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.tool import Json, Session

_APPROVER = Principal(id="script", tenant_id="replay", name="Scripted approver", role=Role.SUPERVISOR)
_LONGEST_SHOWN = 300
_ABSENT = object()
"""Stands for a key that is not there, which null is not."""


class _Row(BaseModel):
    """A line of a data set may hold more than we need."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class ReplayDesk:
    """A fresh shop with everything around it; `changed` gives the rows that differ from its beginning."""

    catalog: Catalog
    orders: OrderSystem
    approvals: Approvals
    executor: Executor
    changed: Callable[[], Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Replayed:
    task: str
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


class Call(_Row):
    name: str
    arguments: Json


class Task(_Row):
    """A task: the calls that a representative makes, in order."""

    id: str
    actions: tuple[Call, ...]


class Expectation(_Row):
    """What must have become of a task: rows that differ at its end, and calls that must be refused."""

    id: str
    expected_delta: dict[str, dict[str, Json]]
    errors: tuple[tuple[int, str], ...] = ()


async def replay(task: Task, expected: Expectation, desk: ReplayDesk) -> Replayed:
    """The task at a desk of its own; `problems` names every difference, field by field."""
    session = Session(
        tenant_id=_APPROVER.tenant_id,
        conversation_id=task.id,
        customer_id=await _customer_of(task, desk),
        principal=_APPROVER,
    )
    refused = [
        number
        for number, call in enumerate(task.actions)
        if not await _done(desk, session, call.name, call.arguments)
    ]
    should_be_refused = [number for number, _ in expected.errors]
    problems = []
    if refused != should_be_refused:
        problems.append(f"refused actions {refused}, expected {should_be_refused}")
    got, wanted = _comparable(desk.changed()), _comparable(expected.expected_delta)
    for table in sorted({*got, *wanted}):
        problems += _differences(table, got.get(table, {}), wanted.get(table, {}))
    return Replayed(task.id, tuple(problems))


def _differences(place: str, got: Any, wanted: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(got, Mapping) and isinstance(wanted, Mapping):
        for key in sorted({*got, *wanted}):
            yield from _differences(f"{place}.{key}", got.get(key, _ABSENT), wanted.get(key, _ABSENT))
    elif isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for number, (mine, theirs) in enumerate(zip(got, wanted, strict=True)):
            yield from _differences(f"{place}[{number}]", mine, theirs)
    elif got != wanted:
        yield f"{place}: got {_shown(got)}, expected {_shown(wanted)}"


def _shown(value: Any) -> str:  # noqa: ANN401
    text = "no change" if value is _ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


async def _customer_of(task: Task, desk: ReplayDesk) -> str | None:
    """Whom a representative would have verified: the one the task looks up, or whose order it is about."""
    for call in task.actions:
        name, arguments = call.name, call.arguments
        try:
            if name == "find_user_id_by_email":
                return (await desk.orders.find_customer_by_email(arguments["email"])).id
            if name == "find_user_id_by_name_zip":
                found = await desk.orders.find_customer_by_name_zip(
                    arguments["first_name"], arguments["last_name"], arguments["zip"]
                )
                return found.id
            if "order_id" in arguments:
                return (await desk.orders.get_order(arguments["order_id"])).customer_id
            if "user_id" in arguments:
                return (await desk.orders.get_customer(arguments["user_id"])).id
        except (NotFound, KeyError):
            continue
    return None


async def _done(desk: ReplayDesk, session: Session, name: str, arguments: Json) -> bool:
    try:
        if desk.catalog.get(name).effect is ToolEffect.READ:
            return (await desk.executor.read(session, name, arguments)).ok
        proposed = await desk.approvals.propose(session, name, arguments, revision=1)
        approved = await desk.approvals.approve(_APPROVER, proposed.id, proposed.digest)
        return (await desk.executor.execute(approved)).status is ActionStatus.SUCCEEDED
    except CopilotError:
        return False


def all_allowed(catalog: Catalog) -> PolicySet:
    """The replayed tasks obey a policy of their own; ours stays out of it."""
    rule = PolicyRule(
        id="replay.allow",
        tools=tuple(tool.name for tool in catalog if tool.effect is not ToolEffect.READ),
        outcome=PolicyOutcome.ALLOW,
        when=ALWAYS,
        because="replayed",
        clause=RuleClause(document="policy", version="1", clause="1"),
    )
    return PolicySet(policy="replay", title="Replay", rules=(rule,))


def _comparable(delta: Mapping[str, Json]) -> dict[str, Json]:
    """Without the id that tau-bench 2 repeats inside a user and tau-bench 1 does not: it is the key."""
    return {
        table: {key: {f: _rounded(v) for f, v in row.items() if f != "user_id"} for key, row in rows.items()}
        if table == "users"
        else _rounded(rows)
        for table, rows in delta.items()
    }


def _rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Amounts to two decimals: the reference sums floats."""
    if isinstance(value, Mapping):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return round(value, 2) if isinstance(value, float) else value
