"""Plays finished conversations against the present system and a candidate: what would have changed."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.config import Settings
from copilot.domain.errors import CopilotError
from copilot.domain.knowledge import Refusal
from copilot.domain.recording import RecordedConversation
from copilot.evaluation.baselines import Baseline, differences, scores_of
from copilot.evaluation.conversations import play
from copilot.evaluation.kinds.cases import mean, rounded
from copilot.evaluation.kinds.kind import CaseResult, KindResult
from copilot.evaluation.live_client import LiveClient
from copilot.evaluation.local_server import local_server
from copilot.evaluation.outcome import SuiteOutcome
from copilot.evaluation.replay.candidate import Candidate, Price
from copilot.evaluation.replay.meter import Meter, metered
from copilot.evaluation.replay.moments import GATES, Moment, Showing, Tokens, showing
from copilot.evaluation.runner import verdicts
from copilot.evaluation.suites import Suite
from copilot.evaluation.workbench import settings_for

OnPlayed = Callable[[str, int, int], None]
"""Called with the system's name, how many conversations are played with it, and of how many."""

_UNITS = 1_000_000


async def shown_by(
    candidate: Candidate,
    recordings: Sequence[RecordedConversation],
    shop: Path | None = None,
    on_played: OnPlayed = lambda *_: None,
) -> list[Showing]:
    """What one system shows: over HTTP, in a data folder of its own that is deleted afterwards.

    Each turn is posted when everything that the turns before it lead to has been shown, so that a draft is
    made without knowing what was answered. Orders are the demo shop's, or those of a copy of `shop`: nothing
    of a real shop is ever changed.
    """
    settings = settings_for(candidate.system)
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="copilot-replay-")))
        knowledge = await asyncio.to_thread(candidate.lay_out, settings.knowledge_dir, place / "knowledge")
        data = place / "data"
        data.mkdir()
        system: dict[str, Any] = {**candidate.system, "order_system": "embedded"}
        if shop is not None:
            await asyncio.to_thread(shutil.copyfile, shop, data / "shop.db")
        meter = None
        if settings.llm_base_url is not None:
            meter = await stack.enter_async_context(metered(settings.llm_base_url, TiktokenCounter()))
            system["llm_base_url"] = meter.url
        server = await stack.enter_async_context(local_server(data, knowledge, system))
        representative = await stack.enter_async_context(
            LiveClient.connect(server.address, server.representative)
        )
        supervisor = await stack.enter_async_context(LiveClient.connect(server.address, server.supervisor))
        found = []
        for number, recording in enumerate(recordings, start=1):
            before = _read(meter)
            try:
                performance = await play(representative, supervisor, recording)
            except CopilotError as error:
                found.append(Showing(id=recording.id, problem=str(error)))
            else:
                after = _read(meter)
                used = Tokens(
                    prompt=after.prompt - before.prompt, completion=after.completion - before.completion
                )
                found.append(showing(performance, used))
            on_played(candidate.name, number, len(recordings))
    return found


def _read(meter: Meter | None) -> Tokens:
    return Tokens(prompt=meter.prompt, completion=meter.completion) if meter else Tokens()


async def replay(
    recordings: Sequence[RecordedConversation],
    candidate: Candidate,
    present: Candidate,
    *,
    refused: Sequence[Refusal] = (),
    shop: Path | None = None,
    data: str = "",
    on_played: OnPlayed = lambda *_: None,
) -> SuiteOutcome:
    """The candidate's run, with the present system as its baseline; a conversation is a case."""
    begun = time.monotonic()
    before = await shown_by(present, recordings, shop, on_played)
    after = await shown_by(candidate, recordings, shop, on_played)
    outcome = compared(before, after, candidate, present, refused)
    return outcome.model_copy(update={"data": data, "seconds": round(time.monotonic() - begun, 3)})


def compared(
    before: Sequence[Showing],
    after: Sequence[Showing],
    candidate: Candidate,
    present: Candidate,
    refused: Sequence[Refusal] = (),
) -> SuiteOutcome:
    """Conversation by conversation: those of one are not independent of each other, so they are one case."""
    old = {one.id: one for one in before}
    cases = [_case(old[one.id], one) for one in after]
    suite = Suite(
        name="replay",
        title=f"{candidate.name} against {present.name}",
        kind="replay",
        data="",
        regressions={"better": "higher", **GATES},
    )
    result = KindResult(
        figures=rounded({**_means(cases), **_changes(before, after), **_cost(after, candidate.price)}),
        cases=tuple(cases),
        refused=tuple(refused),
        notes=_notes(after, candidate),
    )
    old_cases = [
        CaseResult(id=one.id, scores={"better": 0.0, **one.scores()}, error=one.problem) for one in before
    ]
    baseline = Baseline(
        suite=suite.name,
        name=present.name,
        figures=rounded({**_means(old_cases), **_cost(before, present.price or candidate.price)}),
        cases=scores_of(old_cases),
    )
    changes = differences(baseline, scores_of(result.cases), suite.regressions, suite.seed)
    return SuiteOutcome(
        suite=suite.name,
        title=suite.title,
        kind=suite.kind,
        data="",
        seed=suite.seed,
        system=candidate.described(),
        regressions=suite.regressions,
        figures=result.figures,
        cases=result.cases,
        refused=result.refused,
        notes=result.notes,
        baseline=present.name,
        differences=changes,
        figures_before=baseline.figures,
        verdicts=tuple(verdicts(suite, result, changes)),
    )


