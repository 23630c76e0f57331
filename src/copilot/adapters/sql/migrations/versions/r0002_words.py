"""Keyword search on PostgreSQL: the words of passages by tenant, and BM25 over them. SQLite has FTS5.

A tenant's words are a partition of their own. Nobody reads or writes them but through these functions,
which check the tenant themselves: a row-level policy would keep `@@` from using its index.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_UPGRADE = (
    """
CREATE TABLE passage_words (
  tenant_id TEXT COLLATE "C" NOT NULL, "row" BIGINT NOT NULL, length BIGINT NOT NULL, words tsvector NOT NULL,
  PRIMARY KEY (tenant_id, "row")
) PARTITION BY LIST (tenant_id)""",
    "CREATE INDEX passage_words_by_word ON passage_words USING gin (words)",
    """
CREATE TABLE word_counts (
  tenant_id TEXT COLLATE "C" NOT NULL, word TEXT COLLATE "C" NOT NULL, passages BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, word)
)""",
    """
CREATE TABLE word_totals (
  tenant_id TEXT COLLATE "C" NOT NULL PRIMARY KEY, passages BIGINT NOT NULL, length BIGINT NOT NULL
)""",
    """
CREATE FUNCTION words_allowed(tenant text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF coalesce(current_setting('copilot.tenant', true), '') NOT IN (tenant, '*') THEN
    RAISE EXCEPTION 'the words of another tenant' USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$""",
    # A partition that is made apart and then attached does not keep others from searching meanwhile.
    """
CREATE FUNCTION words_partition(tenant text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE name text := 'passage_words_' || left(encode(sha256(convert_to(tenant, 'UTF8')), 'hex'), 24);
BEGIN
  PERFORM words_allowed(tenant);
  IF to_regclass(quote_ident(name)) IS NULL THEN
    EXECUTE format('CREATE TABLE %%I (LIKE passage_words INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE %%I SET (toast_tuple_target = 8160)', name);
    EXECUTE format('ALTER TABLE passage_words ATTACH PARTITION %%I FOR VALUES IN (%%L)', name, tenant);
  END IF;
END $$""",
    """
CREATE FUNCTION words_add(tenant text, rows_ bigint[], lengths bigint[], texts text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM words_allowed(tenant);
  INSERT INTO passage_words SELECT tenant, r, l, t::tsvector FROM unnest(rows_, lengths, texts) AS u(r, l, t);
  INSERT INTO word_counts AS c
  SELECT tenant, word, count(*) FROM unnest(texts) AS t, unnest(tsvector_to_array(t::tsvector)) AS word
  GROUP BY word ORDER BY word
  ON CONFLICT (tenant_id, word) DO UPDATE SET passages = c.passages + excluded.passages;
  INSERT INTO word_totals AS w
  SELECT tenant, cardinality(rows_), coalesce(sum(l), 0) FROM unnest(lengths) AS l
  ON CONFLICT (tenant_id) DO UPDATE
  SET passages = w.passages + excluded.passages, length = w.length + excluded.length;
END $$""",
    """
CREATE FUNCTION words_remove(tenant text, rows_ bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM words_allowed(tenant);
  WITH gone AS (
    DELETE FROM passage_words WHERE tenant_id = tenant AND "row" = ANY(rows_) RETURNING length, words
  ), counted AS (
    UPDATE word_counts AS c SET passages = c.passages - g.passages
    FROM (
      SELECT word, count(*) AS passages FROM gone, unnest(tsvector_to_array(gone.words)) AS word GROUP BY word
    ) AS g
    WHERE c.tenant_id = tenant AND c.word = g.word
  )
  UPDATE word_totals AS w SET passages = w.passages - g.passages, length = w.length - g.length
  FROM (SELECT count(*) AS passages, coalesce(sum(length), 0) AS length FROM gone) AS g
  WHERE w.tenant_id = tenant;
  DELETE FROM word_counts WHERE tenant_id = tenant AND passages = 0;
END $$""",
    # (word, passages that have it, passages in all, words in all)
    """
CREATE FUNCTION words_known(tenant text, wanted text[])
RETURNS TABLE (word text, passages bigint, all_passages bigint, all_length bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM words_allowed(tenant);
  RETURN QUERY SELECT c.word, c.passages, t.passages, t.length
  FROM word_counts AS c JOIN word_totals AS t ON t.tenant_id = c.tenant_id
  WHERE c.tenant_id = tenant AND c.word = ANY(wanted) AND c.passages > 0;
END $$""",
    # How often a lexeme stands in a vector: ts_rank of one lexeme is a sum over its places that only their
    # number decides when all weigh the same, and `steps` are the sums of 1, 2, 3 … places.
    """
CREATE FUNCTION words_frequency(words tsvector, lexeme tsquery, steps float8[]) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(ts_rank('{1,1,1,1}'::real[], words, lexeme)::float8, steps)""",
    # BM25 of the passages that have one of `rare`, with what `common` adds to the best of them.
    """
CREATE FUNCTION words_match(
  tenant text, rare tsquery[], rare_weights float8[], common tsquery[], common_weights float8[],
  average float8, steps float8[], only_rows bigint[], most int
) RETURNS TABLE ("row" bigint, score float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
  PERFORM words_allowed(tenant);
  RETURN QUERY
  WITH found AS (
    SELECT w."row", sum(q.weight * f.n * 2.2 / (f.n + 1.2 * (0.25 + 0.75 * w.length / average))) AS score
    FROM unnest(rare, rare_weights) AS q(lexeme, weight)
    CROSS JOIN LATERAL (
      SELECT p."row", p.length, p.words FROM passage_words AS p
      WHERE p.tenant_id = tenant AND p.words @@ q.lexeme AND (only_rows IS NULL OR p."row" = ANY(only_rows))
    ) AS w
    CROSS JOIN LATERAL (SELECT words_frequency(w.words, q.lexeme, steps) AS n) AS f
    GROUP BY w."row" ORDER BY 2 DESC, 1 LIMIT greatest(most, CASE WHEN cardinality(common) > 0 THEN 500 END)
  )
  SELECT b."row", b.score + coalesce(more.score, 0) FROM found AS b
  LEFT JOIN LATERAL (
    SELECT sum(q.weight * f.n * 2.2 / (f.n + 1.2 * (0.25 + 0.75 * p.length / average))) AS score
    FROM passage_words AS p
    CROSS JOIN unnest(common, common_weights) AS q(lexeme, weight)
    CROSS JOIN LATERAL (SELECT words_frequency(p.words, q.lexeme, steps) AS n) AS f
    WHERE p.tenant_id = tenant AND p."row" = b."row" AND f.n > 0
  ) AS more ON cardinality(common) > 0
  ORDER BY 2 DESC, 1 LIMIT most;
END $$""",
    "REVOKE ALL ON passage_words, word_counts, word_totals FROM PUBLIC",
)
_DOWNGRADE = (
    "DROP FUNCTION words_match",
    "DROP FUNCTION words_frequency",
    "DROP FUNCTION words_known",
    "DROP FUNCTION words_remove",
    "DROP FUNCTION words_add",
    "DROP FUNCTION words_partition",
    "DROP FUNCTION words_allowed",
    "DROP TABLE passage_words, word_counts, word_totals",
)


def upgrade() -> None:
    _on_postgres(_UPGRADE)


def downgrade() -> None:
    _on_postgres(_DOWNGRADE)


def _on_postgres(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.get_bind().exec_driver_sql(statement)
