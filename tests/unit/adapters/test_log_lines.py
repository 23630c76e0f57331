import io
import json
import logging

import pytest

from copilot.adapters.log_lines import JsonLines, TextLines, set_up_logs
from copilot.adapters.plain_tracing import PlainTracer
from copilot.assist.redaction import mask
from copilot.domain.errors import NotFound
from copilot.ports.tracing import Cause, caused_by, span, within

CARD = "4111 1111 1111 1111"


@pytest.fixture
def log():
    """The process's log, in a string, with the handlers of before afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("copilot")
    before = list(root.handlers), root.level, ours.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def lines(log: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_says_when_where_and_for_whom(log):
    set_up_logs(JsonLines(mask), "info", log)
    with within(PlainTracer().start("POST")) as root, caused_by(Cause(request_id="r1")) as cause:
        cause.note(tenant_id="larkfield", route="/v1/conversations")
        with span("turn"):
            logging.getLogger("copilot.assist").info("taken %d", 7)
    (line,) = lines(log)
    assert line.pop("time").endswith("+00:00")
    assert len(line.pop("span_id")) == 16
    assert line == {
        "level": "info",
        "logger": "copilot.assist",
        "message": "taken 7",
        "trace_id": root.trace_id,
        "request_id": "r1",
        "tenant_id": "larkfield",
        "route": "/v1/conversations",
    }


@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_an_error_is_told_without_its_words(log, form):
    set_up_logs(form(mask), "info", log)

    def look_up():
        try:
            int(f"Mia Li pays with {CARD}")
        except ValueError as error:
            raise NotFound("no such order of Mia Li") from error

    try:
        look_up()
    except NotFound:
        logging.getLogger("copilot.x").exception("the look-up failed")
    said = log.getvalue()
    assert "the look-up failed" in said
    assert "NotFound" in said
    assert "test_an_error_is_told_without_its_words" in said
    assert "Mia" not in said
    assert CARD not in said


def test_of_a_causing_error_the_class_and_the_place_are_told(log):
    set_up_logs(JsonLines(mask), "info", log)
    try:
        {}["Mia"]
    except KeyError:
        logging.getLogger("copilot.x").exception("failed")
    (line,) = lines(log)
    assert line["exception"]["type"] == "KeyError"
    assert line["exception"]["stack"][-1].startswith("unit/adapters/test_log_lines.py:")


def test_what_looks_like_personal_data_in_a_message_is_masked(log):
    set_up_logs(JsonLines(mask), "info", log)
    logging.getLogger("somebody.else").warning("refused %s", CARD)
    assert lines(log)[0]["message"] == "refused [CARD]"


def test_other_libraries_are_heard_from_warnings_on_and_ours_from_the_chosen_level(log):
    set_up_logs(JsonLines(mask), "warning", log)
    logging.getLogger("httpx").info("GET https://shop.example/?email=mia@example.com")
    logging.getLogger("copilot.access").info("request")
    logging.getLogger("copilot.x").warning("heard")
    assert [line["message"] for line in lines(log)] == ["heard"]


def test_a_line_for_people_stays_one_line(log):
    set_up_logs(TextLines(mask), "info", log)
    logging.getLogger("copilot.x").warning("first\nforged line", extra={"status": 404})
    (line,) = log.getvalue().splitlines()
    assert line.endswith(r"warning copilot.x first\nforged line status=404")
