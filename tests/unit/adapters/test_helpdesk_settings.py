"""The files that describe helpdesks."""

import pytest
from tests.unit.assist.world import NOW

from copilot.adapters.helpdesks.calls import retry_after
from copilot.adapters.helpdesks.settings import load_helpdesks
from copilot.domain.errors import ConfigurationError
from copilot.domain.helpdesk import WriteBack

GOOD = """
kind: chatwoot
url: https://chat.example.com
account: 1
webhook_secret_env: COPILOT_CHATWOOT_HOOK
secret_env: COPILOT_CHATWOOT_KEY
"""
SECRETS = {"COPILOT_CHATWOOT_HOOK": "a", "COPILOT_CHATWOOT_KEY": "b"}


def load(tmp_path, text, name="chat-eu.yaml", secrets=SECRETS):
    (tmp_path / name).write_text(text)
    return load_helpdesks(tmp_path, "larkfield", secrets.get)


def test_a_file_is_a_helpdesk_named_like_it(tmp_path):
    (helpdesk,) = load(tmp_path, GOOD)
    assert (helpdesk.name, helpdesk.tenant_id, helpdesk.title) == ("chat-eu", "larkfield", "Chatwoot")
    assert helpdesk.write_back is WriteBack.DRAFTS


def test_no_folder_is_no_helpdesk(tmp_path):
    assert load_helpdesks(tmp_path / "none", "larkfield", SECRETS.get) == []


def test_secrets_may_stand_in_files(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a\n")
    text = GOOD.replace("webhook_secret_env: COPILOT_CHATWOOT_HOOK", f"webhook_secret_file: {secret}")
    assert len(load(tmp_path, text)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("kind: chatwoot", "kind: helpscout"), "helpscout"),
        (GOOD.replace("account: 1", "account: zero"), "account"),
        (GOOD.replace("https://", "ftp://"), "url"),
        (GOOD + "webhook_secret: s3cret\n", "webhook_secret"),
        (GOOD.replace("COPILOT_CHATWOOT_HOOK", "PATH"), "webhook_secret_env"),
        (GOOD.replace("webhook_secret_env: COPILOT_CHATWOOT_HOOK", ""), "no webhook secret"),
        (
            GOOD.replace("\nsecret_env: COPILOT_CHATWOOT_KEY", ""),
            "no key",
        ),
        (GOOD.replace("COPILOT_CHATWOOT_KEY", "COPILOT_UNSET"), "COPILOT_UNSET is not set"),
        ("- a list", "mapping"),
        ("a: [", "YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text)
    assert said.lower() in str(raised.value).lower()
    assert "chat-eu" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_two_of_one_name_are_refused(tmp_path):
    (tmp_path / "b.yaml").write_text(GOOD + "name: chat-eu\n")
    with pytest.raises(ConfigurationError, match="two integrations"):
        load(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("999999", 3600),
        (None, 60),
        ("soon", 60),
        ("Mon, 23 Nov 2026 09:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0),
    ],
)
def test_retry_after_in_either_form(header, seconds):
    assert retry_after(header, NOW) == seconds
