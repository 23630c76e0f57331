"""Replays tau-bench's retail tasks from files: what `copilot tools replay` runs."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from copilot.adapters.fakes.action_store import FakeActionStore
from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.fakes.ledger_store import FakeLedgerStore
from copilot.adapters.fakes.order_system import OneOrderSystem
from copilot.adapters.tau_shop import TauShop, read_database
from copilot.domain.errors import ConfigurationError
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.limits import Limits
from copilot.tools.policy import PolicyEngine
from copilot.tools.replay import Expectation, ReplayDesk, Replayed, Task, all_allowed, replay
from copilot.tools.seals import Seals
from copilot.tools.tool import Json

_Row = TypeVar("_Row", Task, Expectation)
OnProgress = Callable[[int, int], None]
"""Tasks done, tasks in all."""
Choose = Callable[[Sequence[int]], Sequence[int]]
"""Of the tasks' places in their file, those to replay."""


@dataclass(frozen=True)
class _Line(Generic[_Row]):
    """One line of a file: a row, or what is wrong with it. `place` is file and line."""

    place: str
    row: _Row | None
    problem: str = ""


async def replay_files(
    database: Path,
    tasks: Path,
    expected: Path,
    on_progress: OnProgress = lambda _done, _total: None,
    *,
    choose: Choose = list,
    catalog: Catalog | None = None,
) -> list[Replayed]:
    """One result for each line of tasks that is chosen, each on a fresh shop in memory.

    A line that cannot be read is a result that has not passed, named by file and line; the others run. So
    does every expectation that cannot be read or belongs to no task. `ConfigurationError` when a whole file
    cannot be read, or the database is none.
    """
    shops = _Shops(read_database(database), catalog or Catalog())
    wanted, problems = _expectations(list(_lines(expected, Expectation)))
    lines = list(_lines(tasks, Task))
    chosen = set(choose(range(len(lines))))
    results: list[Replayed] = []
    seen: set[str] = set()
    for place, line in enumerate(lines):
        if place in chosen:
            results.append(await _replayed(line, wanted, seen, shops, expected))
            on_progress(len(results), len(chosen))
    known = {line.row.id for line in lines if line.row is not None}
    strangers = [f"{wanted[i].place}: there is no task {i}" for i in wanted if i not in known]
    return [*results, *(Replayed(p.split(": ")[0], (p,)) for p in (*problems, *strangers))]


async def _replayed(
    line: _Line[Task], wanted: dict[str, _Line[Expectation]], seen: set[str], shops: "_Shops", expected: Path
) -> Replayed:
    task = line.row
    if task is None:
        return Replayed(line.place, (f"{line.place}: {line.problem}",))
    if task.id in seen:
        return Replayed(task.id, (f"{line.place}: there is a task {task.id} already",))
    seen.add(task.id)
    if task.id not in wanted or (expectation := wanted[task.id].row) is None:
        return Replayed(task.id, (f"{expected}: there is no expected state for task {task.id}",))
    try:
        return await replay(task, expectation, shops.desk_for(task))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        return Replayed(task.id, (f"{line.place}: its rows in the database are not as expected ({why})",))


def _expectations(lines: list[_Line[Expectation]]) -> tuple[dict[str, _Line[Expectation]], list[str]]:
    by_id: dict[str, _Line[Expectation]] = {}
    problems = [f"{line.place}: {line.problem}" for line in lines if line.row is None]
    for line in lines:
        if line.row is None:
            continue
        if line.row.id in by_id:
            problems.append(f"{line.place}: there is an expected state for task {line.row.id} already")
        by_id.setdefault(line.row.id, line)
    return by_id, problems


class _Shops:
    """A shop, and all that stands around it, for every task."""

    def __init__(self, rows: Json, catalog: Catalog) -> None:
        self._rows, self._catalog, self._seals = rows, catalog, Seals(secrets.token_bytes(32))
        self._policy = PolicyEngine(
            [all_allowed(self._catalog)], {}, lambda text, _: text, require_signatures=False
        )

    def desk_for(self, task: Task) -> ReplayDesk:
        shop = TauShop(self._rows, address_only_while_pending=task.id.startswith("tau1-"))
        shops = OneOrderSystem(shop)
        clock, ids, limits, ledger = FixedClock(), SequentialIds(), Limits(), FakeLedgerStore()
        store = FakeActionStore(ledger)
        assessor = Assessor(self._catalog, shops, self._policy, store, clock)
        return ReplayDesk(
            self._catalog,
            shop,
            Approvals(assessor, store, ledger, clock, ids, limits, self._seals),
            Executor(assessor, shops, store, clock, ids, limits, self._seals),
            shop.changed,
        )


def _lines(path: Path, kind: type[_Row]) -> Iterator[_Line[_Row]]:
    """The rows of a JSON Lines file; `ConfigurationError` when the file itself cannot be read."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigurationError(
            f"cannot read it: {error.strerror}.", where=str(path), hint="Expected a JSON Lines file."
        ) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _read(line, f"{path}:{number}", kind)


def _read(line: bytes, place: str, kind: type[_Row]) -> _Line[_Row]:
    try:
        return _Line(place, kind.model_validate(json.loads(line)))
    except UnicodeDecodeError as error:
        return _Line(place, None, f"not UTF-8: byte {error.start + 1} of the line cannot be read")
    except json.JSONDecodeError as error:
        return _Line(place, None, f"not JSON: {error.msg} at character {error.pos + 1}")
    except RecursionError:
        return _Line(place, None, "not readable: nested too deeply")
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = "the field is missing" if first["type"] == "missing" else first["msg"]
        return _Line(place, None, f"{field}: {said}" if field else "expected a JSON object")
