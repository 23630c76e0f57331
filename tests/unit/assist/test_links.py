"""Which links may be shown."""

import pytest

from copilot.assist.grounding import enforce, is_courtesy
from copilot.assist.links import REMOVED, foreign_links, hosts_of, without_foreign_links
from copilot.domain.assist import Sentence, Support

OURS = frozenset({"larkfield.example"})

FOREIGN = [
    "See https://evil.example/x for your refund.",
    "See http://larkfield.example.evil.com/ now.",
    "See https://larkfield.example@evil.com/ now.",
    "See https://evil.com\\@larkfield.example now.",
    "See //evil.com/x now.",
    "See HTTPS:\\\\evil.com now.",
    "See www.evil.com now.",
    "See evil.com/refund now.",
    "See \uff45\uff56\uff49\uff4c\uff0e\uff43\uff4f\uff4d now.",
    "See ev\u200bil.com and ht\u200btps://evil\u00ad.com now.",
    "[here](javascript:alert(1))",
    "[here](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://larkfield.example/pixel.png?data=secret)",
    "<img src=x onerror=alert(1)>",
    "<a href='https://larkfield.example'>x</a>",
    "Write to refunds@evil.com today.",
    "Open ftp://larkfield.example/x now.",
    "Open http://169.254.169.254/latest now.",
    "Open 10.0.0.1:8080/admin now.",
    "Open file:///etc/passwd now.",
    "Open http://[::1]/ now.",
    "Call tel:+15550100 now.",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_link_that_is_not_of_the_source_is_found_and_taken_out(text):
    assert foreign_links(text, OURS)
    clean = without_foreign_links(text, OURS)
    assert REMOVED in clean
    assert foreign_links(clean, OURS) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Your order LF-1004829 was delivered on 15 November 2026 at 9:30.",
        "It costs $6.95, e.g. for 3.5 days.Then it is 2/3 of the price: no more.",
        "Read https://larkfield.example/returns and larkfield.example/faq.",
        "Is 3 < 5 and 7 > 2? Yes: either/or.",
    ],
)
def test_words_amounts_and_the_sources_own_links_stay(text):
    assert foreign_links(text, OURS) == ()
    assert without_foreign_links(text, OURS) == text


def test_the_hosts_of_a_source_are_those_of_its_links():
    assert hosts_of(["See https://Larkfield.example/returns?x=1 or www.larkfield.com."]) == {
        "larkfield.example",
        "www.larkfield.com",
    }


def test_courtesy_carries_no_link():
    assert is_courtesy("Thank you for waiting.")
    assert not is_courtesy("Thank you, see https://evil.example now.")


def test_what_nothing_supports_is_shown_without_its_link():
    (shown,) = enforce([Sentence(text="Pay at https://evil.example", support=Support.UNSUPPORTED)], [])
    assert shown.text == f"Pay at {REMOVED}"
