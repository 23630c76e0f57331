"""Signs of life: dependencies asked in the background, the event loop's lag, and what piles up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np

from copilot.adapters.clock import SystemClock
from copilot.adapters.loop_lag import LoopLag
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.probes import Ask, Probe, Probes
from copilot.adapters.sql.database import Database
from copilot.config import Settings
from copilot.domain.errors import DependencyUnavailable
from copilot.order_systems import OpenOrderSystems
from copilot.ports import Embedder, PassageIndex
from copilot.ports.tasks import ended

_SELDOM = 10.0
"""Seconds between questions to what others run, and may count."""
_PATIENT = 3.0
_REFUSED = frozenset({401, 403})
_SERVER_ERRORS = 500


@dataclass(frozen=True)
class Vitals:
    """What metrics and /readyz look at."""

    readiness: Probes
    lag: LoopLag = field(default_factory=LoopLag)
    backlog: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    """By outbox: the age of the oldest thing that waits in it, in seconds."""
    queues: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    """By queue: how many wait in it."""
    lost: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    """By queue: how many could not be kept since the start."""
    caches: Mapping[str, Callable[[], tuple[int, int]]] = field(default_factory=dict)
    """By cache: (hits, misses) since the start."""
    background: bool = True
    """Whether this server does the background's work; without any that does, nothing that waits is done."""


@asynccontextmanager
async def open_vitals(
    probes: list[Probe],
    embedder: Embedder,
    backlog: Mapping[str, Callable[[], float]],
    *,
    background: bool,
    queues: Mapping[str, Callable[[], int]],
    lost: Mapping[str, Callable[[], int]],
) -> AsyncIterator[Vitals]:
    """Every probe has been asked once when this begins."""
    queues = dict(queues)
    caches: dict[str, Callable[[], tuple[int, int]]] = {}
    if isinstance(embedder, MiniLmEmbedder):
        queues["embedding"] = embedder.waiting
        caches["query_vectors"] = lambda: (embedder.hits, embedder.misses)
    vitals = Vitals(Probes(probes, SystemClock()), LoopLag(), backlog, queues, lost, caches, background)
    await vitals.readiness.start()
    watching = asyncio.create_task(vitals.lag.run(), name="loop lag")
    try:
        yield vitals
    finally:
        await ended(watching)
        await vitals.readiness.stop()


def dependencies(
    settings: Settings,
    database: Database,
    index: PassageIndex,
    embedder: Embedder,
    order_systems: OpenOrderSystems,
) -> list[Probe]:
    """What this deployment stands on; another engine adds its own probe to the list."""
    somewhere = np.zeros(embedder.dimensions, dtype=np.float32)
    somewhere[0] = 1.0

    async def ask_index() -> None:
        await index.nearest(settings.tenant, somewhere, 1)

    probes = [
        Probe("database", database.check),
        Probe("index", ask_index),
        Probe("shop", order_systems.check, required=False, every=_SELDOM, timeout=_PATIENT),
    ]
    if settings.llm_base_url is not None:
        ask = _llm(settings.llm_base_url, settings.llm_api_key.get_secret_value())
        probes.append(Probe("llm", ask, required=False, every=_SELDOM, timeout=_PATIENT))
    return probes


def _llm(base_url: str, key: str) -> Ask:
    """Its list of models costs nothing; a server that has none still answers."""

    async def ask() -> None:
        async with httpx.AsyncClient(timeout=_PATIENT) as client:
            try:
                answer = await client.get(
                    f"{base_url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"}
                )
            except httpx.HTTPError as error:
                raise DependencyUnavailable(
                    f"the model's endpoint cannot be reached ({type(error).__name__})."
                ) from error
        if answer.status_code in _REFUSED or answer.status_code >= _SERVER_ERRORS:
            raise DependencyUnavailable(f"the model's endpoint answers HTTP {answer.status_code}.")

    return ask
