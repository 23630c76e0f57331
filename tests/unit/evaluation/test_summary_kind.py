"""`copilot eval run summary`: the demo company's cases, and what a bad summary scores."""

import json
from pathlib import Path

from copilot.domain.wrap_up import Statement
from copilot.evaluation.kinds.kind import KindOptions
from copilot.evaluation.kinds.summary import SaidTurn, SummaryCase, SummaryKind, is_supported, summarise

CASES = Path(__file__).parents[3] / "evals" / "datasets" / "summaries.jsonl"
CASE = SummaryCase(
    id="kettle",
    turns=(
        SaidTurn(speaker="customer", text="My kettle cost $38 and is broken."),
        SaidTurn(speaker="representative", text="I will refund it tomorrow."),
    ),
    reference="The kettle is broken; it will be refunded tomorrow.",
    points=("kettle", "tomorrow"),
)


async def run(path, **options):
    return await SummaryKind().run(KindOptions(data=path, **options), lambda _done, _total: None)


async def test_the_demo_companys_cases_are_mostly_covered_and_never_invented():
    result = await run(CASES)
    assert result.refused == ()
    assert result.figures["cases"] >= 25
    assert result.figures["coverage"] >= 0.85
    assert result.figures["faithfulness"] == 1


async def test_a_malformed_line_is_refused_by_its_number(tmp_path):
    path = tmp_path / "summaries.jsonl"
    path.write_text(CASE.model_dump_json() + "\n" + json.dumps({"id": "no turns"}) + "\n")
    result = await run(path)
    assert result.figures["cases"] == 1
    assert [r.source for r in result.refused] == [f"{path}:2"]


def test_a_statement_that_its_turn_does_not_hold_is_not_supported():
    _, conversation = summarise(CASE)
    assert is_supported(Statement(text="The kettle is broken.", turn_ids=("turn_1",)), conversation)
    for text, turn in (
        ("The kettle cost $83 and is broken.", "turn_1"),
        ("The kettle is broken.", "turn_2"),
        ("The kettle is broken.", "turn_9"),
        ("Robin promised a voucher.", "turn_2"),
    ):
        assert not is_supported(Statement(text=text, turn_ids=(turn,)), conversation), text
