"""Pieces looked up word by word are the pieces of the whole text."""

import pytest
import tokenizers

from copilot.adapters import word_pieces as module
from copilot.adapters.model_files import find_packaged_file
from copilot.adapters.word_pieces import PACKAGES, WordPieceCounter, WordPieces

TEXTS = [
    "",
    " \n\t ",
    "Refunds: within 30 days, of delivery (see §3.2)!  Refunds?",
    "naïve façade 我的订单在哪里 주문한 상품은 أين طلبي 👍🙏",
    "<b>[CLS]</b>[MASK] [SEP]x [ CLS ]",
    "\x00\x07\ufeffzero\u200bwidth\u00a0and\u2028other\u3000spaces\ufffd",
    "x" * 300,
    *(f"before{space}after" for space in "\x0b\x0c\x1c\x1d\x1e\x1f\x85"),
]


@pytest.fixture(scope="module")
def reference():
    tokenizer = tokenizers.Tokenizer.from_file(str(find_packaged_file(PACKAGES, "tokenizer.json")))
    tokenizer.no_padding()
    return tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_pieces_that_the_models_tokenizer_gives_it(reference, text):
    reference.no_truncation()
    pieces = WordPieces()
    for _ in range(2):  # a word already known has the same ones
        assert pieces.ids(text) == reference.encode(text, add_special_tokens=False).ids
    assert WordPieceCounter().count(text) == len(pieces.ids(text))


@pytest.mark.parametrize("words", [0, 1, 253, 254, 255, 400])
def test_the_model_gets_as_much_as_it_can_take(reference, words):
    reference.enable_truncation(256)
    text = "word " * words
    assert WordPieces().model_input(text, 256) == reference.encode(text).ids


def test_it_remembers_so_many_words_and_no_long_ones(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    pieces = WordPieces()
    assert len(pieces.ids("one two three " + "x" * 65)) > 3
    assert set(pieces._words) == {"three"}
