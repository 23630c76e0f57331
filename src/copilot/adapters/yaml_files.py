"""Playbooks, policies and recorded conversations from folders of YAML files.

Every loader reports all problems of all files at once, as one `ConfigurationError` that names file, line
and field, what was found and what was expected.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from copilot.adapters.template_check import KNOWLEDGE, TemplateProblem, facts_spoken_of, surely_known
from copilot.adapters.yaml_source import (
    Location,
    Problem,
    ValueT,
    YamlSource,
    raise_for,
    read_all,
    suggest,
    yaml_files,
)
from copilot.domain.assist import NextActionKind
from copilot.domain.conditions import Condition
from copilot.domain.facts import FACTS
from copilot.domain.macro import Macro
from copilot.domain.playbook import Playbook, PlaybookStep
from copilot.domain.policy import PolicyRule, PolicySet
from copilot.domain.recording import RecordedConversation

_PLAYBOOK_FACTS = frozenset(name for name in FACTS if not name.startswith("call."))
_POLICY_FACTS = frozenset(name for name in FACTS if not name.startswith("policy."))
_CALLING = (NextActionKind.TOOL, NextActionKind.LOOK_UP)


def load_playbooks(folder: Path) -> tuple[Playbook, ...]:
    """All playbooks of a folder, by file name. Whether tools exist is the tool catalog's to check."""
    sources, problems = read_all(yaml_files(folder), Playbook)
    for source in sources:
        problems += _playbook_problems(source)
    problems += _duplicates(sources, "intent", [s.value.intent for s in sources])
    problems += _unknown_remedies(sources)
    raise_for(problems)
    return tuple(source.value for source in sources)


def _unknown_remedies(sources: Sequence[YamlSource[Playbook]]) -> Iterator[Problem]:
    known = [source.value.intent for source in sources]
    for source in sources:
        for number, intent in enumerate(source.value.remedies):
            if intent not in known:
                what = f"there is no playbook {intent!r}{suggest(intent, known)}"
                yield source.problem(("remedies", number), what)


def load_macros(folder: Path) -> tuple[Macro, ...]:
    """All saved replies of a folder, by file name; `when` has to ask for a fact that may be missing."""
    sources, problems = read_all(yaml_files(folder), Macro)
    problems += _duplicates(sources, "id", [s.value.id for s in sources])
    for source in sources:
        macro = source.value
        if Path(source.file).stem != macro.id:
            problems.append(source.problem(("id",), _file_name(source.file, macro.id)))
        problems += _condition_problems(source, ("when",), macro.when, _PLAYBOOK_FACTS)
        problems += _template_problems(source, ("text",), macro.text, macro.when, _PLAYBOOK_FACTS)
    raise_for(problems)
    return tuple(source.value for source in sources)


def load_policies(folder: Path, *, require_signature: bool = True) -> tuple[PolicySet, ...]:
    """All policy sets of a folder, by file name, each rule's worked examples proven.

    A set must be signed, and a signature must fit the rules it stands under; `require_signature=False`
    skips that, for signing.
    """
    sources, problems = read_all(yaml_files(folder), PolicySet)
    for source in sources:
        problems += _policy_problems(source)
        if require_signature:
            problems += _signature_problems(source)
    problems += _duplicates(sources, "policy", [s.value.policy for s in sources])
    problems += _duplicate_rules(sources)
    raise_for(problems)
    return tuple(source.value for source in sources)


def load_conversations(folder: Path) -> tuple[RecordedConversation, ...]:
    """All recorded conversations of a folder, by file name."""
    sources, problems = read_all(yaml_files(folder), RecordedConversation)
    problems += _duplicates(sources, "id", [s.value.id for s in sources])
    for source in sources:
        if Path(source.file).stem != source.value.id:
            problems.append(source.problem(("id",), _file_name(source.file, source.value.id)))
    raise_for(problems)
    return tuple(source.value for source in sources)


# ---------------------------------------------------------------- playbooks


def _playbook_problems(source: YamlSource[Playbook]) -> Iterator[Problem]:
    playbook = source.value
    if Path(source.file).stem != playbook.intent:
        yield source.problem(("intent",), _file_name(source.file, playbook.intent))
    repeated = [text for text, n in Counter(_plain(e) for e in playbook.examples).items() if n > 1]
    for text in repeated:
        yield source.problem(("examples",), f"the example {text!r} is written twice")
    seen: set[str] = set()
    for number, step in enumerate(playbook.steps):
        place: Location = ("steps", number)
        if step.id in seen:
            yield source.problem((*place, "id"), f"another step has the id {step.id!r} already")
        seen.add(step.id)
        ids = [s.id for s in playbook.steps]
        for other in step.follows:
            if other not in ids:
                yield source.problem((*place, "follows"), f"unknown step {other!r}{suggest(other, ids)}")
        yield from _step_problems(source, place, step)
    for number, reply in enumerate(playbook.replies):
        place = ("replies", number)
        yield from _condition_problems(source, (*place, "when"), reply.when, _PLAYBOOK_FACTS)
        known = _PLAYBOOK_FACTS | {KNOWLEDGE}
        yield from _template_problems(source, (*place, "text"), reply.text, reply.when, known)


