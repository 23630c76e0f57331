"""Simulation: what customers say, what representatives let through, and a shop that is not right."""

import pytest
import yaml

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.evaluation.live_desk import Said
from copilot.evaluation.simulation.customers import PlayedCustomer, ScriptedCustomer
from copilot.evaluation.simulation.names import Profile
from copilot.evaluation.simulation.profiles import Decision, Representative, fits
from copilot.evaluation.simulation.scenario import CustomerScript, OrderState, RightAction, load_scenarios
from copilot.evaluation.simulation.shop_state import OrderRow, wrong_orders

SCRIPT = CustomerScript.model_validate(
    {
        "goal": "Get the money back.",
        "proof": {"email": "maya@example.com", "order_id": "LF-7"},
        "opening": "My lamp is broken.",
        "lines": [{"when": "refund|replacement", "say": "A refund please."}],
    }
)
REFUND = RightAction(tool="refund_order", amount="49.00", after="refund")


async def told(customer, *answers):
    """Everything the customer says, when it is answered with `answers` one after another."""
    said = []
    for answer in answers:
        text = await customer.next(said)
        if text is None:
            return said
        said += [Said(role="customer", text=text), Said(role="representative", text=answer)]
    return said


async def test_a_scripted_customer_says_who_they_are_when_asked_and_what_they_want_when_offered():
    said = await told(
        ScriptedCustomer(SCRIPT),
        "May I have your order number?",
        "A refund or a replacement?",
        "Done.",
        "Bye!",
        "?",
    )

    assert [s.text for s in said if s.role == "customer"] == [
        "My lamp is broken.",
        "It's LF-7, and my email is maya@example.com.",
        "A refund please.",
        "Okay, thanks. Bye.",
    ]


async def test_a_model_plays_the_goal_until_it_is_done():
    model = ScriptedChatModel("I want my money.", "[done]")

    said = await told(PlayedCustomer(model, SCRIPT), "Hello!", "You have it.", "?", "?")

    assert [s.text for s in said if s.role == "customer"] == ["My lamp is broken.", "I want my money."]
    assert "Get the money back." in model.asked[0][0]["content"]


def decide(profile, arguments, heard="a refund please", tool="refund_order"):
    return Representative(profile, "seed").decide(tool, arguments, [REFUND], heard)


def test_only_who_looks_sees_that_an_amount_is_wrong():
    wrong = {"order_id": "LF-7", "amount": "$55.95"}

    assert decide(Profile.CAREFUL, wrong) is Decision.CORRECT
    assert decide(Profile.RUBBER_STAMPS, wrong) is Decision.APPROVE
    assert decide(Profile.CAREFUL, {"amount": "49.00"}) is Decision.APPROVE
    assert decide(Profile.CAREFUL, {"amount": "49.00"}, heard="It is broken.") is Decision.WAIT
    assert decide(Profile.CAREFUL, {}, tool="cancel_pending_order") is Decision.REJECT
    assert fits(REFUND, "refund_order", {"amount": "$49"})


def test_a_draft_with_a_fault_is_sent_by_who_does_not_look():
    faults = ["7380 stands nowhere"]

    assert Representative(Profile.CAREFUL, "s").answer("$7,380!", faults, "own words") == "own words"
    assert Representative(Profile.RUBBER_STAMPS, "s").answer("$7,380!", faults, "own words") == "$7,380!"
    assert Representative(Profile.IGNORES, "s").answer("A good draft.", [], "own words") == "own words"


def order(status="delivered", refunded=0, zip_code="53703"):
    return OrderRow(status, refunded, f'{{"address": {{"address1": "1 A St", "zip": "{zip_code}"}}}}')


def test_the_shop_is_right_when_what_must_change_has_and_nothing_else():
    before = {"LF-7": order(), "LF-8": order()}
    expected = {"LF-7": OrderState(status="delivered", refunded="49")}

    assert wrong_orders(before, {**before, "LF-7": order(refunded=4900)}, expected) == []
    assert wrong_orders(before, before, expected) == ["LF-7: refunded: expected 49, found 0.00"]
    (stray,) = wrong_orders(
        before, {"LF-7": order(refunded=4900), "LF-8": order(status="cancelled")}, expected
    )
    assert stray.startswith("LF-8: it was to stay as it was")


@pytest.fixture
def folder(tmp_path):
    def write(name, **changes):
        scenario = {
            "id": name,
            "title": name,
            "customer": {"goal": "g", "opening": "Hello"},
            "own_words": "Hi.",
            **changes,
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(scenario))
        return tmp_path

    return write


def test_two_scenarios_must_not_change_the_same_order(folder):
    folder("a", expected={"LF-7": {"status": "cancelled"}})
    path = folder("b", expected={"LF-7": {"refunded": "1.00"}})

    (found,), (refused,) = load_scenarios([path])

    assert found.id == "a"
    assert refused.reason.startswith("order LF-7 is")


def test_what_cannot_be_read_is_named_by_file_and_line_and_the_rest_is_there(folder):
    folder("a")
    path = folder("b", own_word="typo")

    (found,), refused = load_scenarios([path])

    assert found.id == "a"
    assert all(one.source.startswith(f"{path}/b.yaml:") for one in refused)
