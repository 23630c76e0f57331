"""Where a page of a list ended."""

import pytest

from copilot.domain.errors import InvalidInput
from copilot.web.cursors import decode_cursor, encode_cursor


@pytest.mark.parametrize("place", ["conv_1", "returns\n3", "ä ö/ü?#", ""])
def test_a_cursor_comes_back_as_what_it_was_made_of(place):
    cursor = encode_cursor(place)

    assert decode_cursor(cursor) == place
    assert not set(cursor) & set("+/=\n ")


def test_the_first_page_has_none():
    assert decode_cursor(None) is None


@pytest.mark.parametrize("cursor", ["%%", "a", "_w", "ä"])
def test_what_we_have_not_given_is_refused(cursor):
    with pytest.raises(InvalidInput, match="not given by us"):
        decode_cursor(cursor)