def _case(before: Showing, after: Showing) -> CaseResult:
    if after.problem is not None:
        return CaseResult(id=after.id, scores={}, error=after.problem)
    old, new = before.scores(), after.scores()
    return CaseResult(
        id=after.id,
        scores={"better": _better(old, new), **new},
        evidence={
            "what changed": [
                line for pair in zip(before.moments, after.moments, strict=False) for line in _lines(*pair)
            ],
            "actions avoided": sorted(_proposed(before) - _proposed(after)),
            "actions added": sorted(_proposed(after) - _proposed(before)),
            "before": _plain(old),
            "after": _plain(new),
        },
    )


def _better(old: Mapping[str, float | None], new: Mapping[str, float | None]) -> float:
    """From -1 (worse in every score that is gated) to 1; each change counts as at most 1."""
    changes = []
    for name, way in GATES.items():
        a, b = old[name], new[name]
        if a is not None and b is not None:
            change = max(-1.0, min(1.0, b - a))
            changes.append(change if way == "higher" else -change)
    return sum(changes) / len(changes) if changes else 0.0


def _lines(old: Moment, new: Moment) -> list[str]:
    """A turn where something is different, to read from top to bottom."""
    wrong = [f"  broken promise: {text}" for text in new.broken_promises if text not in old.broken_promises]
    if new.strange_numbers != old.strange_numbers:
        wrong.append(f"  numbers from nowhere: {', '.join(new.strange_numbers) or 'none'}")
    if old.draft == new.draft and old.proposals == new.proposals and not wrong:
        return []
    lines = [f"turn {new.turn}, {new.said}", f"  before: {old.draft or '(nothing)'}"]
    lines.append(f"  after:  {new.draft or '(nothing)'}" if new.draft != old.draft else "  after:  the same")
    if new.sent is not None:
        lines.append(f"  sent:   {new.sent} (distance {old.distance:.2f} → {new.distance:.2f})")
    if old.proposals != new.proposals:
        lines.append(f"  proposed: {', '.join(old.proposals) or '–'} → {', '.join(new.proposals) or '–'}")
    return lines + wrong


def _plain(scores: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in scores.items() if value is not None)


def _proposed(one: Showing) -> set[str]:
    return {f"turn {moment.turn}: {tool}" for moment in one.moments for tool in moment.proposals}


# ---------------------------------------------------------------- figures


def _means(cases: Sequence[CaseResult]) -> dict[str, float | None]:
    names = dict.fromkeys(name for case in cases for name in case.scores)
    return {name: mean(cases, name) for name in names}


def _changes(before: Sequence[Showing], after: Sequence[Showing]) -> dict[str, float | None]:
    pairs = [
        pair
        for old, new in zip(before, after, strict=True)
        for pair in zip(old.moments, new.moments, strict=False)  # one that cannot be played has none
    ]
    avoided = sum(len(_proposed(a) - _proposed(b)) for a, b in zip(before, after, strict=True))
    added = sum(len(_proposed(b) - _proposed(a)) for a, b in zip(before, after, strict=True))
    return {
        "moments": float(len(pairs)),
        "suggestions_changed": float(sum(a.draft != b.draft for a, b in pairs)),
        "suggestions_added": float(sum(not a.draft and bool(b.draft) for a, b in pairs)),
        "suggestions_gone": float(sum(bool(a.draft) and not b.draft for a, b in pairs)),
        "actions_avoided": float(avoided),
        "actions_added": float(added),
    }


def _cost(shown: Sequence[Showing], price: Price | None) -> dict[str, float | None]:
    if price is None:
        return {}
    total = sum(one.tokens.prompt * price.prompt + one.tokens.completion * price.completion for one in shown)
    return {"cost": total / _UNITS}


def _notes(after: Sequence[Showing], candidate: Candidate) -> tuple[str, ...]:
    notes = []
    if not any(one.tokens.prompt for one in after):
        notes.append("no language model was asked: there are no tokens to count")
    elif candidate.price is None:
        notes.append("the cost is not known: the candidate names no price")
    if not any(moment.sent for one in after for moment in one.moments):
        notes.append("nobody answered in these conversations: there is nothing to measure edits against")
    return tuple(notes)


def present_shop(settings: Settings) -> Path | None:
    """The embedded shop of a deployment, so that the orders that were spoken of are there."""
    return settings.shop_path if settings.shop_path.is_file() else None
