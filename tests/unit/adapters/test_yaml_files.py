"""What a knowledge manager is told when a playbook, a policy or a recording is wrong."""

from pathlib import Path

import pytest
import yaml

from copilot.adapters.yaml_files import load_conversations, load_macros, load_playbooks, load_policies
from copilot.domain.errors import ConfigurationError
from copilot.domain.policy import PolicyRule, rules_hash

EXAMPLES = "[one, two, three, four, five, six, seven, eight]"
PLAYBOOK = f"""\
intent: return_item
title: Return
description: The customer sends something back.
disposition: return
examples: {EXAMPLES}
"""
RULES = """\
policy: returns
title: Returns
rules:
  - id: returns.window
    tools: [return_delivered_order_items]
    outcome: allow
    when: {fact: order.days_since_delivery, at_most: 30}
    because: "{{ order.days_since_delivery }} days, within 30"
    clause: {document: returns-policy, version: "3", clause: "3.2"}
    examples:
      - {given: {order.days_since_delivery: 30}, expect: allow}
      - {given: {order.days_since_delivery: 31}, expect: null}
"""


def write(folder: Path, text: str, name: str = "return_item.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def complaint(folder: Path, load=load_playbooks, **options) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, **options)
    return str(caught.value)


def test_reads_a_playbook_with_its_steps_and_conditions(tmp_path):
    steps = """\
steps:
  - id: return
    kind: tool
    title: Start the return
    why: The customer asked for it.
    when: {all: [{fact: order.found, is: true}, {not: {fact: order.status, is: cancelled}}]}
    tool: return_delivered_order_items
    arguments: {order_id: order.id, payment_method_id: "=paypal_1"}
    say: Shall I return order {{ order.id }}?
"""
    (playbook,) = load_playbooks(write(tmp_path, PLAYBOOK + steps))
    assert playbook.intent == "return_item"
    assert playbook.steps[0].when.holds({"order.found": True, "order.status": "delivered"})
    assert not playbook.steps[0].when.holds({"order.found": True, "order.status": "cancelled"})


def test_a_remedy_that_no_playbook_handles_is_named(tmp_path):
    said = complaint(write(tmp_path, PLAYBOOK + "remedies: [return_itme]\n"))
    assert "there is no playbook 'return_itme'" in said
    assert "return_item" in said


def test_an_unknown_key_is_named_with_line_place_and_the_key_that_was_meant(tmp_path):
    steps = """\
steps:
  - {id: a, kind: ask, title: A, why: Because}
  - {id: b, kind: ask, title: B, why: Because}
  - id: c
    kind: ask
    title: C
    why: Because
    sya: Hello
"""
    said = complaint(write(tmp_path, PLAYBOOK + steps))
    assert said == f"{tmp_path / 'return_item.yaml'}:13: unknown key 'sya' at steps[2]; did you mean 'say'?"


def test_an_unknown_key_at_the_top_and_a_missing_one_are_reported_together(tmp_path):
    said = complaint(write(tmp_path, PLAYBOOK.replace("examples:", "exmaples:")))
    assert "2 problems" in said
    assert "return_item.yaml:5: unknown key 'exmaples'; did you mean 'examples'?" in said
    assert "return_item.yaml:1: the key 'examples' is missing" in said


def test_an_unknown_key_inside_a_nested_condition_is_found(tmp_path):
    replies = """\
replies:
  - when:
      all:
        - {fact: order.found, is: true}
        - {not: {fact: order.status, iz: shipped}}
    text: Hello
"""
    said = complaint(write(tmp_path, PLAYBOOK + replies))
    assert "return_item.yaml:10: unknown key 'iz' at replies[0].when.all[1].not" in said


def test_an_unknown_fact_comes_with_the_nearest_ones(tmp_path):
    replies = "replies:\n  - when: {fact: order.statuss, is: shipped}\n    text: Hello\n"
    said = complaint(write(tmp_path, PLAYBOOK + replies))
    assert "unknown fact 'order.statuss'; did you mean 'order.status'" in said
    assert "at replies[0].when" in said


def test_an_unknown_fact_in_a_template_and_in_arguments_is_found(tmp_path):
    steps = """\
steps:
  - id: a
    kind: tool
    title: A
    why: Because
    tool: refund_order
    arguments: {order_id: order.idd}
    say: Your order {{ order.totl }} of {{ today }}
"""
    said = complaint(write(tmp_path, PLAYBOOK + steps))
    assert "unknown fact 'order.idd'; did you mean 'order.id'" in said
    assert "at steps[0].arguments.order_id" in said
    assert "unknown fact 'order.totl'; did you mean 'order.total'" in said


def test_a_template_may_only_rely_on_facts_that_its_condition_assures(tmp_path):
    when = "replies:\n  - when: {fact: order.id, known: true}\n"
    reply = when + "    text: With {{ order.carrier }} as {{ order.id }}\n"
    said = complaint(write(tmp_path, PLAYBOOK + reply))
    assert "'order.carrier' may be unknown here; require {fact: order.carrier, known: true} in 'when'" in said
    assert "'order.id'" not in said


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("{fact: order.found, is: true}", "{{ order.total }}"),
        ("{fact: order.carrier, is: UPS}", "{{ order.carrier }}"),
        ("{all: []}", "{% if order.carrier is defined %}{{ order.carrier }}{% endif %}"),
        ("{any: [{fact: order.id, known: true}, {fact: order.found, is: true}]}", "{{ order.id }}"),
    ],
)
def test_facts_that_are_assured_or_asked_for_may_be_spoken_of(tmp_path, when, text):
    load_playbooks(write(tmp_path, PLAYBOOK + f'replies:\n  - when: {when}\n    text: "{text}"\n'))


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("{fact: order.found, is: false}", "{{ order.total }}"),
        ("{fact: order.carrier, known: false}", "{{ order.carrier }}"),
        ("{not: {fact: order.id, is: x}}", "{{ order.id }}"),
        ("{any: [{fact: order.id, known: true}, {fact: order.total, known: true}]}", "{{ order.id }}"),
        ("{all: []}", "{% if order.carrier %}x{% endif %}"),
    ],
)
def test_facts_that_are_not_assured_may_not(tmp_path, when, text):
    said = complaint(write(tmp_path, PLAYBOOK + f'replies:\n  - when: {when}\n    text: "{text}"\n'))
    assert "may be unknown here" in said


