"""`conversation`: recorded conversations, played through the HTTP API of the whole product."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from copilot.adapters.yaml_files import load_conversations
from copilot.adapters.yaml_source import read_all, yaml_files
from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.domain.recording import RecordedConversation
from copilot.evaluation.conversations import Check, Performance, play_all
from copilot.evaluation.kinds.cases import mean, rounded
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult, OnProgress
from copilot.evaluation.kinds.rows import nothing_to_score, sample
from copilot.evaluation.known_misses import load_known_misses, surprises
from copilot.evaluation.local_server import local_server
from copilot.evaluation.workbench import settings_for

_WHAT = "a folder of recorded conversations (YAML)"
_KNOWN_MISSES = "known_misses.yaml"


class ConversationKind:
    """The share of expectations that the panel meets, by kind of expectation; a conversation is a case.

    `known_misses.yaml` beside the folder lists what is known not to be met: `new_misses` counts the others.
    """

    name = "conversation"

    async def run(self, options: KindOptions, on_progress: OnProgress) -> KindResult:
        recordings, refused = _read(options.data)
        recordings = sample(recordings, options.limit, options.seed)
        if not recordings:
            raise nothing_to_score(options.data, refused, _WHAT)
        settings = settings_for(options.system)
        done = 0

        def heard(_: Performance) -> None:
            nonlocal done
            done += 1
            on_progress(done, len(recordings))

        on_progress(0, len(recordings))
        with tempfile.TemporaryDirectory(prefix="copilot-eval-") as place:
            async with local_server(Path(place), settings.knowledge_dir, options.system) as server:
                played = await play_all(server, recordings, heard)
        return _result(played, refused, options.data)


def _read(folder: Path) -> tuple[Sequence[RecordedConversation], list[Refusal]]:
    """What reads well; a file that does not is refused by its line."""
    try:
        return load_conversations(folder), []
    except ConfigurationError:
        pass
    try:
        sources, problems = read_all(yaml_files(folder), RecordedConversation)
    except ConfigurationError as error:
        raise InvalidInput(error.message, where=error.where, hint=f"Expected {_WHAT}.") from error
    refused = [Refusal(source=f"{p.file}:{p.line}" if p.line else p.file, reason=p.message) for p in problems]
    return [source.value for source in sources], refused


def _result(played: Sequence[Performance], refused: Sequence[Refusal], folder: Path) -> KindResult:
    checks = [check for performance in played for check in performance.checks]
    list_ = folder.parent / _KNOWN_MISSES
    names = {performance.recording.id for performance in played}
    known = [m for m in load_known_misses(list_) if m.recording in names] if list_.is_file() else []
    cases = [_case(performance) for performance in played]
    figures: dict[str, float | None] = {
        "expectations_met": _share(checks),
        "conversations_met": mean(cases, "all_met"),
        "expectations": float(len(checks)),
        "misses": float(sum(not check.hit for check in checks)),
        "new_misses": float(len(surprises(checks, known))),
    }
    for kind in sorted({check.kind for check in checks}):
        figures[f"{kind}_met"] = _share([check for check in checks if check.kind == kind])
    return KindResult(figures=rounded(figures), cases=tuple(cases), refused=tuple(refused))


def _case(performance: Performance) -> CaseResult:
    misses = [check for check in performance.checks if not check.hit]
    scores: dict[str, float | None] = {
        "met": _share(performance.checks),
        "all_met": float(not misses),
    }
    for kind in sorted({check.kind for check in performance.checks}):
        scores[f"{kind}_met"] = _share([check for check in performance.checks if check.kind == kind])
    return CaseResult(
        id=performance.recording.id,
        scores=scores,
        slices={"channel": performance.recording.channel.value},
        evidence={
            "title": performance.recording.title,
            "misses": [f"turn {c.turn}, {c.kind}: expected {c.expected}, shown {c.shown}" for c in misses],
        },
    )


def _share(checks: Sequence[Check]) -> float | None:
    return sum(check.hit for check in checks) / len(checks) if checks else None
