"""Ids that a test can foresee."""


class SequentialIds:
    """`conv_000001`, `turn_000002`, …: one count for all prefixes, so that ids sort by age."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count:06d}"
