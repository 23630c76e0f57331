"""Figures beside what they should be, for people and, as the last line, for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a figure should be at most, or else at least."""

    figure: str
    limit: float
    at_most: bool = False

    def is_met(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit


def show(figures: Mapping[str, float], targets: Sequence[Target], *, as_json: bool) -> None:
    """Every figure, with the verdict on those that have a target."""
    wanted = {target.figure: target for target in targets}
    verdicts = {}
    for name, value in figures.items():
        line = f"{name:44} {value:12,.4g}"
        if (target := wanted.get(name)) is not None:
            verdicts[name] = target.is_met(value)
            sign = "≤" if target.at_most else "≥"
            line += f"   {sign} {target.limit:g}: {'met' if verdicts[name] else 'MISSED'}"
        print(line)
    if as_json:
        print(json.dumps({**figures, "met": verdicts}))
