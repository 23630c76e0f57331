"""The tables as they were when migrations began, on SQLite and on PostgreSQL.

SQLite stores from before are taken on as they are: what is there stays, what is missing is made.
"""

from alembic import op
from sqlalchemy import inspect

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE actions (id TEXT NOT NULL, tenant_id TEXT NOT NULL, conversation_id TEXT NOT NULL,
    customer_id TEXT NOT NULL, status TEXT NOT NULL, fingerprint TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (id));
CREATE INDEX actions_by_conversation ON actions (tenant_id, conversation_id);
CREATE UNIQUE INDEX actions_open_once ON actions (tenant_id, fingerprint) WHERE status IN ('proposed',
    'awaiting_second_approval', 'approved', 'executing', 'unresolved');
CREATE INDEX actions_by_customer ON actions (tenant_id, customer_id);
CREATE INDEX actions_by_status ON actions (status);
CREATE TABLE api_keys (prefix TEXT NOT NULL, hash TEXT NOT NULL, principal_id TEXT NOT NULL, tenant_id
    TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, created_at TEXT NOT NULL, revoked_at TEXT,
    PRIMARY KEY (prefix));
CREATE INDEX ix_api_keys_tenant_id ON api_keys (tenant_id);
CREATE TABLE artifacts (tenant_id TEXT NOT NULL, name TEXT NOT NULL, "key" TEXT NOT NULL, content BLOB NOT
    NULL, PRIMARY KEY (tenant_id, name));
CREATE TABLE conversations (id TEXT NOT NULL, tenant_id TEXT NOT NULL, channel TEXT NOT NULL, status TEXT
    NOT NULL, revision INTEGER NOT NULL, subject TEXT NOT NULL, customer_id TEXT, representative_id TEXT,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, reserved_event_id INTEGER DEFAULT '0' NOT NULL,
    saved_event_id INTEGER DEFAULT '0' NOT NULL, saved_revision INTEGER DEFAULT '0' NOT NULL, wrap_up
    TEXT, PRIMARY KEY (id));
CREATE INDEX conversations_by_status ON conversations (tenant_id, status, id);
CREATE INDEX conversations_by_customer ON conversations (tenant_id, customer_id, id);
CREATE TABLE documents (id TEXT NOT NULL, tenant_id TEXT NOT NULL, external_id TEXT NOT NULL, version TEXT
    NOT NULL, content_hash TEXT NOT NULL, source TEXT NOT NULL, quarantined TEXT, body TEXT NOT NULL,
    PRIMARY KEY (id), UNIQUE (tenant_id, external_id, version));
CREATE INDEX documents_by_id ON documents (tenant_id, id);
CREATE TABLE embeddings (content_hash TEXT NOT NULL, model_id TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY
    KEY (content_hash, model_id));
CREATE TABLE feedback_outcomes (suggestion_id TEXT NOT NULL, principal_id TEXT NOT NULL, tenant_id TEXT
    NOT NULL, intent TEXT NOT NULL, verdict TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (suggestion_id,
    principal_id));
CREATE INDEX feedback_outcomes_of_tenant ON feedback_outcomes (tenant_id, at);
CREATE INDEX feedback_outcomes_of_intent ON feedback_outcomes (tenant_id, intent, principal_id, at);
CREATE TABLE file_stamps (tenant_id TEXT NOT NULL, source TEXT NOT NULL, stamp TEXT NOT NULL, given TEXT
    NOT NULL, PRIMARY KEY (tenant_id, source));
CREATE TABLE gap_clusters (id TEXT NOT NULL, tenant_id TEXT NOT NULL, status TEXT NOT NULL, count INTEGER
    NOT NULL, last_asked_at TEXT NOT NULL, model_id TEXT NOT NULL, total BLOB NOT NULL, cluster TEXT NOT
    NULL, PRIMARY KEY (id));
CREATE INDEX gap_clusters_by_count ON gap_clusters (tenant_id, count, id);
CREATE TABLE gap_members (gap_id TEXT NOT NULL, tenant_id TEXT NOT NULL, cluster_id TEXT NOT NULL,
    model_id TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (gap_id));
CREATE INDEX gap_members_by_cluster ON gap_members (cluster_id, gap_id);
CREATE TABLE idempotent_requests (tenant_id TEXT NOT NULL, "key" TEXT NOT NULL, fingerprint TEXT NOT NULL,
    begun_at TEXT NOT NULL, status INTEGER, body BLOB, PRIMARY KEY (tenant_id, "key"));
CREATE INDEX idempotent_requests_by_age ON idempotent_requests (begun_at);
CREATE TABLE ingest_jobs (id TEXT NOT NULL, tenant_id TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT
    NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id));