def _step_problems(source: YamlSource[Playbook], place: Location, step: PlaybookStep) -> Iterator[Problem]:
    yield from _condition_problems(source, (*place, "when"), step.when, _PLAYBOOK_FACTS)
    if step.say is not None:
        yield from _template_problems(source, (*place, "say"), step.say, step.when, _PLAYBOOK_FACTS)
    if step.kind in _CALLING and step.tool is None:
        yield source.problem(place, f"a step of kind {step.kind.value} needs a 'tool'")
    if step.tool is None and step.arguments:
        yield source.problem((*place, "arguments"), "'arguments' without a 'tool'")
    for name, value in step.arguments.items():
        if not value.startswith("=") and value not in _PLAYBOOK_FACTS:
            hint = suggest(value, sorted(_PLAYBOOK_FACTS))
            yield source.problem((*place, "arguments", name), f"unknown fact {value!r}{hint}")


def _plain(example: str) -> str:
    return " ".join(example.lower().split())


def _file_name(file: str, name: str) -> str:
    return f"the file is called {Path(file).name!r}, expected '{name}.yaml'"


# ---------------------------------------------------------------- policies


def _policy_problems(source: YamlSource[PolicySet]) -> Iterator[Problem]:
    for number, rule in enumerate(source.value.rules):
        place: Location = ("rules", number)
        yield from _condition_problems(source, (*place, "when"), rule.when, _POLICY_FACTS)
        yield from _template_problems(source, (*place, "because"), rule.because, rule.when, _POLICY_FACTS)
        if rule.valid_from and rule.valid_to and rule.valid_to < rule.valid_from:
            message = f"valid_to {rule.valid_to} is before valid_from {rule.valid_from}"
            yield source.problem((*place, "valid_to"), message)
        yield from _example_problems(source, place, rule)


def _example_problems(source: YamlSource[PolicySet], place: Location, rule: PolicyRule) -> Iterator[Problem]:
    for number, example in enumerate(rule.examples):
        here = (*place, "examples", number)
        for fact in sorted(example.given.keys() - _POLICY_FACTS):
            hint = suggest(fact, sorted(_POLICY_FACTS))
            yield source.problem((*here, "given", fact), f"unknown fact {fact!r}{hint}")
        said = rule.outcome if rule.when.holds(example.given) else None
        if said is not example.expect:
            expected = example.expect.value if example.expect else "silence"
            found = said.value if said else "nothing"
            message = f"the example of rule {rule.id!r} expects {expected}, the rule says {found}"
            yield source.problem(here, message)


def _signature_problems(source: YamlSource[PolicySet]) -> Iterator[Problem]:
    signature = source.value.signature
    if signature is None:
        yield source.problem(
            (), "these rules are not signed; a knowledge manager signs with `copilot policy sign`"
        )
    elif not source.value.signature_holds():
        yield source.problem(
            ("signature", "sha256"),
            f"the rules are not those that {signature.name} signed; "
            "review them and sign again with `copilot policy sign`",
        )


def _duplicate_rules(sources: Iterable[YamlSource[PolicySet]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for source in sources:
        for number, rule in enumerate(source.value.rules):
            if rule.id in first:
                message = f"the rule id {rule.id!r} is taken already in {first[rule.id]}"
                yield source.problem(("rules", number, "id"), message)
            first.setdefault(rule.id, source.file)


# ---------------------------------------------------------------- shared


def _duplicates(sources: Sequence[YamlSource[ValueT]], key: str, names: Iterable[str]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for source, name in zip(sources, names, strict=True):
        if name in first:
            yield source.problem((key,), f"{key} {name!r} is taken already by {first[name]}")
        first.setdefault(name, source.file)


def _condition_problems(
    source: YamlSource[Playbook] | YamlSource[PolicySet] | YamlSource[Macro],
    place: Location,
    condition: Condition,
    known: frozenset[str],
) -> Iterator[Problem]:
    for fact in sorted(condition.facts_used() - known):
        yield source.problem(place, f"unknown fact {fact!r}{suggest(fact, sorted(known))}")


def _template_problems(
    source: YamlSource[Playbook] | YamlSource[PolicySet] | YamlSource[Macro],
    place: Location,
    template: str,
    when: Condition,
    known: frozenset[str],
) -> Iterator[Problem]:
    try:
        spoken_of, outside_ifs = facts_spoken_of(template)
    except TemplateProblem as error:
        yield source.problem(place, f"the template does not parse in its line {error.line}: {error}")
        return
    for fact in sorted(spoken_of - known):
        yield source.problem(place, f"unknown fact {fact!r}{suggest(fact, sorted(known))}")
    for fact in sorted((outside_ifs & known) - surely_known(when) - {KNOWLEDGE}):
        yield source.problem(
            place, f"{fact!r} may be unknown here; require {{fact: {fact}, known: true}} in 'when'"
        )