def test_a_template_that_does_not_parse_is_named(tmp_path):
    said = complaint(write(tmp_path, PLAYBOOK + 'replies:\n  - {text: "Hello {{ today"}\n'))
    assert "return_item.yaml:7: the template does not parse in its line 1" in said


def test_playbooks_may_not_use_facts_of_the_policy_engine(tmp_path):
    said = complaint(
        write(tmp_path, PLAYBOOK + "replies:\n  - {when: {fact: call.reason, is: x}, text: Hi}\n")
    )
    assert "unknown fact 'call.reason'" in said


def test_a_value_of_the_wrong_kind_says_what_was_found_and_expected(tmp_path):
    step = "steps:\n  - {id: Not Good, kind: tol, title: A, why: B}\n"
    said = complaint(write(tmp_path, PLAYBOOK + step))
    assert "steps[0].kind is 'tol', expected: 'ask', 'verify'" in said
    assert "steps[0].id is 'Not Good'" in said


def test_too_few_examples_and_doubled_ones_are_refused(tmp_path):
    few = complaint(write(tmp_path, PLAYBOOK.replace(EXAMPLES, "[one]")))
    assert "examples is ['one'], expected:" in few
    assert "at least 8 items" in few
    twice = complaint(write(tmp_path, PLAYBOOK.replace("two", "ONE")))
    assert "the example 'one' is written twice at examples" in twice


def test_two_steps_of_one_id_and_a_tool_step_without_tool_are_refused(tmp_path):
    steps = "steps:\n  - {id: a, kind: ask, title: A, why: B}\n  - {id: a, kind: tool, title: A, why: B}\n"
    said = complaint(write(tmp_path, PLAYBOOK + steps))
    assert "another step has the id 'a' already at steps[1].id" in said
    assert "a step of kind tool needs a 'tool' at steps[1]" in said


def test_the_file_is_named_after_the_intent_and_no_intent_is_there_twice(tmp_path):
    write(tmp_path, PLAYBOOK)
    said = complaint(write(tmp_path, PLAYBOOK, "other.yaml"))
    assert "the file is called 'other.yaml', expected 'return_item.yaml'" in said
    assert "intent 'return_item' is taken already by" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"intent: a\nintent: b\n", ":2: the key 'intent' is written twice"),
        (b"intent: [a\n", ": not valid YAML: "),
        (b"intent: \xff\xfe\n", ": not UTF-8 text: byte 8"),
        (b"\x00\x01\x02", ": not valid YAML: "),
        (b"", ":1: expected keys and values (intent, title"),
        (b"- a\n", ":1: expected keys and values (intent, title"),
        (b"intent: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ],
)
def test_files_that_are_no_playbook_at_all(tmp_path, content, message):
    (tmp_path / "return_item.yaml").write_bytes(content)
    assert message in complaint(tmp_path)


