"""API keys on the command line."""

import pytest
from typer.testing import CliRunner

from copilot.cli.app import build_app
from copilot.domain.errors import InvalidInput


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("COPILOT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments):
        result = CliRunner().invoke(build_app(), ["keys", *arguments])
        if isinstance(result.exception, Exception):
            raise result.exception
        return result.stdout

    return command


def test_a_key_is_shown_once_and_listed_with_when_it_expires(run):
    made = run("create", "--name", "Rita Ray", "--role", "supervisor", "--expires-in", "90d")
    forever = run("create", "--name", "Sam", "--quiet").strip()

    assert "It speaks for Rita Ray (supervisor), for 90d." in made
    listed = run("list").splitlines()
    rita = next(line for line in listed if "Rita Ray" in line)
    assert made.split("_")[1] in rita
    assert rita.count(":") == 2, rita  # made, expires
    assert next(line for line in listed if "Sam" in line).count(":") == 1
    run("revoke", forever.split("_")[1])
    assert "revoked" in next(line for line in run("list").splitlines() if "Sam" in line)
    assert forever not in run("list")


@pytest.mark.parametrize("span", ["", "0d", "90", "d", "-1d", "1.5h", "99999w", "\u0661d", "1d 2h"])
def test_a_time_that_is_none_makes_no_key(run, span):
    with pytest.raises(InvalidInput, match="--expires-in"):
        run("create", "--name", "Sam", "--expires-in", span)
    assert "Sam" not in run("list")
