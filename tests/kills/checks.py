"""Whether every promise was kept: the shop's book, the actions, the ledger, the index beside each other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import text
from tests.kills.shop import Written

from copilot.adapters.sql.action_store import SqlActionStore, _select
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sql.opening import knowledge_store, open_database
from copilot.adapters.sql.tenant_scope import working_for
from copilot.domain.actions import Action, ActionStatus
from copilot.tools.ledger import VerifiedLedger, verify_ledger

TENANT = "larkfield"
_SPENDS = (ActionStatus.EXECUTING, ActionStatus.SUCCEEDED, ActionStatus.UNRESOLVED)
_WAITING = (ActionStatus.PROPOSED, ActionStatus.AWAITING_SECOND_APPROVAL)
_UNFINISHED = (ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.UNRESOLVED)


@dataclass(frozen=True)
class Checked:
    problems: tuple[str, ...]
    actions: Mapping[str, int]
    failures: Mapping[str, int]
    """By what was said of actions that were approved and not carried out."""
    ledger_entries: int


async def unfinished(address: str) -> int:
    """Actions and jobs that still wait for somebody to drive them on."""
    async with await psycopg.AsyncConnection.connect(address) as connection:
        names = [status.value for status in _UNFINISHED]
        actions = await connection.execute("SELECT count(*) FROM actions WHERE status = ANY(%s)", [names])
        jobs = await connection.execute(
            "SELECT count(*) FROM ingest_jobs WHERE status = ANY(%s)", [["queued", "running"]]
        )
        return sum([(await rows.fetchone() or (0,))[0] for rows in (actions, jobs)])


async def check(address: str, owners: str, book: Sequence[Written], promised: Mapping[str, str]) -> Checked:
    """At rest. Clients were told of the `promised` actions that they are done; `owners` may read all rows."""
    database = await open_database(parse(address, "the harness'"))
    try:
        with working_for(TENANT):
            actions = await SqlActionStore(database)._fetch(_select())
        ledger = SqlLedgerStore(database)
        entries = [entry async for entry in ledger.entries(TENANT)]
        problems = refund_problems(actions, book, promised)
        problems += step_problems(actions, Counter((e.subject_id, e.kind) for e in entries))
        problems += await _counter_problems(database, actions)
        if not isinstance(verified := await verify_ledger(ledger, TENANT), VerifiedLedger):
            problems.append(f"the ledger is broken: {verified}")
        problems += await _index_problems(database, owners)
    finally:
        await database.close()
    failed = [a.result.error or "" for a in actions if a.status is ActionStatus.FAILED and a.result]
    return Checked(tuple(problems), Counter(a.status.value for a in actions), Counter(failed), len(entries))


def doubled(book: Iterable[Written]) -> list[str]:
    """Orders that were refunded more than once: each has one refund in it."""
    times = Counter(line.order_id for line in book if line.made)
    return [f"{order} was refunded {n} times" for order, n in times.items() if n > 1]


def refund_problems(
    actions: Sequence[Action], book: Sequence[Written], promised: Mapping[str, str]
) -> list[str]:
    """What is lost, doubled, or was done without anybody's consent."""
    found = doubled(book)
    made = {line.key: line for line in book if line.made}
    known = {action.id: action for action in actions}
    found += [f"{name}, done for {order}, is gone" for name, order in promised.items() if name not in known]
    for action in actions:
        found += _problems(action, made.pop(action.call.id, None), told=action.id in promised)
    return found + [f"{line.order_id} was refunded under the unknown key {key}" for key, line in made.items()]


def _problems(action: Action, refund: Written | None, *, told: bool) -> list[str]:
    name, done = f"{action.id} ({action.status.value})", action.status is ActionStatus.SUCCEEDED
    found = []
    if done and refund is None:
        found.append(f"{name} was lost: it has no refund")
    if told and not done:
        found.append(f"{name} was called done: {action.result}")
    if refund and not done:
        found.append(f"{name} has a refund")
    if refund and action.amount and refund.minor != action.amount.minor:
        found.append(f"{name} refunded {refund.minor}, approved was {action.amount.minor}")
    if refund and not action.approvals:
        found.append(f"{name} was refunded without an approval")
    if len({a.approver_id for a in action.approvals}) != len(action.approvals):
        found.append(f"{name} was approved twice by one person")
    if not (action.status.is_final or action.status in _WAITING):
        found.append(f"{name} did not end")
    return found


def step_problems(actions: Iterable[Action], steps: Counter[tuple[str, str]]) -> list[str]:
    """Every approval, execution and receipt stands in the ledger as often as it happened."""
    found = []
    for action in actions:
        if steps[action.id, "approval"] != len(action.approvals):
            found.append(f"{action.id} has {len(action.approvals)} approvals, not those of the ledger")
        once = int(action.status is ActionStatus.SUCCEEDED)
        if once and (steps[action.id, "execution"], steps[action.id, "receipt"]) != (1, 1):
            found.append(f"{action.id} has not one execution and one receipt in the ledger")
    return found


async def _counter_problems(database: Database, actions: Sequence[Action]) -> list[str]:
    spent = sum(a.amount.minor for a in actions if a.status in _SPENDS and a.amount)
    query = text(
        "SELECT sum(reserved_minor) FROM money_counters "
        "WHERE counter NOT LIKE 'call %' AND counter NOT LIKE '% by %'"
    )
    with working_for(TENANT):
        async with database.read() as connection:
            counted = await connection.scalar(query) or 0
    return [] if counted == spent else [f"the day's counter says {counted}, the actions {spent}"]


async def _index_problems(database: Database, owners: str) -> list[str]:
    stored = await knowledge_store(database).passage_ids(TENANT)
    async with await psycopg.AsyncConnection.connect(owners) as connection:
        tables = await connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'copilot_index'"
        )
        (table,) = [row[0] for row in await tables.fetchall()]
        rows = await connection.execute(f'SELECT id FROM copilot_index."{table}"')  # noqa: S608 - our own name
        indexed = {row[0] for row in await rows.fetchall()}
    if indexed == stored:
        return []
    return [f"{len(stored - indexed)} passages are not in the index, {len(indexed - stored)} too many are"]
