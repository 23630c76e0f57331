"""Bulk embedding on a Ray cluster: Ray Data spreads passages over its machines, nothing else runs there.

Each task embeds one block of passages in a worker process, which keeps the model for the next; a task whose
machine dies is run again on another one. Vectors come back by row number, so none is lost or counts twice.
"""

import asyncio
import logging
import os
import platform
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from copilot.domain.errors import ConfigurationError, CopilotError, DependencyUnavailable
from copilot.ports import Embedder, Vector, Vectors

PASSAGES_AT_ONCE = 4096
"""In one run of Ray Data: enough for some dozens of cores, and few enough to wait in memory."""
_BLOCK_PASSAGES = 64
"""In one task: about a second of one core, which is what a machine's death costs."""
_FEW = 64
"""So many passages are embedded here: asking the cluster would take longer."""
_RUNS_AT_ONCE = 2
"""The cluster begins the next while it ends one."""
_REACH_SECONDS = 5.0
_LOCAL_STORE_BYTES = 256 * 2**20
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_ADDRESS_HINT = (
    "Expected HOST:PORT of the head node, as `ray start` printed it (--ray-address, COPILOT_RAY_ADDRESS)."
)

_AGAIN = "Look at the cluster with `ray status`, then run it again: what is stored is not embedded again."
_SAME = "Install the same version of this package, and the same weights, on every machine of the cluster."

OpenModel = Callable[[str], Embedder]
"""Importable under its name on every machine of the cluster."""


