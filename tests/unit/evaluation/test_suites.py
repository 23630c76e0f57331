"""Suite files: what is wrong in one is named by file and line."""

import json
from pathlib import Path

import pytest

from copilot.adapters.yaml_files import load_playbooks
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.evaluation.kinds.registry import KINDS, kind_named
from copilot.evaluation.suites import load_suite, load_suites, named

ROOT = Path(__file__).parents[3]
GOOD = "name: mine\ntitle: Mine\nkind: pii\ndata: .\n"


def test_the_companys_suites_read_well_and_cover_their_data():
    suites = load_suites(ROOT / "evals/suites")

    assert {s.suite.name for s in suites} >= {"knowledge-search", "replies", "order-tools", "personal-data"}
    for loaded in suites:
        assert loaded.options.data.exists()
        for name, threshold in loaded.suite.thresholds.items():
            assert threshold.why, f"{loaded.suite.name} does not say why {name} is what it is"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "kinds: pii\n", ":5: unknown key 'kinds'; did you mean 'kind'?"),
        (GOOD.replace("pii", "pie"), ":3: there is no kind 'pie'"),
        (GOOD.replace("data: .", "data: gone.jsonl"), ":4: there is no 'gone.jsonl' beside the suite"),
        (GOOD + "thresholds:\n  recall: {}\n", ":6: thresholds.recall: Value error"),
        (GOOD + "system: {llm_modal: x}\n", ":5: there is no setting 'llm_modal'; did you mean 'llm_model'?"),
        (GOOD.replace("name: mine", "name: other"), ":1: the file is called 'mine.yaml'"),
        ("- a\n", ":1: expected keys and values"),
    ],
)
def test_what_is_wrong_is_named_by_line(tmp_path, text, said):
    file = tmp_path / "mine.yaml"
    file.write_text(text)

    with pytest.raises(ConfigurationError) as error:
        load_suite(file)

    assert f"{file}{said}" in str(error.value).replace("expected min, max or both", "Value error")


def test_a_name_that_is_none_is_answered_with_the_nearest():
    with pytest.raises(InvalidInput, match="did you mean 'replies'"):
        named(load_suites(ROOT / "evals/suites"), "replys")


def test_kinds_are_found_by_name():
    assert kind_named("pii").name == "pii"
    with pytest.raises(InvalidInput, match="there is no kind"):
        kind_named("pie")
    assert len(KINDS) >= 11


def test_what_intents_are_learned_from_is_what_the_playbooks_say():
    """After a change of the playbooks: write the file anew."""
    file = ROOT / "evals/datasets/customer-intents/train/playbooks.jsonl"
    learned = [json.loads(line) for line in file.read_text().splitlines()]

    playbooks = load_playbooks(ROOT / "knowledge/playbooks")

    assert learned == [{"intent": p.intent, "text": e} for p in playbooks for e in p.examples]
