"""Personal data stays at home, and comes back into the draft."""

import pytest

from copilot.assist.redaction import Masker, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("card 4111 1111 1111 1111", "card [CARD]"),
        ("4111 1111 1111 1112 is no card", "4111 1111 1111 1112 is no card"),
        ("cvv is 123", "cvv is [CVV]"),
        ("my password is hunter2!", "my password is [PASSWORD]"),
        ("refund to DE89 3704 0044 0532 0130 00 please", "refund to [IBAN] please"),
        ("the label says GB29 NWBK 6016 1331 9268 18", "the label says GB29 NWBK 6016 1331 9268 18"),
        ("SSN 123-45-6789", "SSN [SSN]"),
        ("mail jo@example.com", "mail [EMAIL]"),
        ("call 312-555-0199", "call [PHONE]"),
        ("I live at 12 Elm Street Apt 4", "I live at [ADDRESS]"),
        ("order LF-1004829", "order LF-1004829"),
        ("#W1234567 cost $49.00 on 2026-11-03", "#W1234567 cost $49.00 on 2026-11-03"),
    ],
)
def test_it_masks(text, masked):
    assert mask(text) == masked


def test_equal_values_get_equal_placeholders_and_come_back():
    masker = Masker({"Ruiz": "NAME"})
    masked = masker.mask("Ruiz: a@x.com, b@x.com, a@x.com")
    assert masked == "[NAME_1]: [EMAIL_1], [EMAIL_2], [EMAIL_1]"
    assert masker.unmask(masked) == "Ruiz: a@x.com, b@x.com, a@x.com"


def test_secrets_never_come_back():
    masker = Masker()
    masked = masker.mask("password: hunter2, card 4111111111111111")
    assert masker.unmask(masked) == masked


def test_a_typed_placeholder_fetches_nobodys_data():
    masker = Masker()
    masker.mask("a@x.com")
    assert masker.unmask(masker.mask("send it to [EMAIL_1]")) == "send it to (EMAIL_1)"