def test_a_missing_or_empty_folder_is_named(tmp_path):
    assert str(tmp_path / "none") in complaint(tmp_path / "none")
    assert "no .yaml file" in complaint(tmp_path)


def test_problems_of_all_files_are_reported_at_once(tmp_path):
    write(tmp_path, PLAYBOOK + "x: 1\n")
    said = complaint(write(tmp_path, PLAYBOOK.replace("return_item", "other") + "y: 1\n", "other.yaml"))
    assert "2 problems" in said
    assert "other.yaml:6: unknown key 'y'" in said
    assert "return_item.yaml:6: unknown key 'x'" in said


def signed(rules: str) -> str:
    parsed = [PolicyRule.model_validate(rule) for rule in yaml.safe_load(rules)["rules"]]
    return rules + (
        f"signature: {{name: Dana, at: '2026-11-20T10:00:00+00:00', sha256: {rules_hash(parsed)}}}\n"
    )


def test_reads_signed_policies(tmp_path):
    (policy,) = load_policies(write(tmp_path, signed(RULES)))
    assert policy.signature is not None
    assert policy.rules[0].when.holds({"order.days_since_delivery": 30})


def test_rules_changed_after_signing_are_refused(tmp_path):
    changed = signed(RULES).replace("at_most: 30", "at_most: 30.5")
    said = complaint(write(tmp_path, changed), load_policies)
    assert "the rules are not those that Dana signed" in said
    assert "at signature.sha256" in said


def test_unsigned_rules_are_refused_except_for_signing(tmp_path):
    write(tmp_path, RULES)
    assert "these rules are not signed" in complaint(tmp_path, load_policies)
    assert load_policies(tmp_path, require_signature=False)


def test_a_worked_example_that_comes_out_otherwise_is_refused(tmp_path):
    wrong = RULES.replace("at_most: 30}", "at_most: 29}")
    said = complaint(write(tmp_path, wrong), load_policies, require_signature=False)
    assert "the example of rule 'returns.window' expects allow, the rule says nothing" in said
    assert "at rules[0].examples[0]" in said


def test_a_rule_that_ends_before_it_begins_and_a_doubled_id_are_refused(tmp_path):
    dates = "    valid_from: 2026-03-01\n    valid_to: 2026-02-28\n"
    write(tmp_path, RULES + dates)
    write(tmp_path, RULES.replace("policy: returns", "policy: again"), "again.yaml")
    said = complaint(tmp_path, load_policies, require_signature=False)
    assert "valid_to 2026-02-28 is before valid_from 2026-03-01 at rules[0].valid_to" in said
    assert "the rule id 'returns.window' is taken already in" in said


def test_a_recording_tells_a_turn_of_two_kinds_and_a_bad_expression(tmp_path):
    recording = """\
id: bad
title: Bad
channel: chat
turns:
  - {customer: Hello, representative: Hello}
  - customer: Hi
    expect: {draft_includes: ["("], intnt: greeting}
  - verify: {email: a@example.com}
"""
    said = complaint(write(tmp_path, recording, "bad.yaml"), load_conversations)
    assert "bad.yaml:5: turns[0]: a turn is exactly one of customer, representative" in said
    assert "'(' is no regular expression" in said
    assert "unknown key 'intnt' at turns[1].expect; did you mean 'intent'?" in said
    assert "turns[2].verify: verify with email and order_id, or with first_name" in said


def test_a_saved_reply_must_ask_for_the_facts_it_needs(tmp_path):
    (tmp_path / "delivery.yaml").write_text(
        "id: delivery\ntitle: Delivery\ntext: It is with {{ order.carrier }} ({{ order.lorry }}).\n"
    )
    with pytest.raises(ConfigurationError) as refused:
        load_macros(tmp_path)
    assert "delivery.yaml:3: unknown fact 'order.lorry'" in str(refused.value)
    assert "'order.carrier' may be unknown here" in str(refused.value)
