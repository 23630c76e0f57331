"""Learns from finished conversations which step comes next.

A conditional logit (McFadden 1974) over the candidates of each decision: shared weights for evidence that
means the same for every step, and per step and per group of steps what each trait of the state says for it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.assist.flow.alignment import aligned, spoken
from copilot.assist.flow.centroids import Centroids
from copilot.assist.flow.chart import Charts
from copilot.assist.flow.evidence import NAMES, Evidence, Meanings, Own
from copilot.assist.flow.progress import Progress, decisions
from copilot.assist.flow.ranker import StepRanker, Weights, meaning_traits, prior_weights
from copilot.assist.flow.traits import traits_of
from copilot.assist.flow.transitions import Transitions, contexts_of
from copilot.domain.episode import CustomerSaid, Episode, OwnWords
from copilot.domain.playbook import Flow
from copilot.ports import Embedder, Vector

Matrix = NDArray[np.float32]
_SEED = 20260501


@dataclass(frozen=True)
class Fitting:
    """How the weights are found; the defaults are for a few hundred conversations."""

    epochs: int = 14
    batch: int = 128
    rate_own: float = 0.03
    rate_shared: float = 0.03
    decay_own: float = 1e-3
    decay_shared: float = 1e-3
    trait_seen: int = 8
    dropout: float = 0.5
    decisions_for_own: int = 200
    """With fewer, only the shared weights are fitted."""


@dataclass(frozen=True)
class _Decision:
    episode: str
    flows: tuple[str, ...]
    progress: Progress
    step: str


class StepTrainer:
    """CPU-bound and deterministic but for `embed`; one tenant's episodes at a time."""

    def __init__(self, embedder: Embedder, fitting: Fitting | None = None) -> None:
        self._embedder = embedder
        self._fitting = fitting or Fitting()

    async def train(self, flows: Sequence[Flow], episodes: Sequence[Episode]) -> StepRanker:
        """With no decision in the episodes, a ranker that goes by the flows as written."""
        vectors = await self.embed(flows, episodes)
        return self.fit(flows, [aligned(e, flows, vectors) for e in episodes], vectors)

    async def embed(self, flows: Sequence[Flow], episodes: Sequence[Episode]) -> dict[str, Vector]:
        """By text: of everything customers said, and of what the steps say."""
        heard = (CustomerSaid, OwnWords)
        texts = {e.text for episode in episodes for e in episode.events if isinstance(e, heard)}
        texts |= {said for flow in flows for step in flow.steps if (said := spoken(step))}
        ordered = sorted(texts)
        return dict(zip(ordered, await self._embedder.embed_passages(ordered), strict=True))

    def fit(
        self, flows: Sequence[Flow], episodes: Sequence[Episode], vectors: Mapping[str, Vector]
    ) -> StepRanker:
        made = [
            _Decision(episode.id, episode.flows, progress, taken.step)
            for episode in episodes
            for progress, taken in decisions(episode.events, own_words=True)
        ]
        if not made:
            return StepRanker(flows)
        transitions = Transitions.of((contexts_of(d.progress, d.flows), d.step) for d in made)
        meanings = _meanings(made, vectors, Charts(flows), _replies(flows, vectors))
        untrained = StepRanker(flows, transitions, meanings)
        weights = _fit(untrained, made, vectors, self._fitting)
        return StepRanker(flows, transitions, meanings, weights)


def _replies(flows: Sequence[Flow], vectors: Mapping[str, Vector]) -> dict[str, Vector]:
    said = {step.id: spoken(step) for flow in flows for step in flow.steps}
    return {step: vectors[text] for step, text in said.items() if text in vectors}


def _meanings(
    made: Sequence[_Decision], vectors: Mapping[str, Vector], charts: Charts, replies: Mapping[str, Vector]
) -> Meanings:
    """What customers said straight after, straight before, and around the steps of each flow."""
    answers, prompts, flows = [], [], []
    for decision in made:
        progress = decision.progress
        vector = vectors.get(progress.last_said)
        if vector is None:
            continue
        if progress.last_event == "customer":
            prompts.append((decision.step, vector))
            if progress.history:
                answers.append((progress.last.split(":")[0], vector))
        homes = charts.homes.get(decision.step, ())
        flows += [(home, vector) for home in homes if home in decision.flows]
    return Meanings(replies, Centroids.of(answers), Centroids.of(prompts), Centroids.of(flows))


