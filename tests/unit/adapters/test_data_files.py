"""Words are found wherever a file has them, also across two pieces that are read."""

import sqlite3

from copilot.adapters import data_files
from copilot.adapters.data_files import files_holding, overwrite_free_pages


def test_words_are_found_in_any_case_in_any_file(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_PIECE", 8)
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "log.jsonl").write_text('{"who": "XANTHIPPE Qu\\u00e9r\\u00e9"}')
    (tmp_path / "two").write_bytes(b"\0\1xanthippe, and \xff jo@example.com")
    (tmp_path / "none").write_text("Xanth ippe")

    found = files_holding(tmp_path, ["Xanthippe", "jo@example.com", "Quéré"])

    assert found == {"index/log.jsonl": 2, "two": 2}


def test_a_deleted_row_is_gone_from_the_file_and_from_its_log(tmp_path, monkeypatch):
    path = tmp_path / "copilot.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (a TEXT)")
    connection.execute("INSERT INTO t VALUES ('Xanthippe')")
    connection.execute("DELETE FROM t")
    assert files_holding(tmp_path, ["Xanthippe"])

    monkeypatch.setattr(data_files, "_WAIT_SECONDS", 0.05)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM t").fetchone()  # somebody still reads
    assert not overwrite_free_pages(path)
    connection.execute("COMMIT")

    assert overwrite_free_pages(path)
    assert not files_holding(tmp_path, ["Xanthippe"])
    connection.close()
