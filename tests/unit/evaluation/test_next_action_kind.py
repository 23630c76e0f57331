"""`copilot eval run next-action` over a small set of its form."""

import json

import pytest

from copilot.adapters.fakes.embedder import HashingEmbedder
from copilot.domain.errors import InvalidInput
from copilot.evaluation.kinds.kind import KindOptions
from copilot.evaluation.kinds.next_action import NextActionKind
from copilot.evaluation.star import Dialogue, episode_of

TASKS = {
    "weather": {
        "schema": {
            "task": "weather",
            "replies": {"ask_day": "For what day?", "tell": "It will be sunny.", "query": "Query"},
            "graph": {"ask_day": "query", "query": "tell"},
        },
        "responses": {"ask_day": "For what day?", "tell": "It will be sunny."},
    }
}


def dialogue(number: int, **more) -> dict:
    return {
        "id": number,
        "domains": ["weather"],
        "tasks": ["weather"],
        "happy": True,
        "multitask": False,
        "turns": [
            {"role": "customer", "text": "How is the weather?"},
            {"role": "agent", "text": "For what day?", "action": "ask_day", "options": ["tell", "ask_day"]},
            {"role": "customer", "text": "Monday"},
            {"role": "agent", "action": "query", "api": "weather", "constraints": [{"Day": '"Monday"'}]},
            {"role": "kb", "result": {"Day": "Monday", "Weather": "Sunny"}, "total": -1},
            {"role": "agent", "text": "It will be sunny.", "action": "tell", "drafts": ["sunny"]},
        ],
        **more,
    }


def folder(tmp_path, *rows):
    (tmp_path / "tasks.json").write_text(json.dumps(TASKS))
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (tmp_path / "dialogs.jsonl").write_text("\n".join(lines))
    return tmp_path


async def run(data, **options):
    kind = NextActionKind(HashingEmbedder())
    return await kind.run(KindOptions(data=data, **options), lambda _done, _total: None)


async def test_every_step_of_a_set_that_always_goes_alike_is_foretold(tmp_path):
    result = await run(folder(tmp_path, *(dialogue(n) for n in range(10))))
    assert result.figures["decisions"] == 6
    assert result.figures["accuracy@1"] == result.figures["bigram_accuracy@1"] == 1
    assert result.cases[0].slices == {"domain": "weather", "shape": "happy", "what": "reply"}


async def test_with_a_train_file_all_of_the_data_is_foretold(tmp_path):
    data = folder(tmp_path, *(dialogue(n) for n in range(4)))
    train = tmp_path / "learn.jsonl"
    train.write_text("\n".join(json.dumps(dialogue(n)) for n in range(10, 15)))
    result = await run(data, train=train)
    assert (result.figures["decisions"], result.figures["learned_from_dialogues"]) == (12, 5)


async def test_a_line_that_cannot_be_read_is_refused_by_its_number_and_the_rest_runs(tmp_path):
    rows = [*(dialogue(n) for n in range(5)), "{not json", dialogue(9, turns=[{"role": "robot"}])]
    result = await run(folder(tmp_path, *rows))
    assert [r.source.rsplit(":", 1)[1] for r in result.refused] == ["6", "7"]
    assert result.figures["decisions"] == 3


async def test_without_charts_it_says_what_is_missing(tmp_path):
    (tmp_path / "dialogs.jsonl").write_text(json.dumps(dialogue(1)))
    with pytest.raises(InvalidInput, match=r"tasks\.json"):
        await run(tmp_path)


def test_what_the_human_was_offered_is_not_read():
    row = Dialogue.model_validate(dialogue(1))
    assert "options" not in row.turns[1].model_dump()
    assert "tell" not in episode_of(row).events[1].model_dump_json()
