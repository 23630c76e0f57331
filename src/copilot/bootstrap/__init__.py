"""The only place where adapters meet the core: settings in, running services out."""

import numpy as np  # noqa: F401 - first on the main thread: two threads importing it clash

from copilot.bootstrap.care import (
    KnowledgeCare,
    ReadingCare,
    open_impact,
    open_quarantine,
    open_reading_care,
)
from copilot.bootstrap.intake import Intake, Planning, ingest_intake, open_planning, plan_intake
from copilot.bootstrap.knowledge import KnowledgeBase, ingest, open_knowledge, open_search
from copilot.bootstrap.learning import step_learner
from copilot.bootstrap.live import Services, running
from copilot.bootstrap.models import chat_model
from copilot.bootstrap.state import State, open_state
from copilot.bootstrap.tools import Desk, approval_seals, open_assessor, open_desk

__all__ = [
    "Desk",
    "Intake",
    "KnowledgeBase",
    "KnowledgeCare",
    "Planning",
    "ReadingCare",
    "Services",
    "State",
    "approval_seals",
    "chat_model",
    "ingest",
    "ingest_intake",
    "open_assessor",
    "open_desk",
    "open_impact",
    "open_knowledge",
    "open_planning",
    "open_quarantine",
    "open_reading_care",
    "open_search",
    "open_state",
    "plan_intake",
    "running",
    "step_learner",
]
