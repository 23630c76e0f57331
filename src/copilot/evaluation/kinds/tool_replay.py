"""`tool-replay`: tau-bench's retail tasks through our approvals and executor, against their end states."""

import re
from collections.abc import Sequence

from copilot.adapters.tau_shop import read_database
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.evaluation.kinds.cases import mean, rounded
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import nothing_to_score, sample
from copilot.evaluation.tau_replay import replay_files
from copilot.tools.catalog import Catalog
from copilot.tools.replay import Replayed

_FILES = ("db.json", "tasks.jsonl", "expected_state.jsonl")
_WHAT = f"a folder with {', '.join(_FILES)}"
_BENCHMARK = re.compile(r"tau\d")
_PLACE = re.compile(r":\d+$")


class ToolReplayKind:
    """The share of tasks whose changed orders and users, and whose refusals, are the expected ones."""

    name = "tool-replay"

    def __init__(self, catalog: Catalog | None = None) -> None:
        """`catalog` holds the tools under test; ours where it is not given."""
        self._catalog = catalog

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        database, tasks, expected = (options.data / name for name in _FILES)
        if missing := [path.name for path in (database, tasks, expected) if not path.is_file()]:
            raise InvalidInput(
                f"there is no {missing[0]}.", where=str(options.data), hint=f"Expected {_WHAT}."
            )
        try:
            read_database(database)
            results = await replay_files(
                database,
                tasks,
                expected,
                on_progress,
                choose=lambda places: sample(places, options.limit, options.seed),
                catalog=self._catalog,
            )
        except ConfigurationError as error:
            raise InvalidInput(error.message, where=error.where, hint=error.hint) from error
        # What belongs to no task that could be read is named by its place, not by a task.
        refused = [_refusal(result) for result in results if _PLACE.search(result.task)]
        played = [result for result in results if not _PLACE.search(result.task)]
        if not played:
            raise nothing_to_score(options.data, refused, _WHAT)
        cases = _cases(played)
        figures = {"task_success": mean(cases, "task_success"), "tasks": float(len(cases))}
        for benchmark in sorted({case.slices["benchmark"] for case in cases}):
            figures[f"task_success_{benchmark}"] = mean(cases, "task_success", benchmark=benchmark)
        return KindResult(figures=rounded(figures), cases=tuple(cases), refused=tuple(refused))


def _cases(results: Sequence[Replayed]) -> list[CaseResult]:
    return [
        CaseResult(
            id=result.task,
            scores={"task_success": float(result.passed)},
            slices={"benchmark": found[0] if (found := _BENCHMARK.match(result.task)) else "own"},
            evidence={"differences": list(result.problems)} if result.problems else {},
        )
        for result in results
    ]


def _refusal(result: Replayed) -> Refusal:
    reason = result.problems[0].removeprefix(f"{result.task}: ")
    return Refusal(source=result.task, reason=reason)
