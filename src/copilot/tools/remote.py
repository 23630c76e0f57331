"""Tools of outside servers as catalog tools: those declared READ run, all others wait for a person.

What policy does not allow by a rule that names the tool is denied, as for every other tool.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import ConfigDict, model_validator

from copilot.domain.actions import ToolEffect, canonical_json
from copilot.domain.asking import ToolSpec
from copilot.domain.value import Value
from copilot.ports import OrderSystem, RemoteTools
from copilot.tools.tool import Json, Plan, ReadTool, Session, Tool, WriteTool

_MOST_BYTES, _LONGEST_PREVIEW = 20_000, 300


class RemoteArguments(Value):
    """Checked by name, type and size here, by the rest of their schema at the server."""

    model_config = ConfigDict(frozen=True, extra="allow")
    schema_of_server: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        return dict(cls.schema_of_server)

    @model_validator(mode="before")
    @classmethod
    def _fit(cls, given: Any) -> Any:  # noqa: ANN401 - any JSON
        properties = cls.schema_of_server.get("properties", {})
        missing = [n for n in cls.schema_of_server.get("required", ()) if n not in given]
        unknown = [n for n in given if n not in properties]
        if missing or unknown:
            names = ", ".join(missing or unknown)
            raise ValueError(f"{'missing' if missing else 'unknown'}: {names}"[:_LONGEST_PREVIEW])
        for name, value in given.items():
            kind = properties[name].get("type") if isinstance(properties[name], Mapping) else None
            if isinstance(kind, str) and not _is(kind, value):
                raise ValueError(f"{name}: expected {kind}")
        if len(canonical_json(given)) > _MOST_BYTES:
            raise ValueError(f"the arguments are longer than {_MOST_BYTES} bytes")
        return given


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}


def _is(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return kind not in _KINDS or isinstance(value, _KINDS[kind])


def remote_tools(server: RemoteTools, specs: Iterable[ToolSpec]) -> list[Tool]:
    """Named `<server>_<tool>`, so that no outside tool passes for one of ours."""
    return [_tool(server, spec) for spec in specs]


def _tool(server: RemoteTools, spec: ToolSpec) -> Tool:
    arguments = _arguments(spec)
    name, label = f"{server.name}_{spec.name}"[:64], f"{server.name}: {spec.name}"

    async def read(_orders: OrderSystem, _session: Session, given: RemoteArguments) -> Json:
        return await server.call(spec.name, _dumped(given))

    async def plan(orders: OrderSystem, session: Session, given: RemoteArguments) -> Plan:
        customer = await orders.get_customer(session.verified_customer())
        said = ", ".join(f"{k} {v}" for k, v in _dumped(given).items())
        return Plan(preview=f"{label} ({said})"[:_LONGEST_PREVIEW], customer=customer)

    async def run(_orders: OrderSystem, _customer_id: str, given: RemoteArguments, *, key: str) -> Json:
        return await server.call(spec.name, _dumped(given), key=key)

    if spec.effect is ToolEffect.READ:
        return ReadTool(name, spec.description, arguments, read, outside=True)
    # Nobody promises that an outside server honours our key: it is never called twice.
    return WriteTool(
        name, spec.description, arguments, spec.effect, plan, run, repeatable=False, outside=True
    )


def _arguments(spec: ToolSpec) -> type[RemoteArguments]:
    return type("RemoteArgumentsOf", (RemoteArguments,), {"schema_of_server": dict(spec.parameters)})


def _dumped(given: RemoteArguments) -> Json:
    return given.model_dump(mode="json", exclude_none=True)