CREATE INDEX ingest_jobs_by_status ON ingest_jobs (status);
CREATE INDEX ingest_jobs_by_tenant ON ingest_jobs (tenant_id, id);
CREATE TABLE knowledge_gaps (id TEXT NOT NULL, tenant_id TEXT NOT NULL, question TEXT NOT NULL,
    conversation_id TEXT, asked_at TEXT NOT NULL, PRIMARY KEY (id));
CREATE INDEX knowledge_gaps_by_tenant ON knowledge_gaps (tenant_id, id);
CREATE TABLE ledger (tenant_id TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, subject_id
    TEXT NOT NULL, body TEXT NOT NULL, created_at TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT
    NOT NULL, PRIMARY KEY (tenant_id, sequence));
CREATE TABLE ledger_heads (tenant_id TEXT NOT NULL, sequence INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY
    KEY (tenant_id));
CREATE TABLE model_usage (tenant_id TEXT NOT NULL, conversation_id TEXT NOT NULL, model TEXT NOT NULL,
    requests BIGINT NOT NULL, unmetered BIGINT NOT NULL, unpriced BIGINT NOT NULL, prompt_tokens BIGINT
    NOT NULL, cached_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL, cost_microdollars BIGINT
    NOT NULL, PRIMARY KEY (tenant_id, conversation_id, model)) WITHOUT ROWID;
CREATE TABLE money_counters (tenant_id TEXT NOT NULL, counter TEXT NOT NULL, reserved_minor INTEGER NOT
    NULL, at_most_minor INTEGER NOT NULL, PRIMARY KEY (tenant_id, counter), CONSTRAINT money_within_limit
    CHECK (reserved_minor BETWEEN 0 AND at_most_minor));
CREATE TABLE money_reservations (tenant_id TEXT NOT NULL, action_id TEXT NOT NULL, counter TEXT NOT NULL,
    amount_minor INTEGER NOT NULL, PRIMARY KEY (tenant_id, action_id, counter));
CREATE TABLE quarantine_decisions (tenant_id TEXT NOT NULL, external_id TEXT NOT NULL, version TEXT NOT
    NULL, decision TEXT NOT NULL, PRIMARY KEY (tenant_id, external_id, version));
CREATE TABLE verification_attempts (attempt_id TEXT NOT NULL, subject TEXT NOT NULL, tenant_id TEXT NOT
    NULL, conversation_id TEXT NOT NULL, at TEXT NOT NULL, counts BOOLEAN NOT NULL, PRIMARY KEY
    (attempt_id, subject));
CREATE INDEX verification_attempts_by_conversation ON verification_attempts (tenant_id, conversation_id);
CREATE INDEX verification_attempts_by_subject ON verification_attempts (tenant_id, subject);
CREATE TABLE alerts (id TEXT NOT NULL, tenant_id TEXT NOT NULL, conversation_id TEXT NOT NULL, reason TEXT
    NOT NULL, alert TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (conversation_id, reason), FOREIGN
    KEY(conversation_id) REFERENCES conversations (id));
CREATE INDEX alerts_by_tenant ON alerts (tenant_id, id);
CREATE TABLE document_facets (document_id TEXT NOT NULL, tenant_id TEXT NOT NULL, audience TEXT NOT NULL,
    locale TEXT NOT NULL, product TEXT, tags TEXT NOT NULL, valid_from TEXT, valid_to TEXT, superseded
    INTEGER NOT NULL, PRIMARY KEY (document_id), FOREIGN KEY(document_id) REFERENCES documents (id) ON
    DELETE CASCADE);
CREATE INDEX document_facets_by_tenant ON document_facets (tenant_id);
CREATE TABLE events (conversation_id TEXT NOT NULL, id INTEGER NOT NULL, revision INTEGER NOT NULL, type
    TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (conversation_id, id), FOREIGN KEY(conversation_id)
    REFERENCES conversations (id)) WITHOUT ROWID;
CREATE TABLE ingest_job_files (job_id TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (job_id, position), FOREIGN KEY(job_id) REFERENCES ingest_jobs (id)
    ON DELETE CASCADE);
CREATE TABLE passages ("row" INTEGER NOT NULL, id TEXT NOT NULL, tenant_id TEXT NOT NULL, document_id TEXT
    NOT NULL, position INTEGER NOT NULL, searchable INTEGER NOT NULL, context TEXT NOT NULL, text TEXT NOT
    NULL, kind TEXT NOT NULL, heading_path TEXT NOT NULL, clause TEXT, page INTEGER, start INTEGER NOT
    NULL, "end" INTEGER NOT NULL, token_count INTEGER NOT NULL, content_hash TEXT NOT NULL, PRIMARY KEY
    ("row"), UNIQUE (id), FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE);
