"""Erasure over the database, the data folder and Redis, for commands and for a running server."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from copilot.adapters.clock import SystemClock
from copilot.adapters.data_files import files_holding, overwrite_free_pages
from copilot.adapters.ids import Uuid7Ids
from copilot.adapters.redis.client import connect, translated
from copilot.adapters.redis.streams import keys_of
from copilot.adapters.sql.aged_records import SqlAgedRecords
from copilot.adapters.sql.leases import SqlLeases
from copilot.adapters.sql.personal_records import SqlPersonalRecords
from copilot.adapters.sql.privacy_requests import SqlPrivacyRequests
from copilot.assist.erasure import Eraser
from copilot.assist.privacy_desk import PrivacyDesk
from copilot.assist.retention import Retention
from copilot.bootstrap.state import State
from copilot.config import Settings


class Copies:
    """Live events in Redis, and the files of the data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def forget(self, tenant_id: str, conversation_id: str) -> Counter[str]:
        if self._settings.redis_url is None:
            return Counter()
        client = connect(self._settings.redis_url.get_secret_value())
        try:
            async with translated():
                return Counter({"Redis": int(await client.delete(*keys_of((tenant_id, conversation_id))))})
        finally:
            await client.aclose()

    async def overwrite(self) -> bool:
        """Of SQLite; on PostgreSQL vacuuming is its own business."""
        path = self._settings.database_path
        if self._settings.database_url is not None or not path.is_file():
            return False
        return await asyncio.to_thread(overwrite_free_pages, path)

    async def holding(self, words: Sequence[str]) -> Counter[str]:
        return await asyncio.to_thread(files_holding, self._settings.data_dir, words)


def eraser(settings: Settings, state: State) -> Eraser:
    return Eraser(SqlPersonalRecords(state.database), Copies(settings), state.ledger, SystemClock())


def retention(settings: Settings, state: State, eraser: Eraser) -> Retention:
    """By the settings' days, for every tenant that they name."""
    return Retention(
        settings.retention_days,
        SqlAgedRecords(state.database),
        eraser,
        SqlLeases(state.database),
        state.ledger,
        SystemClock(),
        holder=Uuid7Ids().new("proc"),
    )


def privacy_desk(state: State, eraser: Eraser) -> PrivacyDesk:
    return PrivacyDesk(
        SqlPrivacyRequests(state.database),
        SqlPersonalRecords(state.database),
        eraser,
        SqlLeases(state.database),
        state.ledger,
        SystemClock(),
        Uuid7Ids(),
    )
