"""Plots that are drawn on the server."""

import re
from xml.etree import ElementTree as ET

from copilot.console.plots import Bar, Line, Point, bar_plot, line_plot

HOSTILE = '"><script>alert(1)</script>'


def drawn(plot):
    """Parsed, which fails unless it is well formed."""
    return ET.fromstring(str(plot))  # noqa: S314 - ours


def test_a_line_goes_up_where_its_values_do():
    plot = drawn(line_plot("Waits", [Line("p50", [Point("Mon", 1.0), Point("Tue", 2.0)], tone="first")]))
    low, high = plot.findall("circle")

    assert float(low.get("cx")) < float(high.get("cx"))
    assert float(low.get("cy")) > float(high.get("cy"))
    assert high.findtext("title") == "Tue: p50 2"


def test_one_point_alone_is_drawn_too():
    plot = drawn(line_plot("Waits", [Line("p50", [Point("Mon", 0.0)], tone="first")]))

    assert len(plot.findall("circle")) == 1


def test_small_differences_show_where_the_axis_need_not_begin_at_zero():
    line = [Line("f1", [Point("1", 0.90), Point("2", 0.91)], tone="first")]

    def heights(plot):
        return [float(dot.get("cy")) for dot in drawn(plot).findall("circle")]

    near, far = heights(line_plot("f1", line)), heights(line_plot("f1", line, from_zero=False))

    assert far[0] - far[1] > 10 * (near[0] - near[1]) > 0


def test_bars_have_one_scale():
    bars = [
        Bar("refunds", [("used", 3, "used"), ("edited", 1, "edited")]),
        Bar("other", [("used", 1, "used")]),
    ]
    widths = [float(part.get("width")) for part in drawn(bar_plot("Adoption", bars)).findall("rect")]

    assert widths[0] == 3 * widths[1] == 3 * widths[2]


def test_what_it_shows_is_text_and_never_markup():
    bars = bar_plot(HOSTILE, [Bar(HOSTILE, [(HOSTILE, 1, "used")])])
    lines = line_plot(HOSTILE, [Line(HOSTILE, [Point(HOSTILE, 1.0)], tone="first")])

    for plot in (bars, lines):
        assert "<script" not in plot
        assert drawn(plot).get("aria-label") == HOSTILE


def test_no_plot_brings_a_style_of_its_own():
    plot = line_plot("Waits", [Line("p50", [Point("Mon", 1.0), Point("Tue", 2.0)], tone="first")])

    assert not re.search(r"\bstyle=|<style|\bon\w+=", plot)
