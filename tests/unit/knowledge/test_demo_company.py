"""The demo company's playbooks, policies, customers and recorded conversations agree with each other."""

import re
from datetime import UTC

import pytest
import yaml
from tests.unit.knowledge.scenario import NOW, ROOT, load, scenario
from tests.unit.tools.rules import render_text

from copilot.adapters.loaders.folder import read_document
from copilot.adapters.yaml_files import load_conversations, load_macros, load_playbooks, load_policies
from copilot.domain.commerce import Money
from copilot.domain.policy import clauses_of
from copilot.tools.arguments import REASONS_WITH_RETURN
from copilot.tools.catalog import Catalog
from copilot.tools.facts import call_facts, order_facts
from copilot.tools.policy import PolicyEngine

PLAYBOOKS = load_playbooks(ROOT / "knowledge" / "playbooks")
POLICIES = load_policies(ROOT / "knowledge" / "policies")
MACROS = load_macros(ROOT / "knowledge" / "macros")
CONVERSATIONS = load_conversations(ROOT / "evals" / "conversations")
ORDERS = scenario()
POLICY_DOCUMENTS = [
    document
    for path in sorted((ROOT / "knowledge" / "articles").glob("*/*-policy*.md"))
    for document in read_document(path)
]
ENGINE = PolicyEngine(POLICIES, {}, render_text)
RETURN, REFUND, CANCEL = "return_delivered_order_items", "refund_order", "cancel_pending_order"


def luhn_holds(digits: str) -> bool:
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def decide(order_id: str, tool: str, amount: str | None = None, reason: str | None = None):
    """The decision on a call about the scenario's order, its first item in question."""
    customer, order = ORDERS[order_id]
    money = Money.of(amount) if amount else None
    mine = [o for c, o in ORDERS.values() if c.id == customer.id]
    past = sum(r.amount.minor for o in mine for r in o.refunds if r.reason not in REASONS_WITH_RETURN)
    facts = order_facts(customer, order, order.items[0], NOW) | call_facts(
        money, reason, past + (money.minor if money else 0)
    )
    return ENGINE.decide(tool, facts, order.placed_at.astimezone(UTC).date(), NOW)


def test_enough_is_there():
    assert len(PLAYBOOKS) >= 18
    assert all(len(p.examples) >= 20 for p in PLAYBOOKS)
    assert len(CONVERSATIONS) >= 32
    assert len({c.id for c, _ in ORDERS.values()}) >= 25
    assert {c.channel.value for c in CONVERSATIONS} == {"chat", "email", "phone"}
    assert all(len(rule.examples) >= 2 for p in POLICIES for rule in p.rules)
    assert all(
        {e.expect for e in rule.examples} >= {rule.outcome, None} for p in POLICIES for rule in p.rules
    )


def test_no_utterance_is_an_example_of_two_intents():
    owners: dict[str, str] = {}
    for playbook in PLAYBOOKS:
        for example in playbook.examples:
            assert owners.setdefault(example.lower(), playbook.intent) == playbook.intent


def test_replies_state_no_number_of_their_own():
    for playbook in PLAYBOOKS:
        for text in [r.text for r in playbook.replies] + [s.say or "" for s in playbook.steps]:
            outside = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text)
            assert not re.search(r"\d", outside), (playbook.intent, text)


def test_saved_replies_state_no_number_of_their_own_and_are_found_by_examples():
    assert len(MACROS) >= 12
    for macro in MACROS:
        assert not re.search(r"\d", re.sub(r"\{\{.*?\}\}", "", macro.text)), macro.id
        assert macro.examples, macro.id


def test_every_sentence_of_a_reply_has_its_own_line():
    for playbook in PLAYBOOKS:
        for reply in playbook.replies:
            for line in reply.text.splitlines():
                assert not re.search(r"[.?!] +[A-Z]", line), (playbook.intent, line)


def test_playbooks_and_policies_name_tools_of_the_catalog():
    catalog = Catalog()
    named = {s.tool for p in PLAYBOOKS for s in p.steps if s.tool}
    governed = {tool for p in POLICIES for rule in p.rules for tool in rule.tools}
    assert {tool for tool in named | governed if tool not in catalog} == set()
    writing = {tool.name for tool in catalog if tool.effect != "read"}
    assert writing - governed == set()


def test_playbooks_fill_arguments_that_their_tools_have():
    for playbook in PLAYBOOKS:
        for step in playbook.steps:
            if step.tool:
                fields = Catalog().get(step.tool).arguments.model_fields
                assert step.arguments.keys() <= fields.keys(), (playbook.intent, step.id)


def test_order_numbers_carry_their_check_digit():
    for order_id in ORDERS:
        assert re.fullmatch(r"LF-\d{7}", order_id)
        assert luhn_holds(order_id.removeprefix("LF-")), order_id


