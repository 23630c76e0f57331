"""Rules that people write in files: policies and playbooks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from copilot.domain.playbook import Playbook
from copilot.domain.policy import Clause, ClauseKey, PolicySet


class RuleFiles(Protocol):
    """The files of one folder. Every call is blocking."""

    def names(self) -> list[str]: ...

    def read(self, name: str) -> str:
        """`NotFound` when there is no such file."""

    def write(self, name: str, text: str) -> None:
        """All of it or nothing; a file that is not there is made."""


class PlaybookFiles(RuleFiles, Protocol):
    def load(self, instead: Mapping[str, str]) -> dict[str, Playbook]:
        """Every file's playbook by its name, with these texts in place of what the files hold.

        `ConfigurationError` names every problem with file and line.
        """


class PolicyFiles(RuleFiles, Protocol):
    def load(self, instead: Mapping[str, str], *, require_signature: bool = True) -> dict[str, PolicySet]:
        """As for playbooks; each rule's worked examples are proven."""

    def signed(
        self,
        text: str,
        policy: PolicySet,
        clauses: Mapping[ClauseKey, Clause],
        name: str,
        at: datetime,
    ) -> str | None:
        """`text` with a signature under it; None where the one it has still fits."""
