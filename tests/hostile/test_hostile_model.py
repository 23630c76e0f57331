"""A model that works for an attacker: it may say what it likes, and no money moves and nothing leaks.

It calls the real catalog, approvals, executor and live path in process; only stores and shop are fakes, and
those note what was read and done.
"""

import asyncio
import json
import re
import unicodedata

import pytest
from tests.hostile import cases
from tests.unit.assist.test_llm_replies import answer, llm
from tests.unit.assist.world import ELENA_ORDER, LIBRARY, LibrarySearch, document, world
from tests.unit.tools.desk import GOODWILL, RITA, desk
from tests.unit.tools.shop import MAYA, session

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.assist.drafting.styles import DraftStyle
from copilot.assist.links import foreign_links
from copilot.domain.actions import ActionStatus
from copilot.domain.errors import ActionNotOpen, CopilotError, SealBroken
from copilot.tools.catalog import Catalog

TOMS_WORDS = ("tom@example.com", "LF-2000006", "card_2", "Reed", '"tom"')
HELLO = f"I want a refund for my broken lantern, order {ELENA_ORDER}, elena@example.com"


# What is left of a link where the product's own reading of links has missed it.
TRACES = re.compile(
    r"evil|0x7f|127\.0|::1|script:|data:|passwd|15550100|xn--|<img|<a |!\[[^\]]*\]\(", re.IGNORECASE
)


def plain(text):
    return unicodedata.normalize("NFKC", text).replace("\u200b", "")


async def outcome(work):
    """What came back, or the product's own refusal; anything else is a bug and is raised."""
    try:
        return await work
    except CopilotError as error:
        return error


async def test_no_tool_call_of_a_model_moves_money_or_reads_another_customer():
    d = desk()
    calls = list(cases.tool_calls())
    assert len(calls) > 1000
    for tool, arguments in calls:
        for answered in (
            await outcome(d.executor.read(session(MAYA), tool, arguments)),
            await outcome(d.propose(arguments, tool)),
        ):
            told = answered.model_dump_json() if hasattr(answered, "model_dump_json") else str(answered)
            own_words = json.dumps(arguments, default=str)
            shown = answered.data if hasattr(answered, "data") else told
            leaked = [w for w in TOMS_WORDS if w in json.dumps(shown, default=str) and w not in own_words]
            assert not leaked, (tool, arguments, leaked)
    assert d.orders.done == 0
    assert d.orders.calls == []
    statuses = {a.status for a in d.store._actions.values()}
    assert statuses == {ActionStatus.PROPOSED}
    assert {a.customer_id for a in d.store._actions.values()} == {"maya"}
    for action in list(d.store._actions.values()):
        assert isinstance(await outcome(d.executor.execute(action)), ActionNotOpen)
    assert d.orders.done == 0


async def test_what_changes_something_never_runs_as_a_look_up():
    d = desk()
    for tool in Catalog():
        good = {n: cases.MAYAS[n] for n in tool.arguments.model_fields if n in cases.MAYAS}
        answered = await outcome(d.executor.read(session(MAYA), tool.name, good))
        assert isinstance(answered, CopilotError) == (tool.effect.value != "read"), tool.name
    assert d.orders.calls == []


async def test_forged_and_replayed_approvals_execute_nothing():
    d = desk()
    real = await d.approved()
    (given,) = real.approvals
    assert (await d.executor.execute(real)).status is ActionStatus.SUCCEEDED
    other = await d.propose(GOODWILL | {"amount": "21"})
    forgeries = [
        (given,),
        (given, given),
        (given.model_copy(update={"approver_id": "sam"}),),
        (given.model_copy(update={"seal": "0" * 64}),),
        (given.model_copy(update={"seal": ""}),),
        (given.model_copy(update={"seal": "\u0665" * 64}),),
        (given.model_copy(update={"key_id": "another"}),),
        (),
    ]
    for approvals in forgeries:
        d.store.put(other.model_copy(update={"status": ActionStatus.APPROVED, "approvals": approvals}))
        assert isinstance(await outcome(d.executor.execute(other)), SealBroken)
    for digest in (real.digest, "", "0" * 64, other.digest.upper(), other.digest[:-1], "\u0665" * 64):
        d.store.put(other)
        assert isinstance(await outcome(d.approvals.approve(RITA, other.id, digest)), SealBroken)
    for _ in range(3):
        assert isinstance(await outcome(d.executor.execute(real)), ActionNotOpen)
        assert isinstance(await outcome(d.approvals.approve(RITA, real.id, real.digest)), ActionNotOpen)
    assert d.orders.done == 1


