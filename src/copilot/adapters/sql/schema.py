"""Every table there is: importing this fills `metadata`, so that a new database is made whole."""

from copilot.adapters.sql import (
    action_store,
    api_key_store,
    console_sessions,
    conversation_tables,
    document_facets,
    feedback_statistics,
    gap_store,
    helpdesk_store,
    idempotency_store,
    job_store,
    knowledge_tables,
    leases,
    ledger_keys,
    ledger_store,
    money_counters,
    privacy_requests,
    read_store,
    usage_store,
    verification_attempts,
)
from copilot.adapters.sql.database import metadata

MODULES = (
    action_store,
    api_key_store,
    console_sessions,
    conversation_tables,
    document_facets,
    feedback_statistics,
    gap_store,
    helpdesk_store,
    idempotency_store,
    job_store,
    knowledge_tables,
    leases,
    ledger_keys,
    ledger_store,
    money_counters,
    privacy_requests,
    read_store,
    usage_store,
    verification_attempts,
)

__all__ = ["MODULES", "metadata"]
