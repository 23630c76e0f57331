"""The playbook engine: what to do now, why, and with which call."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from copilot.assist.collaborators import Assessment, ToolDesk
from copilot.assist.flow.progress import progress_after
from copilot.assist.flow.ranker import StepRanker
from copilot.assist.flow.reading import EpisodeReader
from copilot.assist.situation import Situation
from copilot.domain.access import Principal
from copilot.domain.actions import Action, ActionStatus, PolicyOutcome, Provenance, ToolCall, ToolEffect
from copilot.domain.assist import NextAction, NextActionKind
from copilot.domain.conditions import FactValue
from copilot.domain.conversation import Conversation
from copilot.domain.errors import (
    ConfigurationError,
    Conflict,
    CopilotError,
    CustomerNotVerified,
    InvalidInput,
    LimitReached,
    NotFound,
    PolicyDenied,
)
from copilot.domain.playbook import Playbook, PlaybookStep
from copilot.domain.understanding import Intent
from copilot.prompts import render_text
from copilot.tools.facts import nested

_SHOWN = 3
_POLICY_FACTS = frozenset({"policy.outcome", "policy.reason"})
_VERIFIED_CUSTOMER = "a verified customer"
_WORTH_SAYING = 3


@dataclass(frozen=True)
class Plan:
    """The actions to show, best first, and the situation with the policy's word on the playbook's tool."""

    actions: tuple[NextAction, ...]
    situation: Situation
    proposals: tuple[Action, ...] = ()


@dataclass(frozen=True)
class _Turn:
    """On whose behalf and over what the engine works, for one revision."""

    principal: Principal
    conversation: Conversation
    playbook: Playbook
    confidence: float
    situation: Situation
    assessed: dict[str, Assessment] = field(default_factory=dict)


class NextActionPlanner:
    """Walks the playbook of the intent over the facts; writes are proposed, never done."""

    def __init__(self, desk: ToolDesk, reader: EpisodeReader | None = None) -> None:
        """Without `reader` it goes by the playbook's order, whatever was learned."""
        self._desk = desk
        self._reader = reader

    async def plan(
        self,
        principal: Principal,
        conversation: Conversation,
        *,
        playbook: Playbook | None,
        intent: Intent | None,
        situation: Situation,
        learned: StepRanker | None = None,
    ) -> Plan:
        """At most three actions whose condition holds: the likeliest first, by what was `learned`.

        With nothing learned they come in the playbook's order.
        """
        if playbook is None:
            return Plan(actions=(), situation=situation)
        turn = _Turn(principal, conversation, playbook, intent.confidence if intent else 1.0, situation)
        turn = await self._with_policy(turn)
        existing = await self._desk.actions(conversation)
        actions: list[NextAction] = []
        proposals: list[Action] = []
        open_steps = [step for step in playbook.steps if step.when.holds(turn.situation.facts)]
        for step in await self._ranked(turn, open_steps, existing, learned):
            if len(actions) == _SHOWN:
                break
            try:
                action, proposal = await self._step(turn, step, existing)
            except Conflict:
                continue  # the order is settled another way
            if action is not None:
                actions.append(action)
            if proposal is not None:
                proposals.append(proposal)
        return Plan(tuple(actions), turn.situation, tuple(proposals))

    async def _ranked(
        self, turn: _Turn, steps: list[PlaybookStep], existing: Sequence[Action], learned: StepRanker | None
    ) -> list[PlaybookStep]:
        """`steps` with the likeliest first, after those whose time has come; the why tells how often."""
        if learned is None or self._reader is None or len(steps) < 2:  # noqa: PLR2004 - nothing to order
            return steps
        read = await self._reader.read(turn.conversation, existing, [turn.playbook])
        progress, flows = progress_after(read.episode.events), read.episode.flows
        timed = [step for step in steps if step.after is not None]
        by_id = {step.id: step for step in steps if step.after is None}
        ranked = learned.rank(progress, flows, list(by_id), read.said)
        seen = learned.seen_next(progress, flows)
        return timed + [_with_count(by_id[r.step], *seen.get(r.step, (0, 0))) for r in ranked]

    async def _with_policy(self, turn: _Turn) -> _Turn:
        """Adds `policy.outcome` and `policy.reason` of the playbook's first tool that changes something."""
        step = self._deciding_step(turn)
        if step is None:
            return turn
        arguments, missing = self._arguments(step, turn.situation.facts)
        if missing:
            return turn
        try:
            assessment = await self._assess(turn, step, arguments)
        except Conflict:
            return turn
        if assessment is None:
            return turn
        facts: dict[str, FactValue] = {
            "policy.outcome": assessment.decision.outcome.value,
            "policy.reason": assessment.decision.reason,
        }
        return _Turn(
            turn.principal,
            turn.conversation,
            turn.playbook,
            turn.confidence,
            turn.situation.with_facts(facts),
            {step.id: assessment},
        )

    def _deciding_step(self, turn: _Turn) -> PlaybookStep | None:
        """The first tool that would be offered now; else the first that only waits for policy's word."""
        writes = [s for s in turn.playbook.steps if s.tool and self._changes(s.tool)]
        offered = (s for s in writes if s.when.holds(turn.situation.facts))
        waiting = (s for s in writes if s.when.facts_used() & _POLICY_FACTS)
        return next(offered, None) or next(waiting, None)

    async def _step(
        self, turn: _Turn, step: PlaybookStep, existing: Sequence[Action]
    ) -> tuple[NextAction | None, Action | None]:
        if step.tool is None:
            return self._action(turn, step), None
        arguments, missing = self._arguments(step, turn.situation.facts)
        if not self._changes(step.tool):
            # Look-ups run by themselves; one that is offered is one that still lacks something.
            return (self._action(turn, step, missing=missing) if missing else None), None
        if missing:
            return self._action(turn, step, missing=missing), None
        done = _same_call(existing, step.tool, arguments)
        if done is not None and done.status is not ActionStatus.PROPOSED:
            return None, None
        assessment = turn.assessed.get(step.id) or await self._assess(turn, step, arguments)
        if assessment is None:
            return self._action(turn, step, missing=("arguments that fit this order",)), None
        return await self._proposed(turn, step, arguments, assessment)

    async def _proposed(
        self, turn: _Turn, step: PlaybookStep, arguments: Mapping[str, Any], assessment: Assessment
    ) -> tuple[NextAction, Action | None]:
        call = ToolCall(id=_stable_id("call", turn, step), tool=step.tool or "", arguments=dict(arguments))
        shown = {"call": call, "decision": assessment.decision, "preview": assessment.preview}
        if assessment.decision.outcome is PolicyOutcome.DENY:
            return self._action(turn, step, **shown), None
        try:
            proposal = await self._desk.propose(
                turn.principal, turn.conversation, call.tool, arguments, origins(step)
            )
        except (PolicyDenied, LimitReached):
            return self._action(turn, step, **shown), None
        return (
            self._action(
                turn,
                step,
                call=proposal.call,
                decision=proposal.decision,
                preview=proposal.preview,
                action_id=proposal.id,
            ),
            proposal,
        )

    async def _assess(
        self, turn: _Turn, step: PlaybookStep, arguments: Mapping[str, Any]
    ) -> Assessment | None:
        """`Conflict` passes: what is settled already is not offered at all."""
        try:
            return await self._desk.assess(turn.principal, turn.conversation, step.tool or "", arguments)
        except (InvalidInput, NotFound, CustomerNotVerified):
            return None  # the call makes no sense for this order: nothing to offer

    def _changes(self, tool: str) -> bool:
        try:
            return self._desk.effect_of(tool) is not ToolEffect.READ
        except NotFound as error:
            raise ConfigurationError(
                f"A playbook names the tool {tool!r}, which is not in the catalog.",
                hint="Correct the playbook.",
            ) from error

    def _arguments(
        self, step: PlaybookStep, facts: Mapping[str, FactValue]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The call's arguments, and what is still unknown, in words."""
        arguments, missing = fill_arguments(step, facts)
        if not facts.get("conversation.verified"):
            missing = (_VERIFIED_CUSTOMER, *missing)
        unfilled = [a for a in self._desk.required_arguments(step.tool or "") if a not in step.arguments]
        return arguments, (*missing, *(a.replace("_", " ") for a in unfilled))

    def _action(self, turn: _Turn, step: PlaybookStep, **more: Any) -> NextAction:  # noqa: ANN401
        return NextAction(
            id=_stable_id("next", turn, step),
            kind=step.kind,
            title=_filled(step.title, turn.situation.facts) or step.title,
            why=_filled(step.why, turn.situation.facts) or step.why,
            playbook=turn.playbook.intent,
            step=step.id,
            say=_filled(step.say, turn.situation.facts) if step.say else None,
            confidence=turn.confidence,
            **more,
        )


def reads_to_run(
    playbook: Playbook | None, facts: Mapping[str, FactValue], is_read: "Mapping[str, bool]"
) -> list[tuple[str, dict[str, Any]]]:
    """(tool, arguments) of the look-ups whose condition holds and whose arguments are all known."""
    calls = []
    for step in playbook.steps if playbook else ():
        if step.tool is None or not is_read.get(step.tool) or not step.when.holds(facts):
            continue
        arguments, missing = fill_arguments(step, facts)
        if not missing:
            calls.append((step.tool, arguments))
    return calls


def fill_arguments(
    step: PlaybookStep, facts: Mapping[str, FactValue]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Literals (`=text`) and facts become arguments; names of unknown facts are returned in words."""
    arguments: dict[str, Any] = {}
    missing: list[str] = []
    for name, source in step.arguments.items():
        if source.startswith("="):
            arguments[name] = source[1:]
        elif source in facts:
            value = facts[source]
            arguments[name] = list(value) if isinstance(value, tuple) else value
        else:
            missing.append(source.replace(".", " ").replace("_", " "))
    return arguments, tuple(missing)


def origins(step: PlaybookStep) -> dict[str, Provenance]:
    """Where each argument of a step comes from; what the customer only said is not yet a fact."""
    return {name: _origin(source) for name, source in step.arguments.items()}


def _origin(source: str) -> Provenance:
    if source.startswith("="):
        return Provenance.PLAYBOOK
    return Provenance.CUSTOMER_TEXT if source.startswith("entity.") else Provenance.FACT


def _with_count(step: PlaybookStep, times: int, chances: int) -> PlaybookStep:
    if chances < _WORTH_SAYING or times < _WORTH_SAYING:
        return step
    why = f"{step.why} Done next {times} of {chances} times in finished conversations."
    return step.model_copy(update={"why": why})


def _same_call(existing: Sequence[Action], tool: str, arguments: Mapping[str, Any]) -> Action | None:
    """An earlier action for this call that is under way or done; ended ones may be proposed again."""
    live = {ActionStatus.SUCCEEDED, ActionStatus.REJECTED}
    for action in existing:
        counts = not action.status.is_final or action.status in live
        if counts and action.call.tool == tool and _covers(action.call.arguments, arguments):
            return action
    return None


def _covers(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether both calls are for the same thing; the amount changes as soon as it is done."""
    return all(_plain(known.get(name)) == _plain(value) for name, value in wanted.items() if name != "amount")


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [str(v).casefold() for v in value]
    return str(value).casefold()


def _filled(template: str, facts: Mapping[str, FactValue]) -> str | None:
    try:
        return render_text(template, nested(facts)).strip()
    except CopilotError:
        return None  # it speaks of something not known yet


def _stable_id(prefix: str, turn: _Turn, step: PlaybookStep) -> str:
    """The same step of the same conversation keeps its id, so that a panel can update it in place."""
    name = f"{turn.conversation.id}/{turn.playbook.intent}/{step.id}"
    return f"{prefix}_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


__all__ = ["NextActionKind", "NextActionPlanner", "Plan", "fill_arguments", "origins", "reads_to_run"]
