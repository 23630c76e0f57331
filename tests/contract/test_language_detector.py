"""What every LanguageDetector does, and what the live path makes of short turns."""

import pytest

from copilot.adapters.fakes.language_detector import WordCountDetector
from copilot.adapters.fast_language import FastLanguageDetector
from copilot.assist.language import language_of


@pytest.fixture(params=[WordCountDetector, FastLanguageDetector])
def detector(request):
    return request.param()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is my order, I can not find it", "en"),
        ("Wo ist meine Bestellung, ich möchte mein Geld zurück", "de"),
        ("Hola, mi pedido no llegó y quiero mi dinero", "es"),
        ("Bonjour, je ne trouve pas ma commande", "fr"),
    ],
)
def test_it_tells_languages_apart(detector, text, code):
    guess = detector.detect(text)
    assert guess.code == code
    assert 0 < guess.confidence <= 1


@pytest.mark.parametrize("text", ["", "12345", "?!", "\n"])
def test_without_letters_it_says_nothing(detector, text):
    assert detector.detect(text) is None


def test_a_short_turn_is_in_the_language_of_the_conversation(detector):
    earlier = ["Wo ist meine Bestellung, ich möchte mein Geld zurück"]
    assert language_of("ok", earlier, detector, "de") == "de"
    assert language_of("LF-1004829", earlier, detector, "de") == "de"
    assert language_of("1004829", [], detector, None) is None


def test_a_customer_may_change_the_language(detector):
    text = "Sorry, where is my order and when do I get it"
    assert language_of(text, ["Wo ist meine Bestellung"], detector, "de") == "en"
