"""Conditions over facts, shared by playbooks and policies.

A condition is one test (`{fact: order.status, is: delivered}`) or a combination (`{all: […]}`, `{any: […]}`,
`{not: …}`). A test on a fact that is not known is false, except `known: false` and `is_not`; so a `not`
around a test on an unknown fact is true: write policy rules with `known`.

A bound is a number or the name of another fact, and `plus` adds a second fact to the first:
`{fact: call.amount_minor, plus: order.refunded_minor, more_than: 5000}`.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from copilot.domain.value import Value

FactValue = str | int | float | bool | tuple[str, ...]
Facts = Mapping[str, FactValue]
Scalar = bool | int | float | str
Bound = float | str
"""A number, or the name of the fact that holds it."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "at_most": operator.le,
    "at_least": operator.ge,
    "less_than": operator.lt,
    "more_than": operator.gt,
}


class Test(Value):
    """One comparison of one fact."""

    __test__ = False  # not a pytest class

    fact: str
    is_: Scalar | None = Field(default=None, alias="is")
    is_not: Scalar | None = None
    one_of: tuple[Scalar, ...] | None = None
    contains: str | None = None
    at_most: Bound | None = None
    at_least: Bound | None = None
    less_than: Bound | None = None
    more_than: Bound | None = None
    known: bool | None = None
    plus: str | None = None

    @model_validator(mode="after")
    def _exactly_one_comparison(self) -> Self:
        given = sorted(name.rstrip("_") for name in self.model_fields_set - {"fact", "plus"})
        if len(given) != 1:
            raise ValueError(f"a test compares in exactly one way, found {', '.join(given) or 'none'}")
        if self.plus is not None and given[0] not in _COMPARISONS:
            raise ValueError(f"'plus' goes with one of {', '.join(_COMPARISONS)}, found {given[0]}")
        return self

    def holds(self, facts: Facts) -> bool:
        value = facts.get(self.fact)
        if self.known is not None:
            return (value is not None) == self.known
        if value is None:
            return self.is_not is not None
        return self._matches(value) and self._within_bounds(facts)

    def _matches(self, value: FactValue) -> bool:
        return (
            (self.is_ is None or value == self.is_)
            and (self.is_not is None or value != self.is_not)
            and (self.one_of is None or value in self.one_of)
            and (self.contains is None or (isinstance(value, str | tuple) and self.contains in value))
        )

    def _within_bounds(self, facts: Facts) -> bool:
        for name, compare in _COMPARISONS.items():
            bound: Bound | None = getattr(self, name)
            if bound is None:
                continue
            limit = _number(facts.get(bound)) if isinstance(bound, str) else bound
            value = _number(facts.get(self.fact))
            more = _number(facts.get(self.plus)) if self.plus else 0
            return (
                limit is not None and value is not None and more is not None and compare(value + more, limit)
            )
        return True

    def facts_used(self) -> frozenset[str]:
        bounds = (self.at_most, self.at_least, self.less_than, self.more_than)
        named = {bound for bound in bounds if isinstance(bound, str)}
        return frozenset({self.fact, *named, *((self.plus,) if self.plus else ())})


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


def _number(value: FactValue | None) -> float | None:
    return value if isinstance(value, int | float) else None


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
