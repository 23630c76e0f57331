import socket

import pytest

from copilot.adapters import tiktoken_counter
from copilot.adapters.tiktoken_counter import TiktokenCounter, prepare_vocabulary
from copilot.domain.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the token counter opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    ("encoding", "text", "tokens"),
    [
        ("o200k_base", "", 0),
        ("o200k_base", "hello world", 2),
        ("o200k_base", "Where is my order?", 5),
        ("cl100k_base", "tiktoken is great!", 6),
        ("o200k_base", "<|endoftext|>", 7),
    ],
)
def test_counts_as_the_models_do(tmp_path, encoding, text, tokens):
    assert TiktokenCounter(encoding, tmp_path).count(text) == tokens


def test_a_damaged_vocabulary_is_replaced_not_downloaded(tmp_path):
    vocabulary = prepare_vocabulary("cl100k_base", tmp_path)
    whole = vocabulary.read_bytes()
    vocabulary.write_bytes(whole[:100])
    assert TiktokenCounter("cl100k_base", tmp_path).count("tiktoken is great!") == 6
    assert vocabulary.read_bytes() == whole


def test_says_which_package_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(tiktoken_counter, "PACKAGES", {"no-such-vocabulary": "1.0"})
    with pytest.raises(ConfigurationError, match=r"no-such-vocabulary==1\.0"):
        TiktokenCounter("cl100k_base", tmp_path).count("anything")
