"""A token counter without a vocabulary."""

import re

_PIECE = re.compile(r"\w{1,6}|[^\w\s]")


class FakeTokenCounter:
    """Six letters or one sign to a token: near what word pieces give for English."""

    def count(self, text: str) -> int:
        return len(_PIECE.findall(text))