def test_orders_are_of_the_catalogue_and_of_the_customers_own_methods():
    products = load("products.yaml")
    ids = [v["item_id"] for p in products for v in p["variants"]] + [p["id"] for p in products]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"\d{10}", i) for i in ids)
    for customer, order in ORDERS.values():
        assert order.payments[0].payment_method_id in {m.id for m in customer.payment_methods}
        assert order.refundable.minor >= 0
        dates = [d for d in (order.placed_at, order.shipped_at, order.delivered_at) if d]
        assert dates == sorted(dates), order.id
        assert (order.delivered_at is not None) == (order.status in ("delivered", "return requested")), (
            order.id
        )


def test_conversations_speak_of_intents_tools_and_customers_that_exist():
    intents = {p.intent for p in PLAYBOOKS}
    dispositions = {p.disposition for p in PLAYBOOKS}
    catalog = Catalog()
    emails = {c.email for c, _ in ORDERS.values()}
    for conversation in CONVERSATIONS:
        assert conversation.crm_customer is None or conversation.crm_customer in emails
        if conversation.wrap_up:
            assert conversation.wrap_up.disposition in dispositions, conversation.id
        for turn in conversation.turns:
            said = f"{turn.customer or ''} {turn.verify.order_id if turn.verify else ''}"
            assert set(re.findall(r"LF-\d{7}", said)) <= ORDERS.keys(), conversation.id
            for tool in (turn.approve, turn.approve_as_supervisor, turn.reject):
                assert tool is None or tool in catalog
            if turn.expect:
                assert turn.expect.intent is None or turn.expect.intent in intents, conversation.id
                assert turn.expect.action is None or turn.expect.action in catalog


@pytest.mark.parametrize(
    ("order_id", "tool", "amount", "reason", "outcome", "clause"),
    [
        ("LF-1004829", REFUND, "49.00", "damaged_or_defective", "allow", "returns-policy §4.1"),
        ("LF-1004829", REFUND, "60.00", "damaged_or_defective", "deny", "refunds-policy §3.1"),
        ("LF-1005172", RETURN, None, None, "allow", "returns-policy §3.2"),
        ("LF-1005339", RETURN, None, None, "deny", "returns-policy §3.2"),
        ("LF-1005495", RETURN, None, None, "allow", "returns-policy §3.3"),
        ("LF-0902205", RETURN, None, None, "deny", "returns-policy §3.2"),
        ("LF-0902312", RETURN, None, None, "allow", "returns-policy §3.3"),
        ("LF-1005669", REFUND, "159.00", "lost_parcel", "allow", "refunds-policy §3.4"),
        ("LF-1005727", REFUND, "14.95", "late_delivery", "allow", "refunds-policy §3.5"),
        ("LF-1005727", REFUND, "15.00", "late_delivery", "deny", "refunds-policy §3.5"),
        ("LF-1005883", REFUND, "6.95", "late_delivery", "deny", "refunds-policy §3.5"),
        ("LF-1005941", RETURN, None, None, "deny", "returns-policy §3.4"),
        ("LF-1006097", RETURN, None, None, "allow", "returns-policy §3.2"),
        ("LF-1007459", CANCEL, None, None, "allow", "cancellation-policy §1.1"),
        ("LF-1007699", CANCEL, None, None, "deny", "cancellation-policy §1.2"),
        ("LF-1007160", CANCEL, None, None, "deny", "cancellation-policy §1.3"),
        ("LF-1006154", REFUND, "39.00", "damaged_or_defective", "deny", "refunds-policy §4.2"),
        ("LF-1006154", RETURN, None, None, "deny", "refunds-policy §4.2"),
        ("LF-1006212", REFUND, "329.00", "damaged_or_defective", "needs_supervisor", "refunds-policy §3.3"),
        ("LF-0902288", REFUND, "189.00", "damaged_or_defective", "needs_supervisor", "refunds-policy §3.3"),
        ("LF-1006378", REFUND, "69.00", "damaged_or_defective", "allow", "returns-policy §4.1"),
        ("LF-1006436", REFUND, "20.00", "goodwill", "allow", "refunds-policy §3.2"),
        ("LF-1006436", REFUND, "80.00", "goodwill", "deny", "refunds-policy §3.2"),
        ("LF-0902155", REFUND, "40.00", "goodwill", "deny", "refunds-policy §3.2"),
        ("LF-0902155", REFUND, "20.00", "goodwill", "allow", "refunds-policy §3.2"),
        ("LF-1007012", REFUND, "40.00", "goodwill", "needs_supervisor", "refunds-policy §3.6"),
        ("LF-1006642", RETURN, None, None, "deny", "returns-policy §3.2"),
        ("LF-1006642", REFUND, "179.00", "lost_parcel", "deny", "refunds-policy §3.4"),
        ("LF-1006642", REFUND, "10.00", "other", "deny", "refunds-policy §3.2"),
        ("LF-1006782", REFUND, "219.00", "damaged_or_defective", "deny", "returns-policy §4.1"),
        ("LF-0902395", REFUND, "139.00", "damaged_or_defective", "deny", "returns-policy §4.1"),
        ("LF-1007525", "modify_pending_order_address", None, None, "allow", "shipping-policy §2.2"),
        ("LF-1007160", "modify_pending_order_address", None, None, "deny", "shipping-policy §2.2"),
        (
            "LF-1006873",
            "exchange_delivered_order_items",
            None,
            None,
            "needs_supervisor",
            "returns-policy §3.5",
        ),
        ("LF-1007087", RETURN, None, None, "needs_supervisor", "returns-policy §3.5"),
        ("LF-1007764", "modify_pending_order_payment", None, None, "allow", "payments-policy §1.2"),
        ("LF-1007814", CANCEL, None, None, "allow", "cancellation-policy §1.1"),
        ("LF-1007129", REFUND, "20.00", "price_match", "allow", "payments-policy §2.2"),
        ("LF-1006451", REFUND, "20.00", "price_match", "deny", "payments-policy §2.2"),
        ("LF-1006543", REFUND, "59.00", "late_delivery", "allow", "refunds-policy §3.5"),
        ("LF-1006832", REFUND, "75.95", "returned_item", "needs_supervisor", "refunds-policy §2.2"),
        ("LF-1006923", REFUND, "99.00", "cancelled", "deny", "refunds-policy §4.2"),
        ("LF-1007194", REFUND, "119.00", "lost_parcel", "deny", "refunds-policy §3.4"),
    ],
)
def test_policy_decides_the_recorded_cases(order_id, tool, amount, reason, outcome, clause):
    decision = decide(order_id, tool, amount, reason)
    assert decision.outcome == outcome, decision.findings
    assert clause in decision.reason
    assert "{{" not in decision.reason


