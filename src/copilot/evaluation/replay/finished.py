"""Reading conversations that are over: recorded ones (YAML), and those of the store (JSON Lines)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from copilot.adapters.yaml_source import read_all, yaml_files
from copilot.domain.actions import ActionStatus, PolicyOutcome
from copilot.domain.archive import FinishedConversation
from copilot.domain.assist_events import ActionUpdatedEvent, ToolResultEvent, TurnEvent
from copilot.domain.conversation import Speaker
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.domain.recording import ExpectedWrapUp, RecordedConversation, RecordedTurn, Verification
from copilot.evaluation.kinds.rows import DataRow, read_rows
from copilot.ports import ConversationArchive

_WHAT = "recorded conversations (YAML), folders of them, or an export of the store (JSON Lines)"
_PAGE = 50


class _Exported(FinishedConversation, DataRow):
    """A line of an export."""


def read_conversations(paths: Sequence[Path]) -> tuple[list[RecordedConversation], list[Refusal]]:
    """What reads well, and what does not by file and line. A conversation's id may stand once only."""
    found: list[RecordedConversation] = []
    refused: list[Refusal] = []
    for path in paths:
        read, bad = _exported(path) if path.suffix == ".jsonl" else _recorded(path)
        found += read
        refused += bad
    seen: dict[str, RecordedConversation] = {}
    for recording in found:
        if recording.id in seen:
            refused.append(Refusal(source=recording.id, reason="there is a conversation of this id already."))
        seen.setdefault(recording.id, recording)
    return list(seen.values()), refused


async def finished_in_store(archive: ConversationArchive, tenant_id: str) -> list[FinishedConversation]:
    """All wrapped-up conversations, oldest first."""
    found: list[FinishedConversation] = []
    while page := await archive.finished(
        tenant_id, after=found[-1].conversation.id if found else None, limit=_PAGE
    ):
        found += page
    return found


def _recorded(path: Path) -> tuple[list[RecordedConversation], list[Refusal]]:
    if not path.exists():
        raise InvalidInput("there is no such file or folder.", where=str(path), hint=f"Expected {_WHAT}.")
    try:
        sources, problems = read_all([path] if path.is_file() else yaml_files(path), RecordedConversation)
    except ConfigurationError as error:
        raise InvalidInput(error.message, where=error.where, hint=f"Expected {_WHAT}.") from error
    refused = [Refusal(source=f"{p.file}:{p.line}" if p.line else p.file, reason=p.message) for p in problems]
    return [source.value for source in sources], refused


def _exported(path: Path) -> tuple[list[RecordedConversation], list[Refusal]]:
    rows, refused = read_rows(path, _Exported)
    found = []
    for row in rows:
        try:
            found.append(as_recording(row.value))
        except ValidationError as error:
            reason = f"it cannot be played: {error.errors()[0]['msg']}."
            refused.append(Refusal(source=row.place, reason=reason))
    return found, refused


def as_recording(finished: FinishedConversation) -> RecordedConversation:
    """What happened, in order: turns, the customer's verification, and decisions on what was proposed.

    The proof of identity is not kept; an order that was shown afterwards, and its e-mail, stand in for it.
    Where nothing was shown the conversation is played without. `ValidationError` when nobody said anything.
    """
    conversation = finished.conversation
    proof = _proof(finished)
    steps = list(_steps(finished, proof))
    known_before = conversation.customer_id is not None and not any("verify" in step for step in steps)
    return RecordedConversation(
        id=conversation.id.lower().replace("_", "-"),
        title=conversation.subject or conversation.id,
        channel=conversation.channel,
        crm_customer=proof.email if known_before and proof is not None else None,
        turns=tuple(RecordedTurn.model_validate(step) for step in steps),
        wrap_up=ExpectedWrapUp(disposition=finished.wrap_up.disposition.code) if finished.wrap_up else None,
    )


def _steps(finished: FinishedConversation, proof: Verification | None) -> Iterator[dict[str, Any]]:
    spoken = {event.data.id for event in finished.events if isinstance(event, TurnEvent)}
    of_turns = {event.revision for event in finished.events if isinstance(event, TurnEvent)}
    if not spoken:  # events may be deleted earlier than turns
        yield from ({turn.speaker.value: turn.text} for turn in finished.conversation.turns)
        return
    last, decided = 0, set[tuple[str, ActionStatus]]()
    for event in finished.events:
        if event.revision > last:
            last = event.revision
            if last not in of_turns and proof is not None:
                yield {"verify": proof}
        if isinstance(event, TurnEvent):
            speaker = "customer" if event.data.speaker is Speaker.CUSTOMER else "representative"
            yield {speaker: event.data.text}
        elif isinstance(event, ActionUpdatedEvent):
            key = (event.data.id, event.data.status)
            if (decision := _decision(event)) is not None and key not in decided:
                yield {decision: event.data.call.tool}
            decided.add(key)


def _decision(event: ActionUpdatedEvent) -> str | None:
    action = event.data
    if action.status is ActionStatus.REJECTED:
        return "reject"
    if action.status is ActionStatus.AWAITING_SECOND_APPROVAL:
        return "approve"
    if action.status is not ActionStatus.SUCCEEDED:
        return None
    by_two = action.decision.outcome is PolicyOutcome.NEEDS_SUPERVISOR
    return "approve_as_supervisor" if by_two else "approve"


def _proof(finished: FinishedConversation) -> Verification | None:
    for view in _views(finished.events):
        if view.customer is not None and view.orders:
            return Verification(email=view.customer.email, order_id=view.orders[0].id)
    return None


def _views(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        if isinstance(event, ToolResultEvent) and event.data.order_view is not None:
            yield event.data.order_view
