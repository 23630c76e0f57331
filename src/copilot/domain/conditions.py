"""Conditions over facts, shared by playbooks and policies.

A condition is one test (`{fact: order.status, is: delivered}`) or a combination (`{all: […]}`, `{any: […]}`,
`{not: …}`). A test on a fact that is not known is false, except `known: false` and `is_not`; so a `not`
around a test on an unknown fact is true: write policy rules with `known`.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from copilot.domain.value import Value

FactValue = str | int | float | bool | tuple[str, ...]
Facts = Mapping[str, FactValue]
Scalar = bool | int | float | str


class Test(Value):
    """One comparison of one fact."""

    __test__ = False  # not a pytest class

    fact: str
    is_: Scalar | None = Field(default=None, alias="is")
    is_not: Scalar | None = None
    one_of: tuple[Scalar, ...] | None = None
    contains: str | None = None
    at_most: float | None = None
    at_least: float | None = None
    less_than: float | None = None
    more_than: float | None = None
    known: bool | None = None

    @model_validator(mode="after")
    def _exactly_one_comparison(self) -> Self:
        given = sorted(self.model_fields_set - {"fact"})
        if len(given) != 1:
            raise ValueError(f"a test compares in exactly one way, found {', '.join(given) or 'none'}")
        return self

    def holds(self, facts: Facts) -> bool:
        value = facts.get(self.fact)
        if self.known is not None:
            return (value is not None) == self.known
        if value is None:
            return self.is_not is not None
        return self._matches(value) and self._within_bounds(value)

    def _matches(self, value: FactValue) -> bool:
        return (
            (self.is_ is None or value == self.is_)
            and (self.is_not is None or value != self.is_not)
            and (self.one_of is None or value in self.one_of)
            and (self.contains is None or (isinstance(value, str | tuple) and self.contains in value))
        )

    def _within_bounds(self, value: FactValue) -> bool:
        if isinstance(value, str | tuple):
            return (self.at_most, self.at_least, self.less_than, self.more_than) == (None,) * 4
        return (
            (self.at_most is None or value <= self.at_most)
            and (self.at_least is None or value >= self.at_least)
            and (self.less_than is None or value < self.less_than)
            and (self.more_than is None or value > self.more_than)
        )

    def facts_used(self) -> frozenset[str]:
        return frozenset({self.fact})


class All(Value):
    all: tuple["Condition", ...]

    def holds(self, facts: Facts) -> bool:
        return all(c.holds(facts) for c in self.all)

    def facts_used(self) -> frozenset[str]:
        return frozenset[str]().union(*(c.facts_used() for c in self.all))


class AnyOf(Value):
    any: tuple["Condition", ...]

    def holds(self, facts: Facts) -> bool:
        return any(c.holds(facts) for c in self.any)

    def facts_used(self) -> frozenset[str]:
        return frozenset[str]().union(*(c.facts_used() for c in self.any))


class Not(Value):
    not_: "Condition" = Field(alias="not")

    def holds(self, facts: Facts) -> bool:
        return not self.not_.holds(facts)

    def facts_used(self) -> frozenset[str]:
        return self.not_.facts_used()


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        return next((key for key in ("all", "any", "not") if key in value), "test")
    if isinstance(value, All):
        return "all"
    if isinstance(value, AnyOf):
        return "any"
    return "not" if isinstance(value, Not) else "test"


Condition = Annotated[
    Annotated[Test, Tag("test")]
    | Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(_shape),
]

for _model in (All, AnyOf, Not):
    _model.model_rebuild()

ALWAYS: Condition = All(all=())