def test_every_order_stands_under_exactly_one_version_of_each_rule():
    for rules in POLICIES:
        for tool in {t for rule in rules.rules for t in rule.tools}:
            for _, order in ORDERS.values():
                day = order.placed_at.date()
                ids = [r.id for r in rules.rules if tool in r.tools and r.in_force(day)]
                stems = [re.sub(r"\.v\d$", "", i) for i in ids]
                assert ids, (tool, order.id)
                assert len(stems) == len(set(stems)), (tool, order.id)


def test_no_money_moves_without_an_amount_and_a_reason():
    for order_id in ORDERS:
        assert decide(order_id, REFUND).outcome == "deny"
        assert decide(order_id, REFUND, "1.00").outcome == "deny"
        assert decide(order_id, REFUND, reason="goodwill").outcome == "deny"


def clauses_written() -> set[tuple[str, str, str]]:
    """(document, version, clause) of every numbered heading in the policy articles."""
    found = set()
    for path in (ROOT / "knowledge" / "articles").rglob("*-policy*.md"):
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        about = yaml.safe_load(front)
        numbers = re.findall(r"^### (\d+\.\d+) ", body, re.MULTILINE)
        found |= {(about["id"], str(about["version"]), number) for number in numbers}
    return found


def test_every_rule_stands_for_a_clause_that_is_written_in_that_version():
    written = clauses_written()
    named = {(c.document, c.version, c.clause) for p in POLICIES for c in (r.clause for r in p.rules)}
    assert named - written == set()


def test_rules_are_in_force_as_long_as_their_version_of_the_document():
    validity = {}
    for path in (ROOT / "knowledge" / "articles").rglob("*-policy*.md"):
        about = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n", 2)[1])
        validity[about["id"], str(about["version"])] = (about.get("valid_from"), about.get("valid_to"))
    for rule in (rule for p in POLICIES for rule in p.rules):
        begins, ends = validity[rule.clause.document, rule.clause.version]
        assert rule.valid_to == ends, rule.id
        assert begins is None or rule.valid_from >= begins, rule.id


def test_recordings_expect_documents_that_exist():
    named = {d for c in CONVERSATIONS for t in c.turns if t.expect for d in t.expect.documents}
    named |= {d for c in CONVERSATIONS for t in c.turns if t.expect for d in t.expect.not_documents}
    stored = {path.name.split(".")[0] for path in (ROOT / "knowledge").rglob("*") if path.is_file()}
    assert named - stored == set()


def test_every_order_is_judged_by_the_document_versions_of_the_day_it_was_placed():
    in_force = {(d.external_id, d.version): (d.valid_from, d.valid_to) for d in POLICY_DOCUMENTS}
    seen = set()
    for order_id, (_, order) in ORDERS.items():
        day = order.placed_at.astimezone(UTC).date()
        for tool, amount, reason in (
            (REFUND, "1.00", "goodwill"),
            (REFUND, "1.00", "price_match"),
            (RETURN, None, None),
            (CANCEL, None, None),
        ):
            for finding in decide(order_id, tool, amount, reason).findings:
                version = finding.clause.document, finding.clause.version
                first, last = in_force[version]
                assert first is None or first <= day, (order_id, finding)
                assert last is None or day <= last, (order_id, finding)
                seen.add(version)
    assert {
        ("refunds-policy", "1"),
        ("refunds-policy", "2"),
        ("returns-policy", "2"),
        ("returns-policy", "3"),
    } <= seen


def test_the_demo_companys_signatures_cover_the_clauses_as_they_are():
    clauses = {key: clause for d in POLICY_DOCUMENTS for key, clause in clauses_of(d).items()}
    engine = PolicyEngine(POLICIES, clauses, render_text)
    assert engine.flags() == []
    assert engine.problems() == []
