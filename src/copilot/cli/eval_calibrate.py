"""`copilot eval calibrate`: how far metrics agree with people's ratings."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from copilot.evaluation.calibration import Calibration
    from copilot.evaluation.judges.endpoint import JudgeRecord

_DEFAULT = ("faithfulness", "attribution")
_FIRST = "faithfulness"
_BAD_INPUT = 2


def calibrate(
    data: Annotated[Path, typer.Option(help="A folder with judge_meta.jsonl, or a file of that format.")],
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric's name, as often as you like; `all` for every one.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="The judge's model; its endpoint is in the settings.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many answers.")] = None,
    seed: Annotated[int, typer.Option(help="Chooses the answers of --limit, and what is drawn again.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A folder for calibration.html with scatter plots.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The last line of stdout is one JSON object.")
    ] = False,
) -> None:
    """Compare metrics with human ratings: Spearman and Kendall with 95 % bootstrap intervals.

    Answers of the model "reference" are left out. Exit status 1 when a metric failed on some answers
    (each counts as 0), 2 when rows could not be read.
    """
    from copilot.evaluation.calibration_page import calibration_page  # noqa: PLC0415 - costs start-up time

    found, record, refused, dimension = asyncio.run(_calibrated(data, metric, judge, limit, seed))
    _print(found, record, refused, to_stderr=as_json)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "calibration.html").write_text(calibration_page(found, dimension), encoding="utf-8")
    if as_json:
        print(json.dumps(_plain(found, record, refused)))
    sys.exit(_BAD_INPUT if refused else 1 if found.errors else 0)


async def _calibrated(
    data: Path, chosen: list[str] | None, judge_model: str | None, limit: int | None, seed: int
) -> "tuple[Calibration, JudgeRecord | None, list[str], str]":
    import numpy as np  # noqa: PLC0415 - costs start-up time

    from copilot.bootstrap.models import open_embedder  # noqa: PLC0415
    from copilot.config import Settings  # noqa: PLC0415
    from copilot.evaluation.calibration import calibrate as compared  # noqa: PLC0415
    from copilot.evaluation.judges.settings import configured_judge  # noqa: PLC0415
    from copilot.evaluation.metrics.catalog import metric_names, metrics  # noqa: PLC0415
    from copilot.evaluation.rated_answers import dimensions_of, read_rated  # noqa: PLC0415

    rows, refused = read_rated(data)
    if limit is not None and limit < len(rows):
        rows = [rows[i] for i in sorted(np.random.default_rng(seed).choice(len(rows), limit, replace=False))]
    dimensions = sorted(dimensions_of(rows), key=lambda name: (name != _FIRST, name))
    names = list(chosen or _DEFAULT)
    if "all" in names:
        names = list(metric_names())
    settings = Settings()
    async with AsyncExitStack() as stack:
        embedder = open_embedder(settings)
        stack.callback(embedder.close)
        judge = await stack.enter_async_context(configured_judge(settings, judge_model, seed=seed))
        found = await compared(rows, metrics(names, embedder, judge), dimensions, seed=seed)
        record = judge.record if judge is not None else None
    return found, record, [f"{r.source}: {r.reason}" for r in refused], dimensions[0]


def _print(
    found: "Calibration", record: "JudgeRecord | None", refused: list[str], *, to_stderr: bool
) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs start-up time
    from rich.table import Table  # noqa: PLC0415

    from copilot.evaluation.calibration_page import interval, number  # noqa: PLC0415

    console = Console(stderr=to_stderr)
    console = console if console.is_terminal else Console(stderr=to_stderr, width=150)
    table = Table(
        "metric", "ratings of", "answers of", "n", "Spearman", "95 %", "95 % by conversation", "Kendall",
        title=f"Agreement with people on {found.answers} answers",
    )  # fmt: skip
    for a in found.agreements:
        table.add_row(
            a.metric, a.dimension, a.slice, str(a.answers), number(a.spearman), interval(a.interval),
            interval(a.by_conversation), number(a.kendall),
        )  # fmt: skip
    console.print(table)
    lines = [
        *(
            f"{n}: failed on {c} answers, each counts as 0; the first: {found.first_errors[n]}"
            for n, c in found.errors.items()
        ),
        *(f"{name}: not run: {why}" for name, why in found.not_run.items()),
        *(f"refused {line}" for line in refused),
        *found.notes,
    ]
    if record is not None:
        lines.append(
            f"judge {record.model}, seed {record.seed}: {record.calls} calls, {record.tokens} tokens, "
            f"${record.dollars:g}"
        )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _plain(found: "Calibration", record: "JudgeRecord | None", refused: list[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for a in found.agreements:
        if a.slice == "all":
            figures.setdefault(a.metric, {})[a.dimension] = {
                "spearman": a.spearman,
                "interval": a.interval,
                "interval_by_conversation": a.by_conversation,
                "kendall": a.kendall,
                "answers": a.answers,
            }
    slices = [a.model_dump() for a in found.agreements if a.slice != "all"]
    first = found.of(_FIRST, _FIRST)
    return {
        "kind": "calibrate",
        "answers": found.answers,
        "spearman": None if first is None else first.spearman,
        "figures": figures,
        "slices": slices,
        "errors": found.errors,
        "first_errors": found.first_errors,
        "not_run": found.not_run,
        "refused": refused,
        "judge": record.model_dump() if record is not None else None,
        "notes": list(found.notes),
    }
