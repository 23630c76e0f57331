"""all-MiniLM-L6-v2 on onnxruntime: 384-d sentence embeddings without torch, about 3 ms a query.

Weights arrive in a pinned package and are checked by SHA-256; the ONNX file is made from them once
(`export_model`) and loaded in 0.1 s afterwards. Vectors equal sentence-transformers' (cosine ≥ 0.9999).
"""

import asyncio
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from copilot.adapters.micro_batch import MicroBatcher
from copilot.adapters.minilm_graph import GRAPH_VERSION, HIDDEN, build_model, read_weights
from copilot.adapters.model_files import (
    check_sha256,
    default_cache_dir,
    find_packaged_file,
    sha256,
    write_atomically,
)
from copilot.adapters.word_pieces import PACKAGES, word_pieces
from copilot.domain.errors import ConfigurationError
from copilot.ports import Vector, Vectors

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# The reference model's max_seq_length; its tokenizer.json says 128, which sentence-transformers overrides.
MAX_TOKENS = 256
# Small batches of like lengths are fastest on few cores: they stay in its cache, and little is padding.
BATCH_TOKENS = 512
# Queries embedded in one row: beyond this, looking at each other's tokens in vain costs more than it saves.
TOGETHER_TOKENS = 256
UNSEEN = -10_000.0
QUERY_BATCH = 4
"""More at once are no quicker a text, and the next text waits the longer."""
QUERY_CACHE = 2048
FEW_CHARACTERS = 3_000
"""So little text is the sentences of somebody's draft, not a document: it does not wait for documents."""
_NICE = 10


def export_model(cache_dir: Path | None = None) -> Path:
    """Make the ONNX file from the packaged weights unless it is there; returns it.

    Raises `ConfigurationError` when the weights are not installed or not the tested ones.
    """
    target, note = _made_files(cache_dir)
    expected = {"weights_sha256": WEIGHTS_SHA256, "graph_version": GRAPH_VERSION}
    with suppress(OSError, ValueError):
        found = json.loads(note.read_bytes())
        if found.items() >= {**expected, "bytes": target.stat().st_size}.items():
            return target
    model = build_model(read_weights(_tested_weights()))
    write_atomically(target, model)
    made = {**expected, "bytes": len(model), "sha256": sha256(model)}
    write_atomically(note, json.dumps(made, indent=2).encode())
    return target


def check_model_files(cache_dir: Path | None = None) -> str:
    """Hashes everything that the model is read from, which a start does not; says what was compared.

    `ConfigurationError` for weights that are not the tested ones, or a made file that has changed since.
    """
    _tested_weights()
    target, note = _made_files(cache_dir)
    if not target.is_file():
        return "the weights are the tested ones; the first start makes the model from them."
    try:
        made = json.loads(note.read_bytes()).get("sha256")
    except (OSError, ValueError):
        return "the weights are the tested ones; the next start makes the model from them anew."
    if made is None:
        return "the weights are the tested ones; the model was made before its hash was noted."
    check_sha256(target.read_bytes(), made, target, hint="Delete the file; it is made again.")
    return "the weights are the tested ones, and the model is as it was made from them."


def _made_files(cache_dir: Path | None) -> tuple[Path, Path]:
    """The ONNX file and its note, which is written last: a note means a whole file, even after a crash."""
    target = (
        (cache_dir or default_cache_dir()) / "minilm" / f"model-{WEIGHTS_SHA256[:12]}-v{GRAPH_VERSION}.onnx"
    )
    return target, target.with_suffix(".json")


def _tested_weights() -> Path:
    weights = find_packaged_file(PACKAGES, "model.safetensors")
    check_sha256(weights.read_bytes(), WEIGHTS_SHA256, weights)
    return weights


class MiniLmEncoder:
    """Tokenizer and onnxruntime session; safe to call from several threads, each call uses its own thread."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415 - costs start-up time

        self._pieces = word_pieces()
        options = onnxruntime.SessionOptions()
        # One thread a call: threads of one call wait for each other, and badly so beside a busy neighbour.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        model = export_model(cache_dir)
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ConfigurationError(
                f"onnxruntime cannot load it: {error}",
                hint="Delete the file; it is made again.",
                where=str(model),
            ) from error

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._pieces.model_input(text, MAX_TOKENS) for text in texts]

    def embed(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """Each text in a row of its own, padded to the longest: for many of like lengths."""
        width = max(len(ids) for ids in batch)
        ids = np.zeros((len(batch), width), dtype=np.int32)
        bias = np.zeros((len(batch), 1, width, width), dtype=np.float32)
        pooling = np.zeros((len(batch), 1, width), dtype=np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            bias[row, :, :, len(tokens) :] = UNSEEN
            pooling[row, :, : len(tokens)] = 1
        positions = np.tile(np.arange(width, dtype=np.int32), (len(batch), 1))
        vectors: Vectors = self._run(ids, positions, bias, pooling)[:, 0]
        return vectors

    def embed_together(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """All in one row, none of which sees another: for a few short ones, of whatever lengths."""
        width = sum(len(ids) for ids in batch)
        positions = np.concatenate([np.arange(len(ids), dtype=np.int32) for ids in batch])
        bias = np.full((1, 1, width, width), UNSEEN, dtype=np.float32)
        pooling = np.zeros((1, len(batch), width), dtype=np.float32)
        start = 0
        for text, tokens in enumerate(batch):
            part = slice(start, start := start + len(tokens))
            bias[0, 0, part, part] = 0
            pooling[0, text, part] = 1
        ids = np.concatenate(batch).astype(np.int32)
        vectors: Vectors = self._run(ids[None], positions[None], bias, pooling)[0]
        return vectors

    def _run(self, ids: Any, positions: Any, bias: Any, pooling: Any) -> Any:  # noqa: ANN401
        inputs = {"input_ids": ids, "positions": positions, "attention_bias": bias, "pooling": pooling}
        outputs: list[Any] = self._session.run(["sentence_embedding"], inputs)
        return outputs[0]


@dataclass
class _Coming:
    """A query's vector under way, and how many wait for it."""

    future: "Future[Vector]"
    awaited_by: int = 0