def said_vectors(progress: Progress, vectors: Mapping[str, Vector]) -> list[Vector]:
    """One for each customer turn; empty when any is missing."""
    found = [vectors[text] for text in progress.customer if text in vectors]
    return found if len(found) == len(progress.customer) else []


@dataclass(frozen=True)
class _Examples:
    """All decisions as arrays: candidates padded with -1, `evidence` (n, candidates, NAMES)."""

    candidates: NDArray[np.int32]
    evidence: Matrix
    chosen: NDArray[np.int64]
    traits: list[tuple[NDArray[np.int32], Matrix]]
    meanings: Matrix


def _fit(
    untrained: StepRanker, made: Sequence[_Decision], vectors: Mapping[str, Vector], fitting: Fitting
) -> Weights:
    steps = tuple(sorted({d.step for d in made} | set(untrained.charts.steps)))
    traits = _vocabulary(made, fitting) if len(made) >= fitting.decisions_for_own else ()
    examples = _examples(untrained, made, vectors, steps, traits)
    fit = _Fit(examples, _groups(untrained.charts, steps), len(traits), fitting)
    shared, own = fit.run()
    return Weights(steps, traits, shared, own.astype(np.float16) if traits else np.zeros((0, 0), np.float16))


def _vocabulary(made: Sequence[_Decision], fitting: Fitting) -> tuple[str, ...]:
    seen = Counter(trait for d in made for trait in traits_of(d.progress, d.flows))
    return tuple(sorted(trait for trait, n in seen.items() if n >= fitting.trait_seen))


def _groups(charts: Charts, steps: Sequence[str]) -> Matrix:
    """(steps, groups): a step shares weights with those of its flow and with those of its kind."""
    names = [
        [f"kind:{charts.kind_of(step)}", *(f"flow:{home}" for home in charts.homes.get(step, ()))]
        for step in steps
    ]
    number = {name: i for i, name in enumerate(sorted({n for group in names for n in group}))}
    groups = np.zeros((len(steps), len(number)), dtype=np.float32)
    for row, group in zip(groups, names, strict=True):
        row[[number[name] for name in group]] = 1
    return groups


def _examples(
    untrained: StepRanker,
    made: Sequence[_Decision],
    vectors: Mapping[str, Vector],
    steps: tuple[str, ...],
    traits: tuple[str, ...],
) -> _Examples:
    """A decision's own conversation is taken out of the counts that it is to be judged by."""
    number, column = {s: i for i, s in enumerate(steps)}, {t: i for i, t in enumerate(traits)}
    own = _own_part(made, vectors, untrained.charts)
    possible = {flows: untrained.candidates(flows) for flows in {d.flows for d in made}}
    evidence: Evidence = untrained.evidence
    rows, candidates, chosen, sparse, meanings = [], [], [], [], []
    for d in made:
        offered = possible[d.flows] if d.step in possible[d.flows] else (*possible[d.flows], d.step)
        said = said_vectors(d.progress, vectors)
        rows.append(evidence.rows(d.progress, d.flows, offered, said, without=own[d.episode]))
        candidates.append([number[s] for s in offered])
        chosen.append(offered.index(d.step))
        found = [(column[t], v) for t, v in traits_of(d.progress, d.flows).items() if t in column]
        sparse.append(
            (np.array([i for i, _ in found], np.int32), np.array([v for _, v in found], np.float32))
        )
        meanings.append(meaning_traits(d.progress, said))
    width = max(map(len, candidates))
    ids = np.full((len(made), width), -1, dtype=np.int32)
    packed = np.zeros((len(made), width, len(NAMES)), dtype=np.float32)
    for i, (row, offer) in enumerate(zip(rows, candidates, strict=True)):
        ids[i, : len(offer)], packed[i, : len(offer)] = offer, row
    return _Examples(ids, packed, np.array(chosen), sparse, np.asarray(meanings, dtype=np.float32))


def _own_part(made: Sequence[_Decision], vectors: Mapping[str, Vector], charts: Charts) -> dict[str, Own]:
    by_episode: dict[str, list[_Decision]] = defaultdict(list)
    for decision in made:
        by_episode[decision.episode].append(decision)
    return {
        episode: Own(
            Transitions.of((contexts_of(d.progress, d.flows), d.step) for d in own),
            _meanings(own, vectors, charts, {}),
        )
        for episode, own in by_episode.items()
    }


