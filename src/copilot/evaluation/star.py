"""The STAR set (Mosig et al. 2020): its flow charts as flows, its dialogues as episodes.

What a live panel would not have is not read: the replies that the human was offered (`options`), what they
typed to be offered them (`drafts`), and the questionnaires. A row of the representative with `action: null`
is words of their own: part of what happened, never a decision to foretell.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.assist.flow.chart import COMMON
from copilot.domain.assist import NextActionKind
from copilot.domain.episode import (
    CustomerSaid,
    Episode,
    EpisodeEvent,
    FoundValue,
    LookedUp,
    OwnWords,
    StepTaken,
)
from copilot.domain.errors import InvalidInput
from copilot.domain.playbook import Flow, PlaybookStep
from copilot.evaluation.kinds.rows import DataRow

_CUES = {"query_success": "succeeded", "query_failure": "failed"}
_OUTCOMES = frozenset({"yes", "no", "available", "unavailable", "correct", "incorrect", "noanswer", "done"})
_COMMON = {
    "hello": "Hello, how can I help?",
    "goodbye_1": "Thank you and goodbye.",
    "goodbye_2": "Goodbye.",
    "anything_else": "Is there anything else that I can do for you?",
    "ask_name": "Could I get your name, please?",
    "out_of_scope": "I am sorry, I don't quite understand what you mean.",
    "custom": None,
}


class Row(BaseModel):
    """One turn; fields that are not named here are not read."""

    model_config = ConfigDict(frozen=True)

    role: Literal["customer", "agent", "kb"]
    text: str = ""
    action: str | None = None
    api: str = ""
    constraints: tuple[dict[str, Any], ...] = ()
    result: dict[str, Any] | None = None


class Dialogue(DataRow):
    """One line of `dialogs*.jsonl`."""

    id: int | str
    domains: tuple[str | None, ...] = ()
    tasks: tuple[str, ...] = Field(min_length=1)
    happy: bool = False
    multitask: bool = False
    turns: tuple[Row, ...]


def read_flows(path: Path) -> tuple[Flow, ...]:
    """Every task's chart as a flow, and what is common to all. `InvalidInput` when it is not such a file."""
    try:
        tasks: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        flows = [_flow(name, task["schema"], task["responses"]) for name, task in tasks.items()]
        return (*flows, _common())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InvalidInput(
            f"These flow charts cannot be read: {error}.",
            where=str(path),
            hint="Expected tasks.json of the STAR set: {task: {schema: {replies, graph}, responses}}.",
        ) from error


def _common() -> Flow:
    steps = [_step(name, text or "") for name, text in _COMMON.items()]
    return Flow(intent=COMMON, title="In every conversation", steps=tuple(steps))


def _flow(task: str, schema: Mapping[str, Any], responses: Mapping[str, str]) -> Flow:
    """A node that is an outcome ("available") becomes a cue of what it leads to."""
    graph: dict[str, str] = schema["graph"]
    before: dict[str, list[str]] = {}
    cues: dict[str, list[str]] = {}
    for origin, target in graph.items():
        if _is_outcome(origin):
            cues.setdefault(step_id(target, task), []).append(_CUES.get(origin, origin))
        else:
            before.setdefault(step_id(target, task), []).append(step_id(origin, task))
    said = {**{n: t for n, t in schema["replies"].items() if not _is_outcome(n)}, **responses}
    steps: dict[str, PlaybookStep] = {}
    for name, text in [*said.items(), ("query", "")]:
        step = step_id(name, task)
        steps.setdefault(step, _step(name, text, task, before.get(step, ()), cues.get(step, ())))
    return Flow(intent=task, title=task.replace("_", " "), steps=tuple(steps.values()))


def _is_outcome(node: str) -> bool:
    return node in _OUTCOMES or node in _CUES or node.startswith("info_missing")


def step_id(action: str, api: str) -> str:
    """A look-up is told apart by what it asks, as a reply is by its name."""
    name = f"query-{api}" if action.startswith("query") else action
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _step(
    name: str, text: str, task: str = "", after: list[str] | tuple[()] = (), cues: list[str] | tuple[()] = ()
) -> PlaybookStep:
    look_up = name.startswith("query")
    return PlaybookStep(
        id=step_id(name, task),
        kind=NextActionKind.LOOK_UP if look_up else _kind(name),
        title=name.replace("_", " "),
        why="The flow chart says so.",
        say=None if look_up or not text else text,
        follows=tuple(dict.fromkeys(after)),
        cues=tuple(cues),
    )


def _kind(name: str) -> NextActionKind:
    if re.search(r"(?:^|_)ask_", name):
        return NextActionKind.ASK
    return NextActionKind.CLOSE if re.search(r"bye", name) else NextActionKind.INFORM


def episode_of(dialogue: Dialogue) -> Episode:
    return Episode(id=str(dialogue.id), flows=dialogue.tasks, events=tuple(_events(dialogue)))


def _events(dialogue: Dialogue) -> Iterator[EpisodeEvent]:
    for row in dialogue.turns:
        if row.role == "customer":
            yield CustomerSaid(text=row.text.strip())
        elif row.role == "kb":
            yield LookedUp(found={name: _found(value) for name, value in (row.result or {}).items()})
        elif row.action is None:
            yield OwnWords(text=row.text.strip())
        else:
            given = {name: str(v).strip('"') for asked in row.constraints for name, v in asked.items()}
            yield StepTaken(
                step=step_id(row.action, row.api), variant=given.get("RequestType", ""), given=given
            )


def _found(value: object) -> FoundValue:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return tuple(map(str, value)) if isinstance(value, list) else str(value)
