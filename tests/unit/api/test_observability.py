"""The dashboard and the alerts ask for metrics that there are, and leave none of ours out."""

import json
import re
from pathlib import Path

import pytest
import yaml

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.probes import Probes
from copilot.api.readings import Readings
from copilot.bootstrap.vitals import Vitals
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


def test_somebody_is_woken_when_no_server_does_the_backgrounds_work():
    # A server that is gone has no metrics: a comparison would be silent, only their absence is told.
    (rule,) = [rule for rule in RULES if "copilot_background_work" in rule["expr"]]
    assert rule["expr"] == "absent(copilot_background_work == 1)"
    assert rule["labels"]["severity"] == "page"


@pytest.mark.parametrize("background", [True, False])
async def test_a_server_says_whether_it_does_the_backgrounds_work(background):
    vitals = Vitals(Probes([], FixedClock()), background=background)
    (reading,) = [m for m in Readings(vitals).collect() if m.name == "copilot_background_work"]
    assert [sample.value for sample in reading.samples] == [float(background)]


async def test_reads_that_could_not_be_put_on_record_are_counted():
    vitals = Vitals(Probes([], FixedClock()), lost={"audit": lambda: 3})
    (reading,) = [m for m in Readings(vitals).collect() if m.name == "copilot_queue_lost"]
    assert [(s.labels, s.value) for s in reading.samples if s.name.endswith("_total")] == [
        ({"queue": "audit"}, 3)
    ]


def test_panels_have_a_title_a_unit_and_a_place_of_their_own():
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)
    assert all(p["fieldConfig"]["defaults"]["unit"] and p["description"] for p in panels)
