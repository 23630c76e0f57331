"""Ids that sort by the time they were made."""

from uuid_utils import uuid7


class Uuid7Ids:
    def new(self, prefix: str) -> str:
        return f"{prefix}_{uuid7().hex}"
