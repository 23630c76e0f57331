"""Replaying tasks on a shop of our own: what passes, what is a miss, and what cannot be read."""

import asyncio
import copy
import json

import pytest
from typer.testing import CliRunner

from copilot.cli.app import build_app
from copilot.domain.errors import ConfigurationError
from copilot.evaluation.tau_replay import replay_files

ADDRESS = {
    "address1": "1 Oak St",
    "address2": "",
    "city": "Ames",
    "country": "USA",
    "state": "IA",
    "zip": "50010",
}
RED = {"color": "red"}


def order(number, status, item, price):
    return {
        "order_id": number,
        "user_id": "ada",
        "address": ADDRESS,
        "items": [{"name": "Lamp", "product_id": "lamp", "item_id": item, "price": price, "options": RED}],
        "status": status,
        "fulfillments": [],
        "payment_history": [
            {"transaction_type": "payment", "amount": price, "payment_method_id": "gift_card_1"}
        ],
    }


DATABASE = {
    "users": {
        "ada": {
            "user_id": "ada",
            "name": {"first_name": "Ada", "last_name": "Lane"},
            "address": ADDRESS,
            "email": "ada@example.com",
            "payment_methods": {"gift_card_1": {"source": "gift_card", "id": "gift_card_1", "balance": 10.0}},
            "orders": ["#W1", "#W2"],
        }
    },
    "orders": {"#W1": order("#W1", "pending", "i1", 47.84), "#W2": order("#W2", "delivered", "i2", 12.5)},
    "products": {
        "lamp": {
            "name": "Lamp",
            "product_id": "lamp",
            "variants": {
                "i1": {"item_id": "i1", "options": {"color": "red"}, "available": True, "price": 47.84},
                "i2": {"item_id": "i2", "options": {"color": "blue"}, "available": True, "price": 12.5},
            },
        }
    },
}
FIND = {"name": "find_user_id_by_email", "arguments": {"email": "ada@example.com"}}


def cancel(number):
    return {"name": "cancel_pending_order", "arguments": {"order_id": number, "reason": "no longer needed"}}


def cancelled():
    refund = {"transaction_type": "refund", "amount": 47.84, "payment_method_id": "gift_card_1"}
    changed = copy.deepcopy(DATABASE["orders"]["#W1"])
    changed |= {"status": "cancelled", "cancel_reason": "no longer needed"}
    changed["payment_history"].append(refund)
    user = copy.deepcopy(DATABASE["users"]["ada"])
    user["payment_methods"]["gift_card_1"]["balance"] = 57.84
    return {"orders": {"#W1": changed}, "users": {"ada": user}}


TASKS = [{"id": "t1", "actions": [FIND, cancel("#W1")]}, {"id": "t2", "actions": [FIND, cancel("#W2")]}]
EXPECTED = [
    {"id": "t1", "errors": [], "expected_delta": cancelled()},
    {"id": "t2", "errors": [[1, "not pending"]], "expected_delta": {}},
]


@pytest.fixture
def files(tmp_path):
    """Writes the data set, a line for each row (bytes as they are); returns its paths."""

    def write(tasks=TASKS, expected=EXPECTED):
        for name, rows in (("tasks.jsonl", tasks), ("expected_state.jsonl", expected)):
            lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
            (tmp_path / name).write_bytes(b"\n".join(lines) + b"\n")
        (tmp_path / "db.json").write_text(json.dumps(DATABASE))
        return tmp_path / "db.json", tmp_path / "tasks.jsonl", tmp_path / "expected_state.jsonl"

    return write


def run(paths):
    db, tasks, expected = map(str, paths)
    command = ["tools", "replay", "--db", db, "--tasks", tasks, "--expected", expected]
    result = CliRunner().invoke(build_app(), command)
    return result.exit_code, result.stdout.splitlines()


def test_every_end_state_equal_passes(files):
    assert run(files()) == (0, ["passed 2 of 2"])


