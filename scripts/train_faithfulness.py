"""Fits when a reply counts as attributable, on folders or files in BEGIN's format; see `--help`.

Every figure is out-of-fold: folds are of source texts; the regularisation is chosen within each fold's own
rows (nested cross-validation).
"""

import argparse
import asyncio
from pathlib import Path

from copilot.evaluation.kinds.groundedness import (
    GroundednessRow,
    case_of,
    figures_of,
    product_embedder,
    read_rows,
)
from copilot.evaluation.metrics.faithfulness import Faithfulness, Reading
from copilot.evaluation.metrics.faithfulness_weights import fit

TARGET = Path(__file__).resolve().parent.parent / "src/copilot/evaluation/metrics/faithfulness_weights.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit when a reply counts as attributable to its source.")
    parser.add_argument("data", type=Path, help="a .jsonl file or a folder of them")
    parser.add_argument("--write", action="store_true", help="replace the weights that are shipped")
    options = parser.parse_args()
    rows, _ = read_rows(options.data)
    readings = asyncio.run(read(rows))
    names = sorted({row.source for row in rows if row.source})
    fitted = fit(
        [r.features for r in readings],
        [row.supported for row in rows],
        [row.contexts for row in rows],
        f"{options.data.name}: {len(rows)} rows ({', '.join(names)})",
    )
    figures = figures_of([case_of(row, r, fitted) for row, r in zip(rows, readings, strict=True)])
    print(f"out-of-fold over {len(rows)} rows; strengths {sorted({f.strength for f in fitted.folds})}")
    for name, value in figures.items():
        print(f"  {name:40} {value}")
    if options.write:
        TARGET.write_text(fitted.model_dump_json(indent=1) + "\n", encoding="utf-8")
        print(f"wrote {TARGET.name}")


async def read(rows: list[GroundednessRow]) -> list[Reading]:
    async with product_embedder() as embedder:
        return await Faithfulness(embedder).read_all([row.sample() for row in rows])


if __name__ == "__main__":
    main()
