"""Embedding, counting, classifying and drafting."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
class ClassifierWeights:
    """A trained linear classifier over unit vectors: all that inference needs, and how good it was.

    `weights` is (labels, dimensions), `bias` (labels,), `centroids` (labels, dimensions) of unit length.
    Logits are divided by `temperature` before the softmax. A text is in scope while
    `scope_weights · (top probability, centroid cosine, logit energy, 1)` is at least 0. `accuracy` and
    `scope_auroc` were measured by cross-validation.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    centroids: NDArray[np.float32]
    temperature: float
    scope_weights: tuple[float, float, float, float]
    accuracy: float
    calibration_error: float
    scope_auroc: float | None


class ClassifierTrainer(Protocol):
    def train(self, vectors: Vectors, labels: Sequence[str]) -> ClassifierWeights:
        """CPU-bound, deterministic. `InvalidInput` with fewer than two labels or three examples of one."""


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