CREATE INDEX passages_by_tenant ON passages (tenant_id, searchable);
CREATE INDEX passages_by_content ON passages (content_hash);
CREATE INDEX passages_by_document ON passages (document_id, position);
CREATE TABLE revisions (conversation_id TEXT NOT NULL, revision INTEGER NOT NULL, snapshot TEXT NOT NULL,
    PRIMARY KEY (conversation_id, revision), FOREIGN KEY(conversation_id) REFERENCES conversations (id))
    WITHOUT ROWID;
CREATE TABLE suggestions (id TEXT NOT NULL, tenant_id TEXT NOT NULL, conversation_id TEXT NOT NULL,
    revision INTEGER NOT NULL, suggestion TEXT NOT NULL, PRIMARY KEY (id), FOREIGN KEY(conversation_id)
    REFERENCES conversations (id));
CREATE TABLE summaries (conversation_id TEXT NOT NULL, revision INTEGER NOT NULL, summary TEXT NOT NULL,
    PRIMARY KEY (conversation_id, revision), FOREIGN KEY(conversation_id) REFERENCES conversations (id))
    WITHOUT ROWID;
CREATE TABLE turns (id TEXT NOT NULL, conversation_id TEXT NOT NULL, sequence INTEGER NOT NULL, speaker
    TEXT NOT NULL, text TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (id), UNIQUE
    (conversation_id, sequence), FOREIGN KEY(conversation_id) REFERENCES conversations (id));
CREATE TABLE citations (tenant_id TEXT NOT NULL, external_id TEXT NOT NULL, version TEXT NOT NULL,
    conversation_id TEXT NOT NULL, suggestion_id TEXT NOT NULL, PRIMARY KEY (tenant_id, external_id,
    version, conversation_id, suggestion_id), FOREIGN KEY(conversation_id) REFERENCES conversations (id))
    WITHOUT ROWID;
CREATE TABLE feedback (suggestion_id TEXT NOT NULL, principal_id TEXT NOT NULL, tenant_id TEXT NOT NULL,
    verdict TEXT NOT NULL, final_text TEXT, reason TEXT, created_at TEXT NOT NULL, PRIMARY KEY
    (suggestion_id, principal_id), FOREIGN KEY(suggestion_id) REFERENCES suggestions (id));
"""

_FACETS_OF_BODY = (
    "json_extract({0}.body, '$.audience'), json_extract({0}.body, '$.locale'), "
    "json_extract({0}.body, '$.product'), json_extract({0}.body, '$.tags'), "
    "json_extract({0}.body, '$.valid_from'), json_extract({0}.body, '$.valid_to'), "
    "coalesce(json_extract({0}.body, '$.superseded_by'), '') != ''"
)
_CITED_BY_SUGGESTION = (
    "INSERT OR IGNORE INTO citations SELECT DISTINCT {0}.tenant_id, json_extract(c.value, '$.external_id'), "
    "json_extract(c.value, '$.version'), {0}.conversation_id, {0}.id FROM {1} "
    "json_each({0}.suggestion, '$.sentences') AS s, json_each(s.value, '$.citations') AS c"
)
_CITED_BY_CARDS = (
    "INSERT OR IGNORE INTO citations SELECT DISTINCT v.tenant_id, "
    "json_extract(c.value, '$.citation.external_id'), json_extract(c.value, '$.citation.version'), "
    "{0}.conversation_id, '' FROM {1} json_each({0}.event, '$.data.cards') AS c "
    "JOIN conversations AS v ON v.id = {0}.conversation_id"
)
_SQLITE_TRIGGERS = (
    "CREATE TRIGGER IF NOT EXISTS ledger_no_update BEFORE UPDATE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS ledger_no_delete BEFORE DELETE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS document_facets_of_document AFTER INSERT ON documents BEGIN "
    f"INSERT INTO document_facets SELECT new.id, new.tenant_id, {_FACETS_OF_BODY.format('new')}; END",
    "CREATE TRIGGER IF NOT EXISTS citations_of_suggestion AFTER INSERT ON suggestions BEGIN "
    f"{_CITED_BY_SUGGESTION.format('new', '')}; END",
    "CREATE TRIGGER IF NOT EXISTS citations_of_cards AFTER INSERT ON events WHEN new.type = 'knowledge' "
    f"BEGIN {_CITED_BY_CARDS.format('new', '')}; END",
)
# What triggers would have written, for a store whose rows are older than its table.
_SQLITE_ROWS = {
    "document_facets": (
        f"INSERT INTO document_facets SELECT d.id, d.tenant_id, {_FACETS_OF_BODY.format('d')} "
        "FROM documents AS d",
    ),
    "citations": (
        _CITED_BY_SUGGESTION.format("g", "suggestions AS g,"),
        f"{_CITED_BY_CARDS.format('e', 'events AS e,')} WHERE e.type = 'knowledge'",
    ),
}

# A JSON text may hold an escaped NUL, which PostgreSQL's own functions refuse to read.
_JSON = "replace({}, '\\u0000', '\\ufffd')::json"
_ARRAY = "CASE json_typeof({0}) WHEN 'array' THEN {0} ELSE '[]' END"
_POSTGRES_TRIGGERS = (
    """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$""",
    "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger "
    "FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()",
    "CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger EXECUTE FUNCTION ledger_is_append_only()",
    f"""
