"""`copilot policy`: proving, signing and drafting rules from the command line."""

import json
import shutil

import pytest
from tests.unit.knowledge.scenario import ROOT
from typer.testing import CliRunner

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.adapters.loaders.folder import read_document
from copilot.assist.policy_drafting import draft_rules, rules_schema
from copilot.cli.app import build_app
from copilot.cli.policy import proven_by_loader

TOOLS = ("refund_order", "cancel_pending_order")


def run(*arguments, status=0):
    result = CliRunner().invoke(build_app(), ["policy", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.stdout


@pytest.fixture
def knowledge(tmp_path):
    """The demo company's rules and the documents they come from."""
    shutil.copytree(ROOT / "knowledge" / "policies", tmp_path / "policies")
    for topic in ("account", "refunds", "returns", "payments", "shipping"):
        shutil.copytree(ROOT / "knowledge" / "articles" / topic, tmp_path / "articles" / topic)
    return tmp_path


def reword(folder, old, new, file="articles/refunds/refunds-policy.md"):
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_demo_companys_rules_stand():
    assert run("check", ROOT / "knowledge").endswith("76 rules in 5 sets: 0 wrong, 0 need review.\n")


def test_a_changed_clause_flags_its_rules_until_they_are_signed_again(knowledge):
    reword(knowledge, "up to $50 per order", "up to $40 per order")
    said = run("check", knowledge, status=1)
    flagged = {line.split()[3].rstrip(":") for line in said.splitlines() if line.startswith("needs review")}
    assert flagged == {
        "refunds.goodwill.v2",
        "refunds.goodwill-over.v2",
        "refunds.goodwill-again.v2",
        "refunds.no-reason.v2",
    }
    assert "refunds.yaml: signed by Kim" in run("sign", "--name", "Kim", knowledge)
    assert run("check", knowledge).endswith("0 wrong, 0 need review.\n")
    assert "refunds.yaml: signed by Kim already" in run("sign", "--name", "Lee", knowledge)


def test_a_clause_that_is_gone_is_wrong_and_cannot_be_signed(knowledge):
    (knowledge / "articles" / "refunds" / "refunds-policy.v1.md").unlink()
    said = run("check", knowledge, status=1)
    assert "wrong: rule refunds.late.v1: there is no clause 3.5 in refunds-policy version 1" in said
    before = {p.name: p.read_bytes() for p in (knowledge / "policies").iterdir()}
    refused = CliRunner().invoke(build_app(), ["policy", "sign", "--name", "Kim", str(knowledge)])
    assert "nothing was signed" in str(refused.exception)
    assert {p.name: p.read_bytes() for p in (knowledge / "policies").iterdir()} == before


def test_rules_changed_after_signing_are_wrong(knowledge):
    reword(knowledge, "more_than: 20000", "more_than: 25000", "policies/refunds.yaml")
    said = run("check", knowledge, status=1)
    assert "the example of rule 'refunds.supervisor.v2' expects needs_supervisor" in said
    reword(knowledge, "call.amount_minor: 20001", "call.amount_minor: 25001", "policies/refunds.yaml")
    said = run("check", knowledge, status=1)
    assert "wrong: policy refunds: the rules are not the ones Dana Whitfield" in said


def test_without_a_language_model_drafting_says_so(monkeypatch):
    monkeypatch.delenv("COPILOT_LLM_BASE_URL", raising=False)
    document = ROOT / "knowledge" / "articles" / "returns" / "cancellation-policy.md"
    result = CliRunner().invoke(build_app(), ["policy", "draft", str(document)])
    assert "needs a language model, and none is configured" in str(result.exception)


# ---------------------------------------------------------------- drafting


def proposal(**changes):
    return {
        "id": "cancel.pending",
        "clause": "1.1",
        "tools": ["cancel_pending_order"],
        "outcome": "allow",
        "when": [{"fact": "order.status", "comparison": "is", "value": "pending"}],
        "because": "The order is still {{ order.status }}",
        "examples": [
            {"given": [{"fact": "order.status", "value": "pending"}], "expect": "allow"},
            {"given": [{"fact": "order.status", "value": "shipped"}], "expect": "nothing"},
        ],
    } | changes


@pytest.fixture
def drafted(tmp_path):
    """What becomes of a model's answer to the first clause; of the others it makes nothing."""
    (document,) = read_document(ROOT / "knowledge" / "articles" / "returns" / "cancellation-policy.md")

    async def ask(*rules, answer=None):
        first = json.dumps({"rules": rules}) if answer is None else answer
        model = ScriptedChatModel(first, '{"rules": []}')
        return await draft_rules(model, document, TOOLS, lambda rule: proven_by_loader(rule, tmp_path))

    return ask


async def test_a_good_proposal_is_offered_with_the_documents_clause_version_and_validity(drafted):
    found = await drafted(proposal())
    (rule,) = found.rules
    assert rule.clause.key == ("cancellation-policy", "1", "1.1")
    assert str(rule.valid_from) == "2024-06-01"
    assert found.refused == ()
    assert found.silent == ("1.2", "1.3", "1.4")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"clause": "9.9"}, "there is no clause 9.9"),
        ({"tools": ["wire_money"]}, "there is no tool wire_money"),
        ({"tools": []}, "tools: Tuple should have at least 1 item"),
        ({"id": "Not An Id"}, "id: String should match"),
        ({"outcome": "maybe"}, "outcome: Input should be"),
        ({"when": [{"fact": "order.mood", "comparison": "is", "value": "good"}]}, "no example shows|mood"),
        ({"examples": []}, "no example shows the rule speak"),
        ({"because": "{{ order.carrier }}"}, "may be unknown here"),
        ({"because": "{% for %}"}, "does not parse"),
        ({"when": "always"}, "it has not the form of a rule"),
        (
            {"examples": [{"given": [{"fact": "order.status", "value": "shipped"}], "expect": "allow"}]},
            "expects allow, the rule says nothing",
        ),
    ],
)
async def test_a_proposal_that_does_not_hold_is_listed_with_the_reason(drafted, changes, why):
    found = await drafted(proposal(**changes))
    assert found.rules == ()
    (refused,) = found.refused
    assert any(part in refused.why for part in why.split("|")), refused.why


async def test_two_rules_of_one_id_are_not_both_offered(drafted):
    found = await drafted(proposal(), proposal())
    assert len(found.rules) == 1
    assert "has this id already" in found.refused[0].why


@pytest.mark.parametrize("answer", ["nonsense", "[]", '{"rules": 7}', "null"])
async def test_an_answer_without_rules_is_listed(drafted, answer):
    found = await drafted(answer=answer)
    assert found.rules == ()
    assert found.refused[0].why.startswith("the model's answer")


def test_the_form_asked_of_the_model_names_only_what_rules_may_speak_of():
    schema = json.dumps(rules_schema(TOOLS))
    assert "refund_order" in schema
    assert "policy.outcome" not in schema
    assert "customer.email" not in schema
