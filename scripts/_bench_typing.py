"""The recorded conversations, their customers typing at a fast person's speed, or not heard before they send.

A client tells of typing at most three times a second. The last it tells is at least 0.3 s before the turn,
because a person reads over what they wrote before they send it; so the last letters may be missing from it.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import yaml
from _bench_server import ROOT

from copilot.evaluation.live_client import EventFeed, LiveClient

_CHARACTERS_A_SECOND = 6.0
_TOLD_EVERY = 0.35
_READ_OVER = (0.35, 1.2)
_WARM = (
    "Hello there",
    "Which colours does the doormat come in?",
    "Is the shop open on Sunday?",
    "Thanks, bye",
)
_LAST_SECONDS_PLAYED = 2.5
"""What was typed before these is told at once: it is superseded anyway."""


@dataclass
class Sample:
    """Milliseconds from the POST of a customer's turn to its first card that answers."""

    to_card: list[float] = field(default_factory=list)
    to_draft: list[float] = field(default_factory=list)
    saved: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


async def side_by_side(addresses: list[str], key: str, at_once: int) -> tuple[Sample, Sample]:
    """(without, with typing ahead): every recording is played on both servers at the same time.

    Customers' and representatives' turns only. Neither server has heard them before, as in life.
    """
    without, with_typing, gate = Sample(), Sample(), asyncio.Semaphore(at_once)
    files = sorted((ROOT / "evals" / "conversations").glob("*.yaml"))

    async def one(plain: LiveClient, ahead: LiveClient, recording: dict[str, Any]) -> None:
        async with gate:
            await asyncio.gather(
                _play(plain, recording, without, typing=False),
                _play(ahead, recording, with_typing, typing=True),
            )

    async with LiveClient.connect(addresses[0], key) as plain, LiveClient.connect(addresses[1], key) as ahead:
        for client in (plain, ahead):  # code paths, not texts
            for said in _WARM:
                await _play(client, {"id": said, "channel": "chat", "turns": [{"customer": said}]}, Sample())
        await asyncio.gather(*(one(plain, ahead, yaml.safe_load(file.read_text())) for file in files))
    return without, with_typing


async def _play(client: LiveClient, recording: dict[str, Any], out: Sample, *, typing: bool = False) -> None:
    """The pauses are the same with and without typing."""
    rng = random.Random(recording["id"])  # noqa: S311 - how long a customer hesitates
    opening: dict[str, Any] = {"channel": recording["channel"]}
    if email := recording.get("crm_customer"):
        opening |= {"customer_email": email, "customer_verified": True}
    conversation = (await client.post("/v1/conversations", opening))["id"]
    path = f"/v1/conversations/{conversation}"
    feed = EventFeed(client, conversation)
    await feed.next(30)  # the snapshot
    try:
        for turn in recording["turns"]:
            speaker = next((s for s in ("customer", "representative") if s in turn), None)
            if speaker is None:
                continue
            if speaker == "customer":
                await _write(client if typing else None, path, turn[speaker], rng)
            posted = time.perf_counter()
            await client.post(f"{path}/turns", {"speaker": speaker, "text": turn[speaker]})
            await _watch(feed, posted, out if speaker == "customer" else Sample())
    finally:
        await feed.close()


async def _write(client: LiveClient | None, path: str, text: str, rng: random.Random) -> None:
    """The time it takes to write and to read over; `client` is told of prefixes as they grow."""
    length = len(text) / _CHARACTERS_A_SECOND
    sent_at = length + rng.uniform(*_READ_OVER)
    moments = [n * _TOLD_EVERY for n in range(1, int(sent_at / _TOLD_EVERY) + 1)]
    now, told = max(0.0, length - _LAST_SECONDS_PLAYED), ""
    for moment in moments:
        prefix = text[: int(moment * _CHARACTERS_A_SECOND)]
        if moment <= now or moment > sent_at - 0.3 or prefix == told:
            continue
        await asyncio.sleep(moment - now)
        now, told = moment, prefix
        if client is not None:
            await client.post(f"{path}/typing", {"speaker": "customer", "text": prefix})
    await asyncio.sleep(sent_at - now)


async def _watch(feed: EventFeed, posted: float, out: Sample) -> None:
    shown = drafted = False
    while True:
        event = await feed.next(60)
        milliseconds = (event.received_at - posted) * 1000
        if event.type == "knowledge" and event.data["cards"] and not shown:
            shown = True
            out.to_card.append(milliseconds)
        elif event.type == "suggestion.delta" and not drafted:
            drafted = True
            out.to_draft.append(milliseconds)
        elif event.type == "revision.done":
            ahead = event.data["ahead"]
            out.outcomes[ahead["outcome"] if ahead else "none"] += 1
            if ahead and ahead["outcome"] == "promoted":
                out.saved.append(ahead["saved_milliseconds"])
            return


def compared(without: Sample, with_typing: Sample) -> dict[str, Any]:
    """The figures, side by side."""
    before, after = statistics.median(without.to_card), statistics.median(with_typing.to_card)
    return {
        "first_card_median_ms": {"without": round(before, 1), "with_typing": round(after, 1)},
        "first_card_p95_ms": {
            "without": round(_p95(without.to_card), 1),
            "with_typing": round(_p95(with_typing.to_card), 1),
        },
        "first_draft_median_ms": {
            "without": round(statistics.median(without.to_draft), 1),
            "with_typing": round(statistics.median(with_typing.to_draft), 1),
        },
        "cut": round(1 - after / before, 3),
        "saved_median_ms": round(statistics.median(with_typing.saved), 1) if with_typing.saved else 0.0,
        "outcomes": dict(with_typing.outcomes),
        "cards": {"without": len(without.to_card), "with_typing": len(with_typing.to_card)},
        "met": after <= before / 2,
    }


def _p95(sample: list[float]) -> float:
    return statistics.quantiles(sample, n=20, method="inclusive")[18]
