"""How far a metric agrees with people: rank correlations with bootstrap intervals, on the same answers.

An answer that a metric fails on keeps its place with the score 0, so that no metric looks better by failing.
"""

from collections.abc import Sequence

import numpy as np

from copilot.domain.value import Value
from copilot.evaluation.metrics.metric import BatchMetric, Score
from copilot.evaluation.rated_answers import RatedAnswer

RESAMPLES = 1_000
_LEAST = 3
_PERCENTILES = (2.5, 97.5)
PUBLISHED = "published."


class Agreement(Value):
    """Of one metric with one dimension on some answers; intervals are 95 %, None where there is too little.

    `by_conversation` resamples whole conversations: answers of one are alike, so it is the wider, safer one.
    """

    metric: str
    dimension: str
    answers: int
    spearman: float | None
    kendall: float | None
    interval: tuple[float, float] | None = None
    by_conversation: tuple[float, float] | None = None
    slice: str = "all"


class Calibration(Value):
    """`points` are (metric, answer, model, score, rating) of the first dimension, for plots."""

    answers: int
    agreements: tuple[Agreement, ...]
    errors: dict[str, int]
    """By metric, how many answers it failed on."""
    first_errors: dict[str, str]
    not_run: dict[str, str]
    points: dict[str, tuple[tuple[float, float, str], ...]]
    notes: tuple[str, ...] = ()

    def of(self, metric: str, dimension: str, slice_: str = "all") -> Agreement | None:
        return next(
            (a for a in self.agreements if (a.metric, a.dimension, a.slice) == (metric, dimension, slice_)),
            None,
        )


async def calibrate(
    rows: Sequence[RatedAnswer],
    metrics: Sequence[BatchMetric],
    dimensions: Sequence[str],
    *,
    seed: int = 0,
) -> Calibration:
    """Published scores that the rows carry are compared too, as `published.NAME`."""
    samples = [row.sample() for row in rows]
    scored: dict[str, list[float]] = {}
    errors: dict[str, int] = {}
    first: dict[str, str] = {}
    not_run: dict[str, str] = {}
    for metric in metrics:
        scores = await metric.score_all(samples)
        if scores and all(s.not_run is not None for s in scores):
            not_run[metric.name] = scores[0].not_run or ""
            continue
        failed = [s.error for s in scores if s.error is not None]
        if failed:
            errors[metric.name], first[metric.name] = len(failed), failed[0]
        scored[metric.name] = [_number(s) for s in scores]
    for name in dict.fromkeys(name for row in rows for name in row.auto):
        scored[f"{PUBLISHED}{name}"] = [row.auto.get(name) or 0.0 for row in rows]
    agreements = [
        agreement
        for name, values in scored.items()
        for dimension in dimensions
        for agreement in _agreements(name, dimension, values, rows, seed)
    ]
    return Calibration(
        answers=len(rows),
        agreements=tuple(agreements),
        errors=errors,
        first_errors=first,
        not_run=not_run,
        points={name: _points(values, rows, dimensions[0]) for name, values in scored.items()},
        notes=_notes(metrics),
    )


def _agreements(
    metric: str, dimension: str, values: Sequence[float], rows: Sequence[RatedAnswer], seed: int
) -> list[Agreement]:
    found = []
    chosen = [i for i, row in enumerate(rows) if row.rating(dimension) is not None]
    groups: dict[str, list[int]] = {"all": chosen}
    for i in chosen:
        if metric.startswith(PUBLISHED):
            continue
        for name, value in rows[i].slices.items():
            groups.setdefault(f"{name}={value}", []).append(i)
    for name, members in groups.items():
        if name != "all" and len(members) < _LEAST:
            continue
        x = np.array([values[i] for i in members])
        y = np.array([rows[i].rating(dimension) for i in members], dtype=np.float64)
        conversations = np.array([rows[i].conversation for i in members])
        found.append(
            Agreement(
                metric=metric,
                dimension=dimension,
                answers=len(members),
                spearman=_rounded(spearman(x, y)),
                kendall=_rounded(kendall(x, y)),
                interval=bootstrap(x, y, np.arange(len(x)), seed),
                by_conversation=bootstrap(x, y, conversations, seed),
                slice=name,
            )
        )
    return found


def spearman(x: np.ndarray, y: np.ndarray) -> float | None:
    """None where one of them is the same throughout, or there are fewer than three."""
    if len(x) < _LEAST:
        return None
    a, b = _ranks(x), _ranks(y)
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def kendall(x: np.ndarray, y: np.ndarray) -> float | None:
    """Tau-b, which takes ties into account."""
    from scipy.stats import kendalltau  # noqa: PLC0415 - costs start-up time

    if len(x) < _LEAST or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    return float(kendalltau(x, y).statistic)


def bootstrap(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> tuple[float, float] | None:
    """The 95 % percentile interval of Spearman's coefficient when whole groups are drawn again."""
    _, member = np.unique(groups, return_inverse=True)
    number = int(member.max()) + 1 if len(member) else 0
    if number < _LEAST:
        return None
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
    times = drawn[:, member].astype(np.float64)
    found = _weighted_correlation(_weighted_ranks(x, times), _weighted_ranks(y, times), times)
    found = found[np.isfinite(found)]
    if len(found) < RESAMPLES // 2:
        return None
    low, high = np.percentile(found, _PERCENTILES)
    return round(float(low), 4), round(float(high), 4)


def _weighted_ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Ranks, ties at their mean, where answer i occurs `times[resample, i]` times."""
    kinds, kind = np.unique(values, return_inverse=True)
    many = times @ (kind[:, None] == np.arange(len(kinds))).astype(np.float64)
    middle = np.cumsum(many, axis=1) - (many - 1) / 2
    return np.asarray(middle[:, kind])


def _weighted_correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's, a resample a row; NaN where one of them is the same throughout."""
    total = weights.sum(axis=1, keepdims=True)
    dx = x - (weights * x).sum(axis=1, keepdims=True) / total
    dy = y - (weights * y).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((weights * dx**2).sum(axis=1) * (weights * dy**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights * dx * dy).sum(axis=1) / spread)


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1, ties at their mean."""
    from scipy.stats import rankdata  # noqa: PLC0415 - costs start-up time

    return np.asarray(rankdata(values), dtype=np.float64)


def _number(score: Score) -> float:
    return score.counted or 0.0


def _points(
    values: Sequence[float], rows: Sequence[RatedAnswer], dimension: str
) -> tuple[tuple[float, float, str], ...]:
    return tuple(
        (round(value, 4), rating, row.model)
        for value, row in zip(values, rows, strict=True)
        if (rating := row.rating(dimension)) is not None
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _notes(metrics: Sequence[BatchMetric]) -> tuple[str, ...]:
    names = {m.name for m in metrics}
    notes = []
    if "faithfulness" in names:
        notes.append(
            "`faithfulness` has no fitted parameter; that it is made of shared words and cosine was chosen "
            "after looking at BEGIN's and mtRAG-UN's public rows."
        )
    if "attribution" in names:
        notes.append(
            "`attribution` was fitted on BEGIN's dev sets only: none of these answers was in the fit."
        )
    return tuple(notes)
