"""Where a process may be killed: before and after every port call and every SQL statement.

Only the harness' child process wraps its ports so; the product has no hook for it.
"""

import inspect
import os
import signal
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event

VARIABLE = "COPILOT_TEST_KILL_AT"
"""How many failpoints the child may pass, that one not included; never killed without it."""


class Failpoints:
    """Counts the points passed; at the fatal one it writes the point's name to `report` and dies at once."""

    def __init__(self, fatal: int | None, report: int) -> None:
        self._fatal = fatal
        self._report = report
        self._passed = 0
        self.phase = "recovery"

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], report: int) -> "Failpoints":
        text = environment.get(VARIABLE)
        return cls(int(text) if text else None, report)

    def reach(self, point: str) -> None:
        self._passed += 1
        if self._passed == self._fatal:
            os.write(self._report, f"{self.phase}: {point}".encode())
            os.kill(os.getpid(), signal.SIGKILL)


class Breakable:
    """A port whose every call may be the last thing that this process does."""

    def __init__(self, port: object, name: str, failpoints: Failpoints) -> None:
        self._port = port
        self._name = name
        self._failpoints = failpoints

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        if not inspect.iscoroutinefunction(real):
            return real

        async def call(*arguments: Any, **named: Any) -> Any:
            self._failpoints.reach(f"before {self._name}.{method}")
            answer = await real(*arguments, **named)
            self._failpoints.reach(f"after {self._name}.{method}")
            return answer

        return call


def break_statements(database: Any, failpoints: Failpoints) -> None:
    """Also inside the product's own write transactions: at each statement and at the commit."""
    writer = database._engine if hasattr(database, "_engine") else database._writer
    engine = writer.sync_engine

    def before(_connection, _cursor, statement, *_):
        failpoints.reach(f"before SQL {_short(statement)}")

    def after(_connection, _cursor, statement, *_):
        failpoints.reach(f"after SQL {_short(statement)}")

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "commit", lambda _connection: failpoints.reach("before SQL COMMIT"))


class BreakableConnection:
    """The embedded shop's connection: a kill may fall between its statements, its commit included."""

    def __init__(self, connection: Any, failpoints: Failpoints) -> None:
        self._connection = connection
        self._failpoints = failpoints

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: Any) -> Any:
        return self._at(statement, self._connection.execute, statement, *values)

    def executemany(self, statement: str, rows: Any) -> Any:
        return self._at(statement, self._connection.executemany, statement, rows)

    def _at(self, statement: str, do: Any, *arguments: Any) -> Any:
        if statement.startswith("SELECT"):  # changes nothing, and its port call is a failpoint already
            return do(*arguments)
        self._failpoints.reach(f"before shop SQL {_short(statement)}")
        answer = do(*arguments)
        self._failpoints.reach(f"after shop SQL {_short(statement)}")
        return answer


def _short(statement: str) -> str:
    words = [w for w in statement.split() if w not in ("INTO", "FROM")]
    return " ".join(words[:2]) if words[0] in ("INSERT", "UPDATE", "DELETE") else words[0]
