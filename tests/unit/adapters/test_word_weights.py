import random
import sqlite3

import pytest

from copilot.adapters.sql.full_text import TOKENIZER
from copilot.adapters.sql.knowledge_tables import full_text_table
from copilot.adapters.sql.tokens import stems
from copilot.adapters.sql.word_weights import frequency, one_moment, postings, read_lengths

TENANT = "acme"
TABLE = full_text_table(TENANT)
WORDS = ["refund", "tents", "lantern", "paying", "card", "days", "the", "café"]


@pytest.fixture
def full_text():
    """FTS5 with passages from short to longer than one byte counts, some of them deleted again."""
    dice = random.Random(3)  # noqa: S311 - the same every time
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(
        f"CREATE VIRTUAL TABLE {TABLE} USING fts5(context, text, tokenize='{TOKENIZER}')",
    )
    insert = f"INSERT INTO {TABLE}(rowid, context, text) VALUES (?, ?, ?)"  # noqa: S608
    for row in range(1, 400):
        text = " ".join(dice.choices(WORDS, weights=range(1, 9), k=dice.choice([1, 5, 40, 126, 127, 300])))
        connection.execute(insert, (row, dice.choice(WORDS), text))
        if row % 7 == 0:
            connection.execute(f"DELETE FROM {TABLE} WHERE rowid = ?", (row - 3,))  # noqa: S608
    yield connection
    connection.close()


def by_fts5(connection, word):
    statement = f"SELECT rowid, -bm25({TABLE}) FROM {TABLE} WHERE {TABLE} MATCH ? ORDER BY rowid"  # noqa: S608
    return dict(connection.execute(statement, (word,)))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("all_lengths", [False, True])
def test_weighs_a_word_as_fts5_does(full_text, word, all_lengths):
    (stem,) = stems([word])
    with one_moment(full_text):
        lengths = read_lengths(full_text, TENANT) if all_lengths else None
        found = postings(full_text, TENANT, stem, lengths)
    ours = dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
    assert ours == pytest.approx(by_fts5(full_text, word), rel=1e-5)


def test_a_word_that_nothing_has_is_nowhere(full_text):
    assert len(postings(full_text, TENANT, "kettl").rows) == 0
    assert frequency(full_text, TENANT, "kettl", 10) == 0


def test_counts_no_further_than_it_is_asked_to(full_text):
    assert frequency(full_text, TENANT, "the", 10) == 11


def test_the_connection_still_cannot_write(full_text):
    full_text.execute("PRAGMA query_only = ON")
    postings(full_text, TENANT, "refund")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        full_text.execute(f"DELETE FROM {TABLE}")  # noqa: S608
