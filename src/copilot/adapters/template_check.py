"""What a knowledge manager's template speaks of, and what its condition assures, without rendering it."""

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from copilot.domain.conditions import All, AnyOf, Condition, Test
from copilot.domain.facts import ALWAYS_KNOWN, KNOWN_WITH

KNOWLEDGE = "knowledge"
"""The name under which the composer's cited sentences stand in a reply."""

_FLAGS = frozenset({"conversation.verified", "order.found"})


class TemplateProblem(Exception):
    """The template does not parse; `line` counts from 1 within it."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def facts_spoken_of(template: str) -> tuple[frozenset[str], frozenset[str]]:
    """(all facts, those that must be known), names such as `order.total` or `today`.

    What stands inside an `if`, or is only asked for with `is defined`, need not be known.
    Raises `TemplateProblem`.
    """
    environment = ImmutableSandboxedEnvironment(autoescape=False)
    try:
        environment.compile(template)
        tree = environment.parse(template)
    except TemplateSyntaxError as error:
        raise TemplateProblem(str(error.message), error.lineno) from error
    return frozenset(_names(tree, into_ifs=True)), frozenset(_names(tree, into_ifs=False))


def _names(node: nodes.Node, *, into_ifs: bool) -> Iterator[str]:
    if isinstance(node, nodes.If | nodes.CondExpr) and not into_ifs:
        yield from _names(node.test, into_ifs=False)
        return
    if isinstance(node, nodes.Test) and node.name == "defined" and not into_ifs:
        return
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        yield f"{node.node.name}.{node.attr}"
        return
    if isinstance(node, nodes.Name) and node.ctx == "load":
        yield node.name
    for child in node.iter_child_nodes():
        yield from _names(child, into_ifs=into_ifs)


def surely_known(when: Condition) -> frozenset[str]:
    """The facts a template may rely on wherever `when` holds."""
    return ALWAYS_KNOWN | _assured(when)


def _assured(when: Condition) -> frozenset[str]:
    if isinstance(when, All):
        return frozenset[str]().union(*map(_assured, when.all))
    if isinstance(when, AnyOf):
        members = [_assured(condition) for condition in when.any]
        return members[0].intersection(*members[1:]) if members else frozenset()
    if isinstance(when, Test):
        return _assured_by_test(when)
    return frozenset()


def _assured_by_test(test: Test) -> frozenset[str]:
    if test.is_not is not None or test.known is False:
        return frozenset()
    holds_what_it_brings = test.is_ is True or test.fact not in _FLAGS
    brought = KNOWN_WITH.get(test.fact, ()) if holds_what_it_brings else ()
    return test.facts_used().union(brought)