CREATE FUNCTION document_facets_of_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO document_facets
  SELECT new.id, new.tenant_id, b->>'audience', b->>'locale', b->>'product', b->>'tags', b->>'valid_from',
    b->>'valid_to', (coalesce(b->>'superseded_by', '') <> '')::int
  FROM (SELECT {_JSON.format("new.body")} AS b) AS document;
  RETURN NULL;
END $$""",
    "CREATE TRIGGER document_facets_of_document AFTER INSERT ON documents "
    "FOR EACH ROW EXECUTE FUNCTION document_facets_of_document()",
    f"""
CREATE FUNCTION citations_of_suggestion() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE body json := {_JSON.format("new.suggestion")};
BEGIN
  INSERT INTO citations
  SELECT DISTINCT new.tenant_id, c->>'external_id', c->>'version', new.conversation_id, new.id
  FROM json_array_elements({_ARRAY.format("body->'sentences'")}) AS s,
    json_array_elements({_ARRAY.format("s->'citations'")}) AS c
  WHERE c->>'external_id' IS NOT NULL AND c->>'version' IS NOT NULL
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$""",
    "CREATE TRIGGER citations_of_suggestion AFTER INSERT ON suggestions "
    "FOR EACH ROW EXECUTE FUNCTION citations_of_suggestion()",
    f"""
CREATE FUNCTION citations_of_cards() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE body json := {_JSON.format("new.event")};
BEGIN
  INSERT INTO citations
  SELECT DISTINCT v.tenant_id, c->'citation'->>'external_id', c->'citation'->>'version',
    new.conversation_id, ''
  FROM json_array_elements({_ARRAY.format("body->'data'->'cards'")}) AS c
    JOIN conversations AS v ON v.id = new.conversation_id
  WHERE c->'citation'->>'external_id' IS NOT NULL AND c->'citation'->>'version' IS NOT NULL
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$""",
    "CREATE TRIGGER citations_of_cards AFTER INSERT ON events "
    "FOR EACH ROW WHEN (new.type = 'knowledge') EXECUTE FUNCTION citations_of_cards()",
)
_POSTGRES_FUNCTIONS = (
    "citations_of_cards",
    "citations_of_suggestion",
    "document_facets_of_document",
    "ledger_is_append_only",
)
_IN_POSTGRES = (
    # Ids and times are compared byte by byte, whatever language the database speaks.
    (" TEXT", ' TEXT COLLATE "C"'),
    (" BLOB", " BYTEA"),
    ('"row" INTEGER NOT NULL', '"row" BIGINT GENERATED BY DEFAULT AS IDENTITY'),
    (" INTEGER", " BIGINT"),
    (" WITHOUT ROWID", ""),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_postgres()
    else:
        _upgrade_sqlite()


def downgrade() -> None:
    for table in reversed(_names()):
        op.get_bind().exec_driver_sql(f"DROP TABLE {table}")
    if op.get_bind().dialect.name == "postgresql":
        for function in _POSTGRES_FUNCTIONS:
            op.get_bind().exec_driver_sql(f"DROP FUNCTION {function}")


def _upgrade_sqlite() -> None:
    there = set(inspect(op.get_bind()).get_table_names())
    for statement in _statements():
        for thing in ("TABLE ", "INDEX "):
            statement = statement.replace(thing, f"{thing}IF NOT EXISTS ")  # noqa: PLW2901
        op.get_bind().exec_driver_sql(statement)
    for table, statements in _SQLITE_ROWS.items():
        if table not in there:
            for statement in statements:
                op.get_bind().exec_driver_sql(statement)
    for statement in _SQLITE_TRIGGERS:
        op.get_bind().exec_driver_sql(statement)


def _upgrade_postgres() -> None:
    for statement in _statements():
        for ours, theirs in _IN_POSTGRES:
            statement = statement.replace(ours, theirs)  # noqa: PLW2901
        op.get_bind().exec_driver_sql(statement)
    for statement in _POSTGRES_TRIGGERS:
        op.get_bind().exec_driver_sql(statement)


def _statements() -> list[str]:
    return [statement for statement in _TABLES.split(";\n") if statement.strip()]


def _names() -> list[str]:
    """Of the tables, none before one that it refers to."""
    return [s.split()[2] for s in _statements() if s.strip().startswith("CREATE TABLE")]