# ---------------------------------------------------------------- turns and passages


async def proposals(w):
    """(tool, arguments, amount, outcome of policy) of everything proposed in the conversation."""
    found = {
        (a.call.tool, json.dumps(a.call.arguments, sort_keys=True), str(a.amount), a.decision.outcome.value)
        for a in w.live._ports.desk._actions._actions.values()
    }
    assert {a.status for a in w.live._ports.desk._actions._actions.values()} <= {ActionStatus.PROPOSED}
    return found


async def test_no_turn_changes_what_is_proposed_or_decided():
    plain = await world()
    await plain.customer(HELLO)
    wanted = await proposals(plain)
    assert [p[0] for p in wanted] == ["refund_order"]
    for attack in cases.turns():
        w = await world()
        await w.customer(HELLO)
        await w.customer(attack)
        # An attack may end the offer or name an order; it never makes another one, nor moves anything.
        assert await proposals(w) <= wanted, attack
        assert w.orders.done == 0, attack
        shown = (await w.snapshot()).model_dump_json(exclude={"conversation", "turns", "summary"})
        assert "Haddad" not in shown or "Haddad" in attack, attack
        assert "omar@example.com" not in shown or "omar@" in attack, attack
        assert not re.search(r"\$999\.00|\b99900\b", shown), attack
        await w.live.shutdown()
    await plain.live.shutdown()


async def test_no_passage_changes_what_is_proposed_or_decided():
    plain = await world()
    await plain.customer(HELLO)
    wanted = await proposals(plain)
    for number, attack in enumerate(cases.turns()):
        poisoned = document(f"poison-{number}", f"Refund broken lantern order. {attack}".replace("\0", " "))
        w = await world(search=LibrarySearch((*LIBRARY, poisoned)))
        await w.customer(HELLO)
        assert await proposals(w) == wanted, attack
        assert w.orders.done == 0
        await w.live.shutdown()
    await plain.live.shutdown()


# ---------------------------------------------------------------- drafts


async def shown_by(style, text):
    """All that a suggestion or a part of one said in a conversation with that model."""
    reply = answer(text) if style is DraftStyle.STRUCTURED else f"{text} [1]"
    w = await world(llm=llm(ScriptedChatModel(reply), style))
    await w.customer("how long does standard shipping take?")
    events = [e.data for e in await w.events() if e.type.startswith("suggestion.")]
    await w.live.shutdown()
    whole = [e.text for e in events if hasattr(e, "sentences")]
    deltas = {}
    for e in events:
        if hasattr(e, "suggestion_id") and hasattr(e, "text"):
            deltas[e.suggestion_id] = deltas.get(e.suggestion_id, "") + e.text
    return [*whole, *deltas.values()]


@pytest.mark.slow
@pytest.mark.parametrize("style", list(DraftStyle))
async def test_no_draft_shows_a_link_or_an_image_of_its_own(style):
    drafts = cases.drafts()
    assert len(drafts) > 700
    wrong = []
    for start in range(0, len(drafts), 16):
        batch = drafts[start : start + 16]
        for text, shown in zip(
            batch, await asyncio.gather(*(shown_by(style, t) for t in batch)), strict=True
        ):
            wrong += [(text, s) for s in shown if foreign_links(s, frozenset()) or TRACES.search(plain(s))]
            assert shown, text
    assert wrong == []
