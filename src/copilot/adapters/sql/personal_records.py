"""What is kept of customers' conversations: to show it to them, to erase it, and to prove that it is gone."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from copilot.adapters.sql import schema
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.gap_store import forget_wordings
from copilot.adapters.sql.ledger_store import entries_about
from copilot.adapters.sql.locks import hold, ledger_lock
from copilot.adapters.sql.personal_traces import rows_holding
from copilot.adapters.sql.tenant_scope import of_one_tenant
from copilot.domain.actions import ActionStatus
from copilot.domain.errors import Conflict
from copilot.domain.ledger import open_texts
from copilot.domain.privacy import OpenEntry

_T = schema.metadata.tables
_BY_CONVERSATION = (
    "turns", "events", "revisions", "summaries", "citations", "suggestions", "alerts", "knowledge_gaps",
    "verification_attempts", "actions", "helpdesk_conversations",
)  # fmt: skip
_WITH_THEM = (
    "feedback", "feedback_outcomes", "gap_members", "gap_clusters", "helpdesk_deliveries", "helpdesk_notes",
    "idempotent_requests", "ledger_keys", "conversations",
)  # fmt: skip
ERASED = frozenset({*_BY_CONVERSATION, *_WITH_THEM})
KEPT = {
    "ledger": "who decided what about which amount, by ids: chained, so that nothing can be taken out. What "
    "people wrote stands there as hashes whose key is destroyed",
    "ledger_heads": "hashes",
    "money_counters": "sums",
    "money_reservations": "sums by an action's id",
    "model_usage": "tokens and cost by a conversation's id",
    "data_reads": "who has read what, by ids",
    "privacy_requests": "who asked for an erasure or export; of whom is forgotten once it is over",
    "leases": "which server does what",
    "api_keys": "people who work here",
    "console_sessions": "people who work here, and what their next page will tell them of their last form",
    "artifacts": "what was learnt over all conversations, as numbers",
    "embeddings": "of passages of the knowledge",
    "documents": "knowledge", "document_facets": "knowledge", "passages": "knowledge",
    "quarantine_decisions": "knowledge", "file_stamps": "knowledge",
    "ingest_jobs": "knowledge", "ingest_job_files": "knowledge, until the job ends",
}  # fmt: skip
"""Tables that erasure leaves alone, and why."""
_UNDER_WAY = tuple(
    status.value for status in (ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.UNRESOLVED)
)
"""What has been approved may move money; a mere proposal goes with its conversation."""


@of_one_tenant()
class SqlPersonalRecords:
    """Over every table of the schema; each is in `ERASED` or in `KEPT`."""

    kept = KEPT

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conversations_of(
        self, tenant_id: str, customer_id: str, words: Sequence[str] = ()
    ) -> list[str]:
        """Ids of those with that verified customer, an action for them, or one of `words` in a turn."""
        talks, said, done = _T["conversations"], _T["turns"], _T["actions"]
        found = [
            select(talks.c.id).where(talks.c.tenant_id == tenant_id, talks.c.customer_id == customer_id),
            select(done.c.conversation_id).where(
                done.c.tenant_id == tenant_id, done.c.customer_id == customer_id
            ),
        ]
        found += [
            select(talks.c.id)
            .join(said, said.c.conversation_id == talks.c.id)
            .where(
                talks.c.tenant_id == tenant_id,
                func.lower(said.c.text).contains(word.lower(), autoescape=True),
            )
            for word in words
        ]

        def look(connection: Connection) -> list[str]:
            return sorted({row for query in found for row in connection.scalars(query)})

        return await self._database.look(look)

    async def export(self, tenant_id: str, conversation_id: str) -> dict[str, list[dict[str, object]]]:
        """Every row of the conversation, by table."""

        def look(connection: Connection) -> dict[str, list[dict[str, object]]]:
            return {
                name: [
                    {k: v for k, v in row._mapping.items() if not isinstance(v, bytes)}  # noqa: SLF001 - its public name
                    for row in connection.execute(select(table).where(where))
                ]
                for name, table, where in _rows(connection, tenant_id, conversation_id)
            }

        return await self._database.look(look)

    async def erase(self, tenant_id: str, conversation_id: str) -> Counter[str]:
        """Rows removed, by table, in one transaction. `Conflict` while an action of it is under way."""

        def work(connection: Connection) -> Counter[str]:
            hold(connection, ledger_lock(tenant_id))  # so that nobody makes the conversation a key meanwhile
            done = _T["actions"]
            open_ones = select(done.c.id).where(
                done.c.tenant_id == tenant_id,
                done.c.conversation_id == conversation_id,
                done.c.status.in_(_UNDER_WAY),
            )
            if (action := connection.scalars(open_ones).first()) is not None:
                raise Conflict(
                    f"the action {action} is still under way.",
                    where=conversation_id,
                    hint="Let it end, or resolve it; then erase again.",
                )
            if connection.dialect.name == "sqlite":  # what was freed before is for `PersonalCopies.overwrite`
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            removed = Counter[str]()
            gaps = _T["knowledge_gaps"]
            asked = list(
                connection.scalars(
                    select(gaps.c.question).where(
                        gaps.c.tenant_id == tenant_id, gaps.c.conversation_id == conversation_id
                    )
                )
            )
            for name, table, where in _rows(connection, tenant_id, conversation_id):
                removed[name] += connection.execute(delete(table).where(where)).rowcount
            if removed["gap_members"]:
                removed["gap_clusters"] += forget_wordings(connection, tenant_id, asked)
            return +removed

        return await self._database.transact(work)

    async def open_entries(self, tenant_id: str, conversation_ids: Sequence[str]) -> list[OpenEntry]:
        """Old entries of the ledger about these conversations that hold text; to be asked before they go."""
        about = [
            select(_T[name].c.id).where(
                _T[name].c.tenant_id == tenant_id, _T[name].c.conversation_id.in_(conversation_ids)
            )
            for name in ("suggestions", "actions")
        ]
        found = await self._database.look(lambda c: entries_about(c, tenant_id, about))
        return [
            OpenEntry(entry=e.sequence, kind=e.kind, fields=open_texts(e)) for e in found if open_texts(e)
        ]

    async def traces(self, tenant_id: str, words: Sequence[str]) -> Counter[str]:
        """Rows in whose texts one of `words` still stands, by table; slow, since it reads everything."""
        return await self._database.look(lambda connection: rows_holding(connection, tenant_id, words))


def _rows(
    connection: Connection, tenant_id: str, conversation_id: str
) -> list[tuple[str, Table, ColumnElement[bool]]]:
    """(name, table, which rows) of all that is the conversation's, those that others point at last."""
    talks, links, gaps, shown = (
        _T[name] for name in ("conversations", "helpdesk_conversations", "knowledge_gaps", "suggestions")
    )
    if connection.scalar(
        select(talks.c.id).where(talks.c.tenant_id == tenant_id, talks.c.id == conversation_id)
    ) is None:  # fmt: skip
        return []
    outside = select(links.c.external_id).where(
        links.c.tenant_id == tenant_id, links.c.conversation_id == conversation_id
    )
    asked = select(gaps.c.id).where(gaps.c.tenant_id == tenant_id, gaps.c.conversation_id == conversation_id)
    drafts = select(shown.c.id).where(shown.c.conversation_id == conversation_id)
    requests = _T["idempotent_requests"]
    done = select(_T["actions"].c.id).where(
        _T["actions"].c.tenant_id == tenant_id, _T["actions"].c.conversation_id == conversation_id
    )
    # An answer names the conversation, or was given at the address of something of it.
    ours = {conversation_id, *connection.scalars(drafts), *connection.scalars(done)}
    answered = [
        row.key
        for row in connection.execute(
            select(requests.c.key, requests.c.path, requests.c.body).where(requests.c.tenant_id == tenant_id)
        )
        if ours & set((row.path or "").split("/")) or conversation_id.encode() in (row.body or b"")
    ]
    where: dict[str, ColumnElement[bool]] = {
        "feedback": _T["feedback"].c.suggestion_id.in_(drafts),
        "feedback_outcomes": _T["feedback_outcomes"].c.suggestion_id.in_(drafts),
        "gap_members": _T["gap_members"].c.gap_id.in_(asked),
        "helpdesk_deliveries": _T["helpdesk_deliveries"].c.external_id.in_(outside),
        "helpdesk_notes": _T["helpdesk_notes"].c.external_id.in_(outside),
        "idempotent_requests": requests.c.key.in_(answered),
        "ledger_keys": _T["ledger_keys"].c.owner_id == conversation_id,
    }
    for name in _BY_CONVERSATION:
        where[name] = _T[name].c.conversation_id == conversation_id
    where["conversations"] = talks.c.id == conversation_id
    return [
        (
            name,
            _T[name],
            condition & (_T[name].c.tenant_id == tenant_id) if "tenant_id" in _T[name].c else condition,
        )
        for name, condition in where.items()
    ]
