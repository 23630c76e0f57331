"""The dashboard and the alerts ask for metrics that there are, and leave none of ours out."""

import json
import re
from pathlib import Path

import pytest
import yaml

from copilot.domain.assist import FeedbackVerdict

FOLDER = Path(__file__).resolve().parents[3] / "deploy/observability"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ASKED = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
SUFFIX = re.compile(r"_(?:bucket|count|sum|total|created)$")


def bare(name):
    return SUFFIX.sub("", name)


def named(expressions):
    return {bare(name) for expression in expressions for name in re.findall(r"copilot_\w+", expression)}


@pytest.fixture
async def told(client):
    """The names in /metrics, as a scraper sees them."""
    text = (await client.get("/metrics")).text
    return {bare(name) for name in re.findall(r"^# TYPE (copilot_\w+)", text, re.MULTILINE)}


async def test_every_metric_of_ours_is_on_the_dashboard_and_no_other(told):
    assert len(told) > 25
    assert named(ASKED) == told


async def test_alerts_ask_for_metrics_that_there_are_and_say_what_to_look_at(told):
    assert named(rule["expr"] for rule in RULES) <= told
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "look"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
    verdicts = set(re.findall(r"used|edited", " ".join(rule["expr"] for rule in RULES)))
    assert verdicts <= {verdict.value for verdict in FeedbackVerdict}


def test_panels_have_a_title_a_unit_and_a_place_of_their_own():
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)
    assert all(p["fieldConfig"]["defaults"]["unit"] and p["description"] for p in panels)
