"""Plots as inline SVG: drawn here, coloured by the style sheet, with no script and no style of their own.

Each stands beside a table of the same figures, so the drawing itself is one image to a screen reader.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 900, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26
_TICKS = 4
_ROW, _BAR, _NAMES = 30, 16, 170
_MOST_LABELS = 6
_MARGIN = 0.1


@dataclass(frozen=True)
class Point:
    label: str
    value: float


@dataclass(frozen=True)
class Line:
    """`tone` is a class of the style sheet: first, second, limit."""

    name: str
    points: Sequence[Point]
    tone: str


@dataclass(frozen=True)
class Bar:
    """One row: (what, how many, tone) side by side, in the order given."""

    name: str
    parts: Sequence[tuple[str, float, str]]


def line_plot(title: str, lines: Sequence[Line], *, from_zero: bool = True) -> Markup:
    """Lines over the labels of the first.

    The axis begins at zero, or below where a value is; without `from_zero`, a little below the least value.
    """
    values = [point.value for line in lines for point in line.points]
    low, high = min(values), max(values)
    margin = 0.0 if from_zero else (high - low) * _MARGIN or abs(high) * _MARGIN
    low, high = min(0.0, low) if from_zero else low - margin, high + margin
    span = (high - low) or 1.0
    steps = max(1, len(lines[0].points) - 1)

    def x(number: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (number / steps if len(lines[0].points) > 1 else 0.5)

    def y(value: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / span)

    drawn = [*_grid(low, span, y), *_labels([p.label for p in lines[0].points], x)]
    for line in lines:
        places = [(x(number), y(point.value)) for number, point in enumerate(line.points)]
        path = " ".join(f"{'L' if n else 'M'}{px:.1f} {py:.1f}" for n, (px, py) in enumerate(places))
        drawn.append(Markup('<path class="line {}" d="{}" fill="none"></path>').format(line.tone, path))
        if line.tone != "limit":
            for (px, py), point in zip(places, line.points, strict=True):
                drawn.append(
                    Markup(
                        '<circle class="dot {}" cx="{}" cy="{}" r="3"><title>{}: {} {}</title></circle>'
                    ).format(
                        line.tone, f"{px:.1f}", f"{py:.1f}", point.label, line.name, f"{point.value:.4g}"
                    )
                )
    return _svg(title, WIDTH, HEIGHT, drawn)


def bar_plot(title: str, bars: Sequence[Bar]) -> Markup:
    """A row for each bar, its parts side by side, all to one scale."""
    most = max((sum(value for _, value, _ in bar.parts) for bar in bars), default=0) or 1
    room = WIDTH - _NAMES - _RIGHT
    drawn = []
    for row, bar in enumerate(bars):
        top = row * _ROW + (_ROW - _BAR) // 2
        name = bar.name if len(bar.name) <= 24 else f"{bar.name[:23]}…"  # noqa: PLR2004 - as wide as _NAMES
        drawn.append(
            Markup('<text class="label" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _NAMES - 10, top + _BAR - 3, name
            )
        )
        left = float(_NAMES)
        for what, value, tone in bar.parts:
            width = room * value / most
            if value:
                drawn.append(
                    Markup(
                        '<rect class="part {}" x="{}" y="{}" width="{}" height="{}">'
                        "<title>{}: {} {}</title></rect>"
                    ).format(tone, f"{left:.1f}", top, f"{width:.1f}", _BAR, bar.name, what, f"{value:g}")
                )
            left += width
    return _svg(title, WIDTH, max(1, len(bars)) * _ROW, drawn)


def _svg(title: str, width: int, height: int, drawn: Sequence[Markup]) -> Markup:
    return Markup('<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        title, width, height, Markup("").join(drawn)
    )


def _grid(low: float, span: float, y: Callable[[float], float]) -> Iterator[Markup]:
    for tick in range(_TICKS + 1):
        value = low + span * tick / _TICKS
        place = f"{y(value):.1f}"
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"></line>').format(
            _LEFT, WIDTH - _RIGHT, place, place
        )
        yield Markup('<text class="label" x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT - 6, f"{y(value) + 4:.1f}", f"{value:.3g}"
        )


def _labels(names: Sequence[str], x: Callable[[int], float]) -> Iterator[Markup]:
    """As many as have room."""
    every = max(1, -(-len(names) // _MOST_LABELS))
    for number in range(0, len(names), every):
        last = number == len(names) - 1
        anchor = "middle" if len(names) == 1 else "start" if number == 0 else "end" if last else "middle"
        yield Markup('<text class="label" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            f"{x(number):.1f}", HEIGHT - 8, anchor, names[number]
        )
