"""Replays tasks whose right end state is known, through approvals and executor, with a scripted approver.

Tasks and expectations are those of tau-bench's retail domain: each task is a list of tool calls, each
expectation the orders and users that must have changed, and the calls that must have been refused.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.domain.access import Principal, Role
from copilot.domain.actions import ActionStatus, PolicyOutcome, ToolEffect
from copilot.domain.conditions import ALWAYS
from copilot.domain.errors import ConfigurationError, CopilotError, NotFound
from copilot.domain.policy import PolicyRule, PolicySet, RuleClause
from copilot.ports import OrderSystem
from copilot.tools.approvals import Approvals
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.tool import Json, Session

_APPROVER = Principal(id="script", tenant_id="replay", name="Scripted approver", role=Role.SUPERVISOR)


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


async def replay(
    tasks: Iterable[Json], expected: Iterable[Json], desk_for: Callable[[Json], ReplayDesk]
) -> list[Replayed]:
    """One result for each task, at the desk that `desk_for` makes it. Every task needs its expectation."""
    by_id = {row["id"]: row for row in expected}
    results = []
    for task in tasks:
        if task["id"] not in by_id:
            raise ConfigurationError(f"there is no expected state for task {task['id']}", where="expected")
        results.append(await _replay_task(task, by_id[task["id"]], desk_for(task)))
    return results


async def _replay_task(task: Json, expected: Json, desk: ReplayDesk) -> Replayed:
    session = Session(
        tenant_id=_APPROVER.tenant_id,
        conversation_id=task["id"],
        customer_id=await _customer_of(task, desk),
        principal=_APPROVER,
    )
    refused = [
        number
        for number, action in enumerate(task["actions"])
        if not await _done(desk, session, action["name"], action["arguments"])
    ]
    should_be_refused = [number for number, _ in expected["errors"]]
    problems = []
    if refused != should_be_refused:
        problems.append(f"refused actions {refused}, expected {should_be_refused}")
    got, wanted = _comparable(desk.changed()), _comparable(expected["expected_delta"])
    for table in sorted({*got, *wanted}):
        mine, theirs = got.get(table, {}), wanted.get(table, {})
        problems += [
            f"{table} {key} differs" for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key)
        ]
    return Replayed(task["id"], tuple(problems))


async def _customer_of(task: Json, desk: ReplayDesk) -> str | None:
    """Whom a representative would have verified: the one the task looks up, or whose order it is about."""
    for action in task["actions"]:
        arguments = action["arguments"]
        try:
            if action["name"] == "find_user_id_by_email":
                return (await desk.orders.find_customer_by_email(arguments["email"])).id
            if action["name"] == "find_user_id_by_name_zip":
                found = await desk.orders.find_customer_by_name_zip(
                    arguments["first_name"], arguments["last_name"], arguments["zip"]
                )
                return found.id
            if "order_id" in arguments:
                return (await desk.orders.get_order(arguments["order_id"])).customer_id
            if "user_id" in arguments:
                return (await desk.orders.get_customer(arguments["user_id"])).id
        except NotFound:
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


def read_lines(path: Path) -> Iterator[Json]:
    """The objects of a JSON Lines file; `ConfigurationError` names the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read it: {error}", where=str(path), hint="Expected UTF-8."
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"not JSON: {error}", where=f"{path}:{number}") from error
        if not isinstance(row, dict):
            raise ConfigurationError("expected a JSON object", where=f"{path}:{number}")
        yield row


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
