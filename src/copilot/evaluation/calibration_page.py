"""A page with each metric's scatter plot against people's ratings, in one HTML file without scripts."""

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from copilot.evaluation.calibration import Calibration

# The plot's frame, as calibration.html.j2 draws it.
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 380, 40, 220
_COLOURS = ("#1f6feb", "#d1570a", "#2da44e", "#8250df", "#bf3989")


class Plot(NamedTuple):
    """`dots` are (x, y, colour) in the frame; the ends of both axes are as measured."""

    name: str
    dots: list[tuple[float, float, str]]
    models: list[tuple[str, str]]
    left: float
    right: float
    low: float
    high: float


def calibration_page(found: Calibration, dimension: str) -> str:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - costs start-up time

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"number": number, "interval": interval}
    source = files("copilot.evaluation").joinpath("calibration.html.j2").read_text(encoding="utf-8")
    plots = [plot(name, points) for name, points in found.points.items()]
    return environment.from_string(source).render(found=found, dimension=dimension, plots=plots)


def plot(name: str, points: Sequence[tuple[float, float, str]]) -> Plot:
    """`points` are (score, rating, model): score to the right, rating upwards, a colour a model."""
    scores, ratings = [p[0] for p in points] or [0.0], [p[1] for p in points] or [0.0]
    left, right, low, high = min(scores), max(scores), min(ratings), max(ratings)
    models = list(dict.fromkeys(model for *_, model in points))
    colours = {model: _COLOURS[place % len(_COLOURS)] for place, model in enumerate(models)}

    def place(value: float, least: float, most: float, start: int, end: int) -> float:
        return round(start + (value - least) / ((most - least) or 1.0) * (end - start), 1)

    dots = [
        (place(x, left, right, _LEFT, _RIGHT), place(y, low, high, _BOTTOM, _TOP), colours[model])
        for x, y, model in points
    ]
    return Plot(name, dots, list(colours.items()), left, right, low, high)


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(value: tuple[float, float] | None) -> str:
    return "–" if value is None else f"{value[0]:.3f} … {value[1]:.3f}"
