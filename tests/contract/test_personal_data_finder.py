"""What every PersonalDataFinder does; the real one also on data that nobody here wrote."""

import json
import os
import socket
from pathlib import Path

import pytest

from copilot.adapters.fakes.personal_data_finder import ListedNames
from copilot.adapters.personal_data.finder import NameFinder, installed

PUBLIC = Path(os.environ.get("COPILOT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "pii"


def public_sentences():
    return [json.loads(line) for line in (PUBLIC / "presidio_synth_v2.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def names():
    """The real finder, loaded once: it holds a language model."""
    if not installed():
        pytest.skip("the extra `pii` is not installed")
    return NameFinder()


@pytest.fixture(params=["listed", "real"])
def finder(request):
    return ListedNames("Ana Ruiz", "Ruiz") if request.param == "listed" else request.getfixturevalue("names")


def values(text, pieces):
    return {text[piece.start : piece.end] for piece in pieces}


async def test_it_says_of_each_text_where_the_names_are(finder):
    texts = ["My name is Ana Ruiz, and Ruiz is my family's name.", "where is my order LF-1004829?", ""]

    found = await finder.find(texts)

    assert {"Ana Ruiz", "Ruiz"} <= values(texts[0], found[0])
    assert [list(pieces) for pieces in found[1:]] == [[], []]
    assert await finder.find(texts) == found


async def test_it_looks_at_nothing_when_there_is_nothing(finder):
    assert list(await finder.find([])) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my name is leone mazzi and it never came", "leone mazzi"),
        ("> Sofie Krog\n> Gammel Kongevej 12", "Sofie Krog"),
        ("this is priya speaking", "priya"),
        ("It never came.\n\nRegards,\ntomasz zielinski", "tomasz zielinski"),
        ("my Polish number is 44051401359", "44051401359"),
        ("NHS number 401 023 2137", "401 023 2137"),
    ],
)
async def test_names_are_found_however_they_are_written_and_numbers_by_their_check_digits(names, text, value):
    assert value in values(text, (await names.find([text]))[0])


async def test_it_asks_nobody_outside(names, monkeypatch):
    def refused(*_: object, **__: object):
        raise AssertionError("it went to the network")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)

    assert (await names.find(["write to jo@example.co.uk, says Ana Ruiz"]))[0]


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data are not on this machine")
async def test_it_finds_nine_of_ten_names_in_sentences_that_nobody_here_wrote(names):
    rows = public_sentences()
    found = await names.find([row["text"] for row in rows])
    hits = [
        all(
            any(piece.start <= at < piece.end for piece in pieces)
            for at in range(span["start"], span["end"])
            if row["text"][at].isalnum()
        )
        for row, pieces in zip(rows, found, strict=True)
        for span in row["spans"]
        if span["type"] == "PERSON"
    ]
    assert len(hits) > 400
    assert sum(hits) / len(hits) >= 0.9
