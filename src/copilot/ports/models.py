"""Embedding, counting, classifying and drafting."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from copilot.domain.assist import Drafter as DrafterKind
from copilot.domain.drafting import DraftPiece, DraftRequest
from copilot.ports.basics import Vector, Vectors


class Embedder(Protocol):
    @property
    def model_id(self) -> str:
        """Changes whenever the vectors would."""

    @property
    def dimensions(self) -> int: ...

    async def embed_query(self, text: str) -> Vector: ...

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Rows in the order of `texts`; `on_progress` gets the number of texts done so far."""


class LanguageGuess(NamedTuple):
    """An ISO 639-1 code and how sure, from 0 to 1."""

    code: str
    confidence: float


class LanguageDetector(Protocol):
    def detect(self, text: str) -> LanguageGuess | None:
        """In well under a millisecond; None for a text without letters."""


class TokenCounter(Protocol):
    def count(self, text: str) -> int: ...


class ChatModel(Protocol):
    """Any OpenAI-compatible chat endpoint. Raises `DependencyUnavailable` when it fails or is too slow."""

    @property
    def model_id(self) -> str: ...

    def stream(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        json_schema: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str]:
        """Text as it arrives; with `json_schema`, the text is one JSON object of that schema."""


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """What a classifier sees of a text: its unit embedding, and its words and letter groups by number.

    `vector` is (dimensions,); `terms` (n,) are distinct numbers below `TERM_BUCKETS` in ascending order, and
    `counts` (n,) says how often each occurs.
    """

    vector: Vector
    terms: NDArray[np.int64]
    counts: NDArray[np.float32]


TERM_BUCKETS = 8192
"""How many numbers terms are hashed to; terms that share one are told apart by the others of their text."""


@dataclass(frozen=True, slots=True)
class TermWeights:
    """A linear classifier over terms.

    A text's counts become `(1 + ln count) * rarity`, scaled to unit length. `weights` is (buckets, labels),
    `bias` (labels,), `rarity` (buckets,); logits are divided by `temperature`.
    """

    weights: NDArray[np.float16]
    bias: NDArray[np.float32]
    rarity: NDArray[np.float32]
    temperature: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Examples to compare with: unit `vectors` (examples, dimensions) and the label's number of each."""

    vectors: NDArray[np.float16]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassifierWeights:
    """A trained classifier: all that inference needs, and how good it was.

    Three experts judge a text: a linear one over its embedding (`weights` (labels, dimensions), `bias`
    (labels,), logits divided by `temperature`), one over its terms, and the nearest examples. Their log
    probabilities are added, each times its share in `shares`, and made probabilities again.

    A text is in scope while the product of `scope_weights` and (top probability, best cosine to `centroids`
    (labels, dimensions), log-sum-exp of the embedding's logits, cosine of the nearest example, best logit of
    the terms, 1) is at least 0. `accuracy`, `calibration_error` and `scope_auroc` were measured by
    cross-validation.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    centroids: NDArray[np.float32]
    temperature: float
    scope_weights: tuple[float, float, float, float, float, float]
    accuracy: float
    calibration_error: float
    scope_auroc: float | None
    terms: TermWeights | None = None
    neighbours: Neighbours | None = None
    shares: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Of the embedding, the terms and the neighbours."""


class ClassifierTrainer(Protocol):
    def train(self, texts: Sequence[TextFeatures], labels: Sequence[str | None]) -> ClassifierWeights:
        """None labels a text that belongs to no label. CPU-bound, deterministic.

        `InvalidInput` with fewer than two labels or three examples of one.
        """


class QueryRewriter(Protocol):
    """Puts into a turn what it leans on."""

    async def rewrite(self, text: str, history: Sequence[str]) -> str | None:
        """`text`, said after `history` (oldest first), as a question that stands alone.

        None when the model fails, is too slow, or says what nobody said. Never raises.
        """


class Drafter(Protocol):
    """Writes a reply to the last turn of a conversation, sentence by sentence."""

    @property
    def kind(self) -> DrafterKind: ...

    def draft(self, request: DraftRequest) -> AsyncGenerator[DraftPiece]:
        """Nothing at all when there is nothing worth saying.

        Raises `DependencyUnavailable` when its model fails, `InvalidDraft` when its answer is unusable.
        """
