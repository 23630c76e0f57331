"""Logos become data URIs, or a message that says what is wrong with the file."""

import pytest

from copilot.adapters.brand_files import read_branding
from copilot.domain.errors import ConfigurationError


def test_a_logo_travels_within_the_answer(tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg/>")
    branding = read_branding("Larkfield", "#2d6a4f", logo)
    assert branding.logo == "data:image/svg+xml;base64,PHN2Zy8+"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("logo.gif", b"GIF", "no image"),
        ("missing.png", None, "cannot be read"),
        ("big.png", b"x" * 65_537, "65,537"),
    ],
)
def test_a_logo_that_cannot_be_shown_is_refused(tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem):
        read_branding("", None, tmp_path / name)
