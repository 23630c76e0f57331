"""Ranks the steps that may come next: one log-linear model, the same for a flow chart and a playbook."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from copilot.assist.flow.centroids import Centroids
from copilot.assist.flow.chart import Charts
from copilot.assist.flow.evidence import NAMES, Evidence, Meanings
from copilot.assist.flow.progress import Progress
from copilot.assist.flow.traits import traits_of
from copilot.assist.flow.transitions import Transitions, contexts_of
from copilot.domain.errors import ConfigurationError
from copilot.domain.playbook import Flow
from copilot.ports import Vector

ARTIFACT_VERSION = 1
PRIOR: Mapping[str, float] = {"written_first": 1.0, "after_last_and_result": 1.0}
"""The weights before anything is learned: as written, unless the counts clearly say otherwise."""
_SCALES = (2.0, 1.0)


def prior_weights() -> NDArray[np.float32]:
    return np.array([PRIOR.get(name, 0.0) for name in NAMES], dtype=np.float32)


@dataclass(frozen=True)
class Weights:
    """What was learned: for each column of evidence, and for each trait what it says for each step.

    `shared` is (NAMES,); `own` is (traits and two vectors of what was said, steps), float16.
    """

    steps: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    shared: NDArray[np.float32] = field(default_factory=prior_weights)
    own: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float16))


@dataclass(frozen=True)
class Ranked:
    """A step with its share of the probability among the candidates."""

    step: str
    probability: float


class StepRanker:
    """Inference in plain numpy, about a millisecond for a decision. Knows one tenant's conversations only."""

    def __init__(
        self,
        flows: Sequence[Flow],
        transitions: Transitions | None = None,
        meanings: Meanings | None = None,
        weights: Weights | None = None,
    ) -> None:
        """Without transitions and weights it ranks as the flows are written."""
        self.charts = Charts(flows)
        self.evidence = Evidence(self.charts, transitions or Transitions(), meanings or Meanings())
        self.weights = weights or Weights()
        self._column = {step: i for i, step in enumerate(self.weights.steps)}
        self._row = {trait: i for i, trait in enumerate(self.weights.traits)}
        self._own = self.weights.own.astype(np.float32)

    def candidates(self, flows: tuple[str, ...]) -> tuple[str, ...]:
        """The flows' steps, and those that were done twice in finished conversations about them."""
        seen = [step for flow in flows for step in self.evidence.transitions.seen_in(flow, at_least=2)]
        return self.charts.candidates(flows, seen)

    def seen_next(self, progress: Progress, flows: tuple[str, ...]) -> dict[str, tuple[int, int]]:
        """By step: how often it came straight after the last one in these flows, and of how many."""
        counts = self.evidence.transitions.counts.get(contexts_of(progress, flows)[5], {})
        return {step: (n, sum(counts.values())) for step, n in counts.items()}

    def rank(
        self,
        progress: Progress,
        flows: tuple[str, ...],
        candidates: Sequence[str],
        said: Sequence[Vector] = (),
    ) -> list[Ranked]:
        """All candidates, most probable first; among equals the one written first.

        `said` has a unit vector for each customer turn, or is empty.
        """
        if not candidates:
            return []
        rows = self.evidence.rows(progress, flows, candidates, said)
        scores = rows @ self.weights.shared + self._own_scores(progress, flows, candidates, said)
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        order = np.argsort(-scores, kind="stable")
        return [Ranked(candidates[i], float(shares[i])) for i in order]

    def _own_scores(
        self, progress: Progress, flows: tuple[str, ...], candidates: Sequence[str], said: Sequence[Vector]
    ) -> NDArray[np.float32]:
        scores = np.zeros(len(candidates), dtype=np.float32)
        if not self._own.size:
            return scores
        known = [(i, v) for t, v in traits_of(progress, flows).items() if (i := self._row.get(t)) is not None]
        total = np.array([v for _, v in known], dtype=np.float32) @ self._own[[i for i, _ in known]]
        total = total + meaning_traits(progress, said) @ self._own[len(self._row) :]
        for number, step in enumerate(candidates):
            column = self._column.get(step)
            if column is not None:
                scores[number] = total[column]
        return scores


def meaning_traits(progress: Progress, said: Sequence[Vector]) -> NDArray[np.float32]:
    """The last customer turn's vector twice, shape (2 x dimensions,): as news, and whenever it was said."""
    dimensions = len(said[-1]) if said else 384
    if not said:
        return np.zeros(2 * dimensions, dtype=np.float32)
    news, ever = _SCALES
    fresh = news if progress.last_event == "customer" else 0.0
    return np.concatenate([fresh * said[-1], ever * said[-1]]).astype(np.float32)


def dump_ranker(ranker: StepRanker) -> bytes:
    """What was learned, as an .npz without pickled objects; the flows are kept elsewhere."""
    buffer = io.BytesIO()
    evidence, weights, meanings = ranker.evidence, ranker.weights, ranker.evidence.meanings
    counts = [[list(context), found] for context, found in evidence.transitions.counts.items()]
    texts = {g: dict(getattr(meanings, g).counts) for g in ("answers", "prompts", "flows")}
    note = {"version": ARTIFACT_VERSION, "counts": counts, "texts": texts, "evidence": NAMES}
    np.savez_compressed(
        buffer,
        note=np.array(json.dumps(note)),
        steps=np.array(weights.steps, dtype=np.str_),
        traits=np.array(weights.traits, dtype=np.str_),
        shared=weights.shared,
        own=weights.own,
        replies_of=np.array(list(meanings.replies), dtype=np.str_),
        replies=_rows(meanings.replies),
        answers_of=np.array(list(meanings.answers.sums), dtype=np.str_),
        answers=_rows(meanings.answers.sums),
        prompts_of=np.array(list(meanings.prompts.sums), dtype=np.str_),
        prompts=_rows(meanings.prompts.sums),
        flows_of=np.array(list(meanings.flows.sums), dtype=np.str_),
        flows=_rows(meanings.flows.sums),
    )
    return buffer.getvalue()


def load_ranker(content: bytes, flows: Sequence[Flow]) -> StepRanker:
    """Raises `ConfigurationError` when `content` is not what this version writes."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            note = json.loads(str(stored["note"]))
            if note["version"] != ARTIFACT_VERSION or tuple(note["evidence"]) != NAMES:
                raise ConfigurationError(
                    "What was learned of next steps is of another version.", hint="Run `copilot learn`."
                )
            return StepRanker(
                flows,
                Transitions({tuple(context): found for context, found in note["counts"]}),
                Meanings(
                    _read(stored, "replies"),
                    *(Centroids(_read(stored, g), note["texts"][g]) for g in ("answers", "prompts", "flows")),
                ),
                Weights(
                    steps=tuple(str(s) for s in stored["steps"]),
                    traits=tuple(str(t) for t in stored["traits"]),
                    shared=stored["shared"].astype(np.float32),
                    own=stored["own"].astype(np.float16),
                ),
            )
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise ConfigurationError(
            f"What was learned of next steps cannot be read: {error}.", hint="Run `copilot learn`."
        ) from error


def _rows(vectors: Mapping[str, Vector]) -> NDArray[np.float32]:
    return np.array(list(vectors.values()), dtype=np.float32)


def _read(stored: Mapping[str, NDArray[np.generic]], name: str) -> dict[str, Vector]:
    rows = stored[name].astype(np.float32)
    return {str(step): row for step, row in zip(stored[f"{name}_of"], rows, strict=True)}
