"""The only place where adapters meet the core: settings in, running services out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np  # noqa: F401 - first on the main thread: two threads importing it clash

from copilot.adapters.chroma_index import ChromaIndex
from copilot.adapters.clock import SystemClock
from copilot.adapters.ids import UuidV7Ids
from copilot.adapters.library import Library
from copilot.adapters.memory_event_bus import MemoryEventBus
from copilot.adapters.sql.action_store import SqlActionStore
from copilot.adapters.sql.api_key_store import SqlApiKeyStore, server_secret
from copilot.adapters.sql.conversation_store import SqlConversationStore
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.idempotency_store import SqlIdempotencyStore
from copilot.adapters.sql.knowledge_store import SqlKnowledgeStore
from copilot.adapters.sql.ledger_store import SqlLedgerStore
from copilot.adapters.sqlite_shop import SqliteShop
from copilot.assist.desk import CatalogDesk
from copilot.assist.profile import BrandVoice, TenantProfiles
from copilot.assist.service import LiveAssist, LivePorts
from copilot.config import Settings
from copilot.policies import stored_policy
from copilot.prompts import render_text
from copilot.retrieval.ingest import Ingestor
from copilot.retrieval.search import KnowledgeSearch
from copilot.tools.approvals import Approvals
from copilot.tools.assessment import Assessor
from copilot.tools.catalog import Catalog
from copilot.tools.executor import Executor
from copilot.tools.limits import Limits

if TYPE_CHECKING:
    from copilot.ports import Drafter, Embedder, PassageIndex