def test_one_cent_is_a_miss(files):
    wrong = copy.deepcopy(EXPECTED)
    wrong[0]["expected_delta"]["orders"]["#W1"]["payment_history"][1]["amount"] += 0.01
    status, lines = run(files(expected=wrong))
    assert status == 1
    assert lines == [
        "MISS t1",
        "  orders.#W1.payment_history[1].amount: got 47.84, expected 47.85",
        "passed 1 of 2",
    ]


def test_less_than_a_cent_is_the_reference_summing_floats(files):
    near = copy.deepcopy(EXPECTED)
    near[0]["expected_delta"]["orders"]["#W1"]["payment_history"][1]["amount"] += 0.000001
    assert run(files(expected=near))[0] == 0


def test_an_action_that_should_have_been_refused_or_done_is_a_miss(files):
    swapped = [EXPECTED[0] | {"errors": [[1, "no"]]}, EXPECTED[1] | {"errors": []}]
    status, lines = run(files(expected=swapped))
    assert (status, lines[-1]) == (1, "passed 0 of 2")
    assert "  refused actions [], expected [1]" in lines


def test_a_change_that_did_not_come_is_a_miss(files):
    status, lines = run(files(tasks=[TASKS[0] | {"actions": [FIND]}, TASKS[1]]))
    assert status == 1
    assert any(line.startswith("  orders.#W1: got no change, expected {") for line in lines)


def test_lines_that_cannot_be_read_are_named_and_the_rest_runs(files):
    rows = [b"{nonsense", TASKS[0], b'{"id": "x"}', b"[1]", b"\xff", {"id": "t9", "actions": []}, TASKS[1]]
    paths = files(tasks=rows)
    results = asyncio.run(replay_files(*paths))
    assert [r.task for r in results if r.passed] == ["t1", "t2"]
    place = str(paths[1])
    assert [p for r in results for p in r.problems] == [
        f"{place}:1: not JSON: Expecting property name enclosed in double quotes at character 2",
        f"{place}:3: actions: the field is missing",
        f"{place}:4: expected a JSON object",
        f"{place}:5: not UTF-8: byte 1 of the line cannot be read",
        f"{paths[2]}: there is no expected state for task t9",
    ]
    assert run(paths)[1][-1] == "passed 2 of 7"


async def test_expectations_that_cannot_be_read_or_used_are_misses_too(files):
    stray = EXPECTED[0] | {"id": "t8"}
    paths = files(expected=[EXPECTED[0], b"?", EXPECTED[1], EXPECTED[1], stray])
    problems = [p for r in await replay_files(*paths) for p in r.problems]
    assert problems == [
        f"{paths[2]}:2: not JSON: Expecting value at character 1",
        f"{paths[2]}:4: there is an expected state for task t2 already",
        f"{paths[2]}:5: there is no task t8",
    ]


async def test_a_task_about_broken_rows_does_not_end_the_run(files):
    db, tasks, expected = files()
    rows = json.loads(db.read_text())
    del rows["orders"]["#W1"]["payment_history"]
    db.write_text(json.dumps(rows))
    first, second = await replay_files(db, tasks, expected)
    assert "tasks.jsonl:1: its rows in the database are not as expected (KeyError" in first.problems[0]
    assert second.passed


async def test_a_file_that_is_not_there_is_named(files):
    db, tasks, expected = files()
    with pytest.raises(ConfigurationError, match="cannot read it") as wrong:
        await replay_files(db, tasks, expected.with_name("none.jsonl"))
    assert wrong.value.where.endswith("none.jsonl")


def test_no_tasks_at_all_is_no_success(files):
    assert run(files(tasks=[], expected=[])) == (1, ["passed 0 of 0"])


def test_the_catalog_is_listed_with_effect_scope_and_arguments():
    result = CliRunner().invoke(build_app(), ["tools", "list"])
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if "refund_order" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:4] == ["refund_order", "money", "actions:approve", "order_id, amount, reason, note?"]