class MiniLmEmbedder:
    """The embedded default `Embedder`.

    Queries share a thread for every two cores, which embeds together what waits at that moment: reading the
    weights costs as much as a dozen tokens. A little text of passages comes after queries on these threads;
    more has threads of its own at a lower priority. The model loads at the first use, or by `load()`.
    """

    def __init__(self, cache_dir: Path | None = None, *, bulk_threads: int | None = None) -> None:
        self._cache_dir = cache_dir
        self._lock = threading.Lock()
        self._encoder: MiniLmEncoder | None = None
        self._queries: MicroBatcher[str, Vector] = MicroBatcher(
            self._embed_queries,
            limit=QUERY_BATCH,
            name="minilm-query",
            threads=max(1, (os.cpu_count() or 1) // 2),
        )
        self._bulk = ThreadPoolExecutor(bulk_threads or os.cpu_count() or 1, "minilm-bulk", _step_back)
        # Passages that wait for these threads are made ready meanwhile.
        self._tokens = ThreadPoolExecutor(1, "minilm-tokens", _step_back)
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._coming: dict[str, _Coming] = {}
        self.hits = self.misses = 0
        """Queries whose vector was known, and those that had to be embedded."""

    @property
    def model_id(self) -> str:
        return f"all-MiniLM-L6-v2@{WEIGHTS_SHA256[:12]}/{MAX_TOKENS}"

    @property
    def dimensions(self) -> int:
        return HIDDEN

    async def load(self) -> None:
        """Load the model now rather than at the first use. Raises `ConfigurationError` when it cannot."""
        await asyncio.to_thread(self._loaded)

    async def embed_query(self, text: str) -> Vector:
        cached = self._cache.get(text)
        if cached is not None:
            self.hits += 1
        else:
            self.misses += 1
            cached = await self._together(text)
            # A cached vector is shared between callers.
            cached.flags.writeable = False
            self._cache[text] = cached
            while len(self._cache) > QUERY_CACHE:
                self._cache.popitem(last=False)
        self._cache.move_to_end(text)
        return cached

    async def _together(self, text: str) -> Vector:
        """With whoever else waits for the same text; nobody's giving up is felt by the others."""
        coming = self._coming.get(text)
        if coming is None:
            coming = self._coming[text] = _Coming(self._queries.put(text))
        coming.awaited_by += 1
        try:
            return await asyncio.shield(asyncio.wrap_future(coming.future))
        finally:
            coming.awaited_by -= 1
            if coming.awaited_by == 0:
                coming.future.cancel()
                self._coming.pop(text, None)

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        vectors: Vectors = np.empty((len(texts), HIDDEN), dtype=np.float32)
        if not texts:
            return vectors
        if sum(map(len, texts)) <= FEW_CHARACTERS:
            soon = await asyncio.gather(*(self._queries.submit(text, later=True) for text in texts))
            np.stack(soon, out=vectors)
            if on_progress is not None:
                on_progress(len(texts))
            return vectors
        loop = asyncio.get_running_loop()
        encoder = await loop.run_in_executor(self._tokens, self._loaded)
        tokens = await loop.run_in_executor(self._tokens, encoder.tokenize, list(texts))
        done = 0

        async def embed(rows: list[int]) -> None:
            nonlocal done
            batch = [tokens[row] for row in rows]
            vectors[rows] = await loop.run_in_executor(self._bulk, encoder.embed, batch)
            done += len(rows)
            if on_progress is not None:
                on_progress(done)

        async with asyncio.TaskGroup() as group:
            for rows in batches_of_like_lengths([len(ids) for ids in tokens]):
                group.create_task(embed(rows))
        return vectors

    def waiting(self) -> int:
        """How many queries wait for a thread."""
        return self._queries.waiting()

    def close(self) -> None:
        """Stop the threads; queries that still wait get `DependencyUnavailable`."""
        self._queries.close()
        self._tokens.shutdown(wait=True, cancel_futures=True)
        self._bulk.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._encoder = None

    def _loaded(self) -> MiniLmEncoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = MiniLmEncoder(self._cache_dir)
            return self._encoder

    def _embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        encoder = self._loaded()
        tokens = encoder.tokenize(texts)
        vectors: list[Vector] = []
        for rows in _in_turn([len(ids) for ids in tokens]):
            # A copy, because a view would keep the whole batch alive in the cache.
            vectors += [vector.copy() for vector in encoder.embed_together([tokens[row] for row in rows])]
        return vectors


def _in_turn(lengths: Sequence[int], budget: int = TOGETHER_TOKENS) -> list[list[int]]:
    """Row numbers in their order, in batches of at most so many tokens."""
    batches: list[list[int]] = []
    left = 0
    for row, length in enumerate(lengths):
        if not batches or length > left:
            batches.append([])
            left = budget
        batches[-1].append(row)
        left -= length
    return batches


def batches_of_like_lengths(lengths: Sequence[int], budget: int = BATCH_TOKENS) -> list[list[int]]:
    """Row numbers in batches of like lengths, longest first so that the last ones to finish are short."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        # The first row of a batch is its longest, so it sets the width of all.
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def _step_back() -> None:
    """Lower this thread's priority where the system has one per thread, so that queries go first."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
