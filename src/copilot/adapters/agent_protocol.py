"""How models that make no native tool calls say what they want: one JSON object, a call or the answer."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from copilot.domain.asking import ToolSpec

_KEPT = frozenset({"type", "enum", "const", "required", "minLength", "maxLength"})
_LOOKS_LIKE_CALL = re.compile(r"```|<tool_call>|^\s*\{", re.MULTILINE)
_LONGEST = 20_000
_DEEPEST = 8


def reply_schema(specs: Sequence[ToolSpec]) -> dict[str, Any]:
    """A JSON schema of `{"answer": …}` or `{"tool": …, "arguments": {…}}`, without references."""
    calls = [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["tool", "arguments"],
            "properties": {
                "tool": {"const": spec.name},
                "arguments": _flat(spec.parameters, spec.parameters),
            },
        }
        for spec in specs
    ]
    answer = {
        "type": "object",
        "additionalProperties": False,
        "required": ["answer"],
        "properties": {"answer": {"type": "string"}},
    }
    return {"anyOf": [answer, *calls]}


def explain(specs: Sequence[ToolSpec]) -> str:
    """What a model has to know to answer by that schema."""
    lines = [f"- {s.name}({', '.join(s.parameters.get('properties', {}))}): {s.description}" for s in specs]
    return (
        "Tools:\n" + "\n".join(lines) + "\n\nReply with one JSON object and nothing else: "
        '{"tool": "NAME", "arguments": {...}} to call a tool, or {"answer": "..."} once you can answer.'
    )


def looks_like_call(text: str) -> bool:
    """Whether prose may hold a tool call written out as JSON."""
    return bool(_LOOKS_LIKE_CALL.search(text)) and parse_reply(text) is not None


def parse_reply(text: str) -> tuple[str, dict[str, Any]] | str | None:
    """(tool, arguments), or the answer, or None for anything else. Reads the first JSON object in `text`."""
    text = text[:_LONGEST]
    for start in (m.start() for m in re.finditer(r"\{", text)):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return _read(value)
    return None


def _read(value: Any) -> tuple[str, dict[str, Any]] | str | None:  # noqa: ANN401 - any JSON
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("answer"), str):
        return str(value["answer"])
    inner = value.get("function")
    call = inner if isinstance(inner, Mapping) else value
    name = call.get("tool") or call.get("name") or (inner if isinstance(inner, str) else None)
    arguments = call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        return None
    return name, {str(k): v for k, v in arguments.items()}


def _flat(schema: Any, root: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:  # noqa: ANN401
    """References replaced by what they point at, and only what every grammar compiler knows."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    if isinstance(reference := schema.get("$ref"), str):
        return _flat(root.get("$defs", {}).get(reference.rpartition("/")[2]), root, depth + 1)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return {"anyOf": [_flat(each, root, depth + 1) for each in alternatives]}
    flat: dict[str, Any] = {k: v for k, v in schema.items() if k in _KEPT}
    if isinstance(properties := schema.get("properties"), Mapping):
        flat["properties"] = {k: _flat(v, root, depth + 1) for k, v in properties.items()}
        flat["additionalProperties"] = False
    if "items" in schema:
        flat["items"] = _flat(schema["items"], root, depth + 1)
    return flat
