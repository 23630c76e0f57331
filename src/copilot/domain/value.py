"""The base of every value in the domain."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value: equal by content, refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