class _Fit:
    """Stochastic gradient descent: AdaGrad for the sparse weights, Adam for the shared ones."""

    def __init__(self, examples: _Examples, groups: Matrix, traits: int, fitting: Fitting) -> None:
        self._examples, self._groups, self._fitting, self._traits = examples, groups, fitting, traits
        height = traits + examples.meanings.shape[1] if traits else 0
        self._own = np.zeros((height, len(groups)), dtype=np.float32)
        self._grouped = np.zeros((height, groups.shape[1]), dtype=np.float32)
        self._own_seen = np.full_like(self._own, 1e-6)
        self._grouped_seen = np.full_like(self._grouped, 1e-6)
        self._shared = prior_weights()
        self._mean, self._square = np.zeros_like(self._shared), np.zeros_like(self._shared)
        self._random = np.random.default_rng(_SEED)

    def run(self) -> tuple[NDArray[np.float32], Matrix]:
        fitting, count, taken = self._fitting, len(self._examples.chosen), 0
        for epoch in range(fitting.epochs):
            order = self._random.permutation(count)
            for start in range(0, count, fitting.batch):
                taken += 1
                self._step(order[start : start + fitting.batch], taken, 1 - epoch / fitting.epochs)
        return self._shared, self._own + self._grouped @ self._groups.T

    def _step(self, batch: NDArray[np.int64], taken: int, pace: float) -> None:
        examples = self._examples
        ids, evidence = examples.candidates[batch], examples.evidence[batch]
        there = ids >= 0
        scores = evidence @ self._shared
        used, dense = self._inputs(batch)
        if self._traits:
            per_step = dense @ self._own[used] + (dense @ self._grouped[used]) @ self._groups.T
            scores += np.take_along_axis(per_step, np.maximum(ids, 0), axis=1)
        scores[~there] = -np.inf
        slope = np.exp(scores - scores.max(axis=1, keepdims=True))
        slope /= slope.sum(axis=1, keepdims=True)
        slope[np.arange(len(batch)), examples.chosen[batch]] -= 1
        slope /= len(batch)
        self._move_shared(np.einsum("bc,bcn->n", slope, evidence), taken, pace)
        if self._traits:
            by_step = np.zeros((len(batch), len(self._groups)), dtype=np.float32)
            rows, _ = np.nonzero(there)
            by_step[rows, ids[there]] = slope[there]
            self._move_own(used, dense.T @ by_step, pace)

    def _inputs(self, batch: NDArray[np.int64]) -> tuple[NDArray[np.int64], Matrix]:
        """The rows of the weights that this batch touches, and its inputs for them, some dropped."""
        if not self._traits:
            return np.zeros(0, dtype=np.int64), np.zeros((len(batch), 0), dtype=np.float32)
        sparse = [self._examples.traits[i] for i in batch]
        used, place = np.unique(np.concatenate([ids for ids, _ in sparse]), return_inverse=True)
        dense = np.zeros((len(batch), len(used)), dtype=np.float32)
        rows = np.repeat(np.arange(len(batch)), [len(ids) for ids, _ in sparse])
        dense[rows, place] = np.concatenate([values for _, values in sparse])
        dense = np.hstack([dense, self._examples.meanings[batch]])
        if self._fitting.dropout:
            kept = self._random.random(dense.shape, dtype=np.float32) >= self._fitting.dropout
            dense *= kept / np.float32(1 - self._fitting.dropout)
        meaning_rows = np.arange(self._traits, len(self._own))
        return np.concatenate([used, meaning_rows]), dense

    def _move_shared(self, slope: NDArray[np.float32], taken: int, pace: float) -> None:
        pull = self._fitting.decay_shared * (self._shared - prior_weights())
        slope = np.asarray(slope + pull, dtype=np.float32)
        self._mean = (0.9 * self._mean + 0.1 * slope).astype(np.float32)
        self._square = (0.99 * self._square + 0.01 * slope * slope).astype(np.float32)
        mean, square = self._mean / (1 - 0.9**taken), self._square / (1 - 0.99**taken)
        step = self._fitting.rate_shared * pace * mean / (np.sqrt(square) + 1e-7)
        self._shared -= step.astype(np.float32)

    def _move_own(self, used: NDArray[np.int64], slope: Matrix, pace: float) -> None:
        decay, rate = self._fitting.decay_own, self._fitting.rate_own * pace
        grouped = np.asarray(slope @ self._groups + 0.3 * decay * self._grouped[used], dtype=np.float32)
        own = np.asarray(slope + decay * self._own[used], dtype=np.float32)
        self._own_seen[used] += own * own
        self._grouped_seen[used] += grouped * grouped
        self._own[used] -= rate * own / np.sqrt(self._own_seen[used])
        self._grouped[used] -= rate * grouped / np.sqrt(self._grouped_seen[used])