class RayEmbedder:
    """An `Embedder` whose passages are embedded by a Ray cluster; queries and single documents by `local`.

    Build with `open`. Both must be the same model: a machine with another one is refused.
    """

    def __init__(self, local: Embedder, open_model: OpenModel, name: str) -> None:
        self._local = local
        self._open_model = open_model
        self._name = name
        self._runs = ThreadPoolExecutor(_RUNS_AT_ONCE, "ray-data")

    @classmethod
    async def open(cls, local: Embedder, open_model: OpenModel, name: str, address: str | None) -> Self:
        """Joins the cluster at `address`, or makes one of this machine alone that ends with `close`.

        `ConfigurationError` when the extra `ray` is missing or there is no cluster.
        """
        await asyncio.to_thread(_join, address)
        return cls(local, open_model, name)

    @property
    def model_id(self) -> str:
        return self._local.model_id

    @property
    def dimensions(self) -> int:
        return self._local.dimensions

    async def embed_query(self, text: str) -> Vector:
        return await self._local.embed_query(text)

    async def embed_passages(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        if len(texts) <= _FEW:
            return await self._local.embed_passages(texts, on_progress)
        loop = asyncio.get_running_loop()
        given_up = threading.Event()

        def report(done: int) -> None:
            if on_progress is not None:
                loop.call_soon_threadsafe(on_progress, done)

        try:
            return await loop.run_in_executor(self._runs, self._spread, list(texts), report, given_up)
        finally:
            given_up.set()

    async def close(self) -> None:
        """Leaves the cluster; `local` stays open."""
        import ray  # noqa: PLC0415 - an extra, a second to import

        await asyncio.to_thread(self._runs.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(ray.shutdown)

    def _spread(
        self, texts: Sequence[str], report: Callable[[int], None], given_up: threading.Event
    ) -> Vectors:
        vectors: Vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        is_there = np.zeros(len(texts), dtype=np.bool_)
        # Ray raises its own errors, and plain ones of its parts.
        try:
            for block in self._blocks(texts):
                _check(block)
                vectors[block["row"]] = block["vector"]
                is_there[block["row"]] = True
                report(int(is_there.sum()))
                if given_up.is_set():
                    break
        except CopilotError:
            raise
        except Exception as error:
            raise _failed(error) from error
        if not (is_there.all() or given_up.is_set()):
            raise DependencyUnavailable(f"Ray gave {is_there.sum()} of {len(texts)} vectors.", hint=_AGAIN)
        return vectors

    def _blocks(self, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        """In whatever order they are done."""
        import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 - with ray
        import ray.data  # noqa: PLC0415

        # Long and short ones in each: all blocks take as long, and each is embedded as many passages are.
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        count = -(-len(order) // _BLOCK_PASSAGES)
        parts = [order[start::count] for start in range(count)]
        tables = [pa.table({"row": part, "text": [texts[row] for row in part]}) for part in parts]
        task = partial(embed_block, open_model=self._open_model, name=self._name, model_id=self.model_id)
        ray.data.DataContext.get_current().enable_progress_bars = False
        done = ray.data.from_arrow(tables).map_batches(
            task, batch_size=None, batch_format="numpy", num_cpus=1
        )
        yield from done.iter_batches(batch_size=None, batch_format="numpy")


def embed_block(
    block: dict[str, NDArray[Any]], open_model: OpenModel, name: str, model_id: str
) -> dict[str, NDArray[Any]]:
    """One task, on any machine of the cluster: `row` and `text` in; `row`, `vector` and `refused` out.

    `refused` says why a machine has no vectors to give: Ray would lose the reason of an error.
    """
    texts = [str(text) for text in block["text"]]
    try:
        embedder = _kept(open_model, name)
        if embedder.model_id != model_id:
            raise ConfigurationError(f"its model is {embedder.model_id}, and {model_id} was asked for.")  # noqa: TRY301
        vectors, refused = asyncio.run(embedder.embed_passages(texts)), ""
    except Exception as error:  # noqa: BLE001 - another process reports it
        vectors = np.zeros((len(texts), 1), dtype=np.float32)
        refused = f"{platform.node()}, a machine of the Ray cluster, cannot embed: {error!s}"
    return {"row": block["row"], "vector": vectors, "refused": np.full(len(texts), refused)}


def _check(block: dict[str, NDArray[Any]]) -> None:
    reasons = sorted(set(block["refused"]) - {""})
    if reasons:
        raise ConfigurationError(str(reasons[0]), hint=_SAME)


@cache
def _kept(open_model: OpenModel, name: str) -> Embedder:
    """Loaded once in each worker process."""
    return open_model(name)


def _join(address: str | None) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address is None or address.startswith(_LOOPBACK):
        # Ray would take this machine's address in its network instead. The name is historical.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray  # noqa: PLC0415 - an extra, a second to import
        import ray.data  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "embedding on a cluster needs the extra 'ray', which is not installed.",
            hint="Run: pip install 'agent-assist-copilot[ray]', on every machine of the cluster.",
        ) from error
    if address is not None:
        _reach(address)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _LOCAL_STORE_BYTES}
    try:
        ray.init(
            address=address or "local",
            configure_logging=False,
            log_to_driver=False,
            **(own if address is None else {}),
        )
    # Whatever its parts raise: no node on this machine, another version of Ray or Python, a time-out.
    except Exception as error:
        raise ConfigurationError(
            f"cannot join the Ray cluster: {_first_line(error)}",
            hint="This machine must be one of its nodes (`ray start --address …`), with the same Ray.",
            where=address or "this machine",
        ) from error


def _reach(address: str) -> None:
    """Quickly: Ray itself would try for a minute and more."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ConfigurationError("this is no address of a Ray cluster.", hint=_ADDRESS_HINT, where=address)
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"no Ray cluster answers: {error}.", hint=_ADDRESS_HINT, where=address
        ) from error


def _failed(error: Exception) -> DependencyUnavailable | ConfigurationError:
    """Ray gives what a worker could not even begin with as text."""
    if missing := re.search(r"No module named '[^']+'", str(error)):
        return ConfigurationError(f"a machine of the Ray cluster has {missing[0].lower()}.", hint=_SAME)
    return DependencyUnavailable(f"the Ray cluster failed: {_first_line(error)}", hint=_AGAIN)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
