"""Chatwoot and Zendesk: a message becomes a turn, its draft one private note, whatever goes wrong."""

import asyncio
import sys
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.servers import helpdesks as vendors
from tests.servers.otlp import collector
from tests.unit.assist.world import NOW, world

from copilot.adapters.fakes.clock import FixedClock
from copilot.adapters.fakes.ids import SequentialIds
from copilot.adapters.helpdesks.settings import describe_helpdesk, open_helpdesk
from copilot.adapters.otel_tracing import OtelSettings, OtelTracer
from copilot.adapters.shop_http import HttpLimits
from copilot.adapters.sql.database import Database
from copilot.adapters.sql.helpdesk_store import SqlHelpdeskStore
from copilot.api.app import create_api
from copilot.assist.helpdesk.inbox import HelpdeskInbox, InboxLimits
from copilot.assist.helpdesk.links import ConversationLinks
from copilot.assist.helpdesk.outbox import HelpdeskOutbox, OutboxLimits
from copilot.domain.access import Principal, Role
from copilot.domain.conversation import ConversationStatus
from copilot.domain.helpdesk import DeliveryStatus, NoteStatus
from copilot.ports import trace_names as names
from copilot.ports.tracing import NO_TRACER

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "api"))
from world import World as ApiWorld

ASKED = "How long does standard shipping take?"
QUICK = HttpLimits(connect=1.0, total=0.6)
RITA = Principal(id="rita", tenant_id="larkfield", name="Rita", role=Role.REPRESENTATIVE)
KINDS = ("chatwoot", "zendesk")
SECRETS = {
    "COPILOT_CHATWOOT_HOOK": vendors.CHATWOOT_SECRET,
    "COPILOT_CHATWOOT_KEY": vendors.CHATWOOT_TOKEN,
    "COPILOT_ZENDESK_HOOK": vendors.ZENDESK_SECRET,
    "COPILOT_ZENDESK_KEY": vendors.ZENDESK_KEY,
}


@dataclass
class Desk:
    """A helpdesk, our server beside it, and the clock of both."""

    kind: str
    vendor: object
    live: object
    store: SqlHelpdeskStore
    clock: FixedClock
    client: httpx.AsyncClient
    inbox: HelpdeskInbox
    outbox: HelpdeskOutbox
    restart: object
    api: ApiWorld

    def message(self, number=1, text=ASKED, *, staff=False, private=False, conversation=567):
        if self.kind == "chatwoot":
            sort = "outgoing" if staff else "incoming"
            return vendors.chatwoot_message(
                9000 + number, text, conversation=conversation, message_type=sort, private=private
            )
        comment = vendors.zendesk_comment(9000 + number, text, staff=staff, public=not private)
        return vendors.zendesk_event(
            ticket=conversation, comment=comment, time=f"2026-11-23T09:{number:02}:00Z"
        )

    def signed(self, payload, **how):
        sign = vendors.chatwoot_signed if self.kind == "chatwoot" else vendors.zendesk_signed
        return sign(payload, **{"at": self.clock.now(), **how})

    async def send(self, payload, **how):
        headers, body = self.signed(payload, **how)
        return await self.client.post(f"/v1/integrations/{self.kind}/webhook", headers=headers, content=body)

    async def settle(self):
        """Everything that is due, and what follows from it."""
        await self.inbox.round()
        await self.inbox.idle()
        await self.live.live.idle()
        await self.outbox.round()

    async def turns(self, conversation=567):
        conversation_id = await self.store.conversation_of("larkfield", f"{self.kind}:{conversation}")
        if conversation_id is None:
            return []
        kept = await self.live.store.get("larkfield", conversation_id)
        return [(turn.speaker.value, turn.text) for turn in kept.turns]

    def notes(self, conversation=567):
        return self.vendor.notes(conversation)

    async def kept_notes(self, conversation=567):
        return await self.store.notes("larkfield", f"{self.kind}:{conversation}")


@asynccontextmanager
async def desk(kind, tmp_path, *, order_wait=0.0, hang_seconds=1.5, tracer=NO_TRACER, **settings):
    serving = vendors.chatwoot_server if kind == "chatwoot" else vendors.zendesk_server
    with serving(hang_seconds=hang_seconds) as vendor:
        described = {
            "kind": kind,
            "name": kind,
            "url": vendor.url,
            "webhook_secret_env": f"COPILOT_{kind.upper()}_HOOK",
            "secret_env": f"COPILOT_{kind.upper()}_KEY",
            **({"account": 1} if kind == "chatwoot" else {}),
            **settings,
        }
        helpdesk = open_helpdesk(
            describe_helpdesk(described, where="test"), "larkfield", SECRETS.get, limits=QUICK
        )
        database = await Database.open(tmp_path / "copilot.db")
        clock = FixedClock(NOW)
        played = await world(clock=clock)
        store = SqlHelpdeskStore(database)
        links = ConversationLinks(store, played.store, played.live, clock)
        ids = SequentialIds()

        def workers():
            limits = InboxLimits(order_wait=order_wait, outcome=30.0)
            inbox = HelpdeskInbox(
                [helpdesk], store, links, played.live, played.bus, clock, ids, limits, tracer
            )
            quick = OutboxLimits(look_again=0.01, first_retry=1.0, attempts=6)
            outbox = HelpdeskOutbox([helpdesk], store, played.bus, clock, inbox.noted, quick, tracer)
            return inbox, outbox

        api = ApiWorld()
        api.tracer = tracer
        api.clock, api.assist, api.conversations, api.events = clock, played.live, played.store, played.bus
        api.helpdesks, outbox = workers()
        transport = httpx.ASGITransport(create_api(api))
        async with httpx.AsyncClient(transport=transport, base_url="http://copilot") as client:
            made = Desk(kind, vendor, played, store, clock, client, api.helpdesks, outbox, None, api)

            def restart():
                """The workers of a new process: what they know is in the database."""
                api.helpdesks, made.outbox = workers()
                made.inbox = api.helpdesks

            made.restart = restart
            try:
                yield made
            finally:
                await made.inbox.idle()
                await helpdesk.close()
                await played.live.shutdown()
                await database.close()


@pytest.fixture(params=KINDS)
async def made(request, tmp_path):
    async with desk(request.param, tmp_path) as found:
        yield found


async def test_a_message_becomes_a_turn_and_its_draft_one_private_note(made):
    answer = await made.send(made.message())
    assert (answer.status_code, answer.json()) == (202, {"new": True})
    await made.settle()

    assert await made.turns() == [("customer", ASKED)]
    (note,) = made.notes()
    assert "3 to 5 business days" in note
    assert "It rests on: Shipping policy" in note
    (kept,) = await made.kept_notes()
    assert kept.status is NoteStatus.SENT
    await made.settle()
    assert len(made.notes()) == 1


@pytest.mark.parametrize(
    "spoil", ["unsigned", "other secret", "tampered", "old", "ahead", "swapped time", "odd time"]
)
async def test_what_the_helpdesk_did_not_sign_just_now_is_refused(made, spoil):
    message = made.message()
    headers, body = made.signed(message)
    match spoil:
        case "unsigned":
            headers = {"Content-Type": "application/json"}
        case "other secret":
            headers, body = made.signed(message, secret="guessed")  # noqa: S106
        case "tampered":
            body = body.replace(b"standard", b"express ")
        case "old":
            headers, body = made.signed(message, at=NOW - timedelta(minutes=6))
        case "ahead":
            headers, body = made.signed(message, at=NOW + timedelta(minutes=6))
        case "swapped time":
            old, body = made.signed(message, at=NOW - timedelta(minutes=6))
            headers = {k: (v if "imestamp" in k else old[k]) for k, v in headers.items()}
        case "odd time":
            headers = {k: ("yesterday" if "imestamp" in k else v) for k, v in headers.items()}
    refused = await made.client.post(f"/v1/integrations/{made.kind}/webhook", headers=headers, content=body)
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    await made.settle()
    assert await made.turns() == []


async def test_sent_again_it_is_taken_once(made):
    headers, body = made.signed(made.message())
    path = f"/v1/integrations/{made.kind}/webhook"
    first = await made.client.post(path, headers=headers, content=body)
    replayed = await made.client.post(path, headers=headers, content=body)
    await made.settle()
    delivered_anew = await made.send(made.message())
    await made.settle()

    assert [r.json()["new"] for r in (first, replayed, delivered_anew)] == [True, False, False]
    assert await made.turns() == [("customer", ASKED)]
    assert len(made.notes()) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_that_overtake_each_other_stand_in_their_order(kind, tmp_path):
    async with desk(kind, tmp_path, order_wait=0.4) as made:
        for number in (3, 1, 2):
            await made.send(made.message(number, f"{ASKED} ({number})"))
        await made.settle()
        assert await made.turns() == []  # it waits for what may have been written before
        made.clock.forward(timedelta(seconds=0.5))
        await made.settle()
        assert [text[-2] for _, text in await made.turns()] == ["1", "2", "3"]


@pytest.mark.parametrize("kind", KINDS)
async def test_from_the_webhook_to_its_note_the_work_is_one_story_in_traces(kind, tmp_path):
    with collector() as kept:
        tracer = OtelTracer(OtelSettings(endpoint=kept.url), "1")
        async with desk(kind, tmp_path, tracer=tracer) as made:
            await made.send(made.message())
            await made.settle()
            assert len(made.notes()) == 1
        await tracer.close()
    (webhook,) = kept.named("POST /v1/integrations/{name}/webhook")
    (message,), (note,) = kept.named(names.MESSAGE), kept.named(names.NOTE)
    (turn,) = [span for span in kept.descendants(message) if span.name == names.TURN]
    assert message.links == ((webhook.trace_id, webhook.span_id),)
    assert note.links == ((message.trace_id, message.span_id),)
    assert note.attributes[names.CONVERSATION] == turn.attributes[names.CONVERSATION]
    assert not any(span.failed for span in kept.spans)
    assert not [body for body in kept.bodies if ASKED.encode() in body or b"elena" in body.lower()]


async def test_while_too_many_wait_messages_are_kept_and_become_turns_when_there_is_room(made):
    with ExitStack() as full:
        for _ in range(32):
            full.enter_context(made.live.live.room())
        answers = [await made.send(made.message(number, f"{ASKED} ({number})")) for number in (1, 2)]
        await made.settle()
        assert [answer.status_code for answer in answers] == [202, 202]  # Chatwoot would not send it again
        assert await made.turns() == []

        made.clock.forward(timedelta(minutes=20))  # longer than all attempts with a message that fails
        for _ in range(20):
            await made.settle()
        made.clock.forward(timedelta(seconds=1))
        assert await made.inbox.round() == 1  # of the two seconds that it was told to wait
        assert made.inbox.oldest_seconds() == 20 * 60 + 1
        (state,) = await made.inbox.states("larkfield")
        assert state.problem == ""

    made.clock.forward(timedelta(seconds=1))
    await made.settle()
    assert [text[-2] for _, text in await made.turns()] == ["1", "2"]
    await made.settle()
    assert made.inbox.oldest_seconds() == 0


async def test_what_staff_write_is_theirs_and_notes_are_nobodys(made):
    for payload in (
        made.message(1),
        made.message(2, "Let me look.", staff=True),
        made.message(3, "Check the address first.", staff=True, private=True),
    ):
        await made.send(payload)
        await made.settle()
    assert await made.turns() == [("customer", ASKED), ("representative", "Let me look.")]


async def test_our_own_note_that_comes_back_is_nothing_new(made):
    await made.send(made.message())
    await made.settle()
    (note,) = made.notes()
    echo = await made.send(made.message(50, note, staff=True, private=True))
    await made.settle()
    assert echo.json() == {"new": False}
    assert await made.turns() == [("customer", ASKED)]
    assert len(made.notes()) == 1


@pytest.mark.parametrize("fault", ["unavailable_before", "error_before", "drop_before", "redirect_before"])
async def test_while_the_helpdesk_is_down_the_note_waits(made, fault):
    made.vendor.faults.add(fault, fault)
    await made.send(made.message())
    await made.settle()
    assert made.notes() == []
    for _ in range(4):
        made.clock.forward(timedelta(seconds=20))
        await made.settle()
    assert len(made.notes()) == 1
    (kept,) = await made.kept_notes()
    assert kept.status is NoteStatus.SENT


@pytest.mark.parametrize(
    "fault", ["drop_after", "hang_after", "error_after", "truncated_after", "malformed_after"]
)
async def test_nobody_knows_whether_it_was_written_so_it_is_looked_for_first(made, fault):
    made.vendor.faults.add(fault)
    await made.send(made.message())
    await made.settle()
    for _ in range(3):
        made.clock.forward(timedelta(seconds=20))
        await made.settle()
    assert len(made.notes()) == 1
    (kept,) = await made.kept_notes()
    assert kept.status is NoteStatus.SENT


async def test_asked_to_go_slower_it_leaves_the_helpdesk_alone_for_so_long(made):
    made.vendor.faults.add("throttled")
    await made.send(made.message())
    await made.send(made.message(2, ASKED, conversation=568))
    await made.settle()
    assert made.notes() == made.notes(568) == []
    tried = len(made.vendor.faults.requests)
    assert tried == 1  # the other note was not even tried
    await made.settle()
    assert len(made.vendor.faults.requests) == tried
    made.clock.forward(timedelta(seconds=2))
    await made.settle()
    assert (len(made.notes()), len(made.notes(568))) == (1, 1)


async def test_a_note_that_comes_too_late_is_dropped(made):
    made.vendor.faults.add("unavailable_before")
    await made.send(made.message(1))
    await made.settle()
    await made.send(made.message(2, "What does express shipping cost?"))
    made.clock.forward(timedelta(seconds=20))
    await made.settle()
    made.clock.forward(timedelta(seconds=20))
    await made.settle()
    assert [note.status for note in await made.kept_notes()] == [NoteStatus.DROPPED, NoteStatus.SENT]
    (note,) = made.notes()
    assert "$14.95" in note


async def test_a_refused_key_is_no_reason_to_lose_the_note(made):
    good = dict(made.vendor.__dict__)
    if made.kind == "chatwoot":
        vendors.CHATWOOT_TOKEN, kept = "rotated", vendors.CHATWOOT_TOKEN
    else:
        made.vendor._authorization, kept = "rotated", good["_authorization"]
    await made.send(made.message())
    await made.settle()
    (waiting,) = await made.kept_notes()
    assert (waiting.status, made.notes()) == (NoteStatus.WAITING, [])
    assert "does not accept our key" in waiting.problem
    if made.kind == "chatwoot":
        vendors.CHATWOOT_TOKEN = kept
    else:
        made.vendor._authorization = kept
    made.clock.forward(timedelta(seconds=20))
    await made.settle()
    assert len(made.notes()) == 1


async def test_an_operator_sees_what_waits_and_why(made, supervisor):
    made.vendor.faults.add("unavailable_before")
    await made.send(made.message())
    await made.settle()
    (state,) = (await made.client.get("/v1/integrations", headers=supervisor)).json()
    assert (state["name"], state["write_back"]) == (made.kind, "drafts")
    assert (state["messages_waiting"], state["notes_waiting"], state["notes_failed"]) == (0, 1, 0)
    assert "HTTP 503" in state["problem"]
    made.clock.forward(timedelta(seconds=20))
    await made.settle()
    (state,) = (await made.client.get("/v1/integrations", headers=supervisor)).json()
    assert (state["notes_waiting"], state["problem"]) == (0, "")


@pytest.fixture
async def supervisor(made):
    principal = Principal(id="sam", tenant_id="larkfield", name="Sam", role=Role.SUPERVISOR)
    return {"Authorization": f"Bearer {await made.api.api_keys.create(principal)}"}


async def test_killed_after_the_helpdesk_wrote_it_and_before_we_knew(made):
    made.vendor.faults.add("hang_after")
    await made.send(made.message())
    await made.inbox.round()
    await made.inbox.idle()
    writing = asyncio.create_task(made.outbox.round())
    async with asyncio.timeout(30):
        while not made.notes():  # noqa: ASYNC110 - the other side is a thread
            await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.wait([writing])

    made.restart()
    await made.settle()
    assert len(made.notes()) == 1
    (kept,) = await made.kept_notes()
    assert kept.status is NoteStatus.SENT


@pytest.mark.parametrize("when", ["before the turn", "after the turn"])
async def test_killed_before_the_draft_was_known(made, when):
    await made.send(made.message())
    if when == "after the turn":
        made.live.search.blocked = asyncio.Event()
        await made.inbox.round()
        await asyncio.wait(list(made.inbox._working.values()))
        assert await made.turns() == [("customer", ASKED)]
        (open_,) = await made.store.open_deliveries()
        assert open_.status is DeliveryStatus.TURNED
    await made.inbox._stop()
    if when == "after the turn":
        made.live.search.blocked.set()
        await made.live.live.idle()

    made.restart()
    await made.settle()
    assert await made.turns() == [("customer", ASKED)]
    assert len(made.notes()) == 1
    assert await made.store.open_deliveries() == []


async def test_what_is_too_large_or_not_of_the_published_form_is_refused(made):
    path = f"/v1/integrations/{made.kind}/webhook"
    large = await made.client.post(path, content=b"x" * 300_000)
    assert large.status_code == 413
    for body in (b"not json", b"[]", b'{"a":' * 5000):
        headers, signed = made.signed(body)
        assert (await made.client.post(path, headers=headers, content=signed)).status_code == 422
    headers, body = made.signed(made.message())
    assert (
        await made.client.post("/v1/integrations/freshdesk/webhook", headers=headers, content=body)
    ).status_code == 404


async def test_odd_fields_do_no_harm(made):
    message = made.message()
    odd = [None, [], {}, "x", 10**30, True, "\x00", -1]
    for value in odd:
        spoilt = dict(message)
        if made.kind == "chatwoot":
            variants = [spoilt | {"id": value}, spoilt | {"conversation": value}, spoilt | {"content": value}]
        else:
            variants = [
                spoilt | {"detail": value},
                spoilt | {"event": value},
                spoilt | {"event": {"comment": value}},
            ]
        for variant in variants:
            assert (await made.send(variant)).status_code in {202, 422}
    await made.settle()
    assert [speaker for speaker, _ in await made.turns()] in ([], ["customer"])


async def test_after_wrap_up_a_new_message_opens_a_new_conversation(made):
    await made.send(made.message())
    await made.settle()
    former = await made.store.conversation_of("larkfield", f"{made.kind}:567")
    await made.live.live.wrap_up(RITA, former)
    await made.send(made.message(2, "One more thing: what does express shipping cost?"))
    await made.settle()
    present = await made.store.conversation_of("larkfield", f"{made.kind}:567")
    assert present != former
    assert (await made.live.store.get("larkfield", present)).status is ConversationStatus.OPEN
    assert len(await made.turns()) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("setting", "notes"), [("none", 0), ("drafts", 0), ("drafts_and_reasons", 1)])
async def test_a_setting_says_what_is_written_back(kind, setting, notes, tmp_path):
    async with desk(kind, tmp_path, write_back=setting) as made:
        await made.send(made.message(1, "Do penguins have knees?"))
        await made.settle()
        assert len(made.notes()) == notes
        if notes:
            assert made.notes()[0].startswith("No suggested reply")
        await made.send(made.message(2, ASKED, conversation=568))
        await made.settle()
        assert len(made.notes(568)) == (0 if setting == "none" else 1)


async def test_what_was_said_before_the_webhook_comes_first(made):
    made.vendor.said(9001, "My lantern arrived broken.")
    made.vendor.said(9002, "I am sorry. What is your order number?", staff=True)
    made.vendor.said(9003, "A note of ours.", staff=True, public=False)
    made.vendor.said(9004, ASKED)
    await made.send(made.message(4, ASKED))
    await made.settle()
    assert await made.turns() == [
        ("customer", "My lantern arrived broken."),
        ("representative", "I am sorry. What is your order number?"),
        ("customer", ASKED),
    ]


async def test_what_was_said_while_we_were_away_is_made_good(made):
    made.vendor.said(9001, "My lantern arrived broken.")
    await made.send(made.message(1, "My lantern arrived broken."))
    await made.settle()
    made.restart()
    made.vendor.said(9002, "Are you there?")
    made.vendor.said(9003, ASKED)
    await made.send(made.message(3, ASKED))
    await made.settle()
    assert [text for _, text in await made.turns()] == ["My lantern arrived broken.", "Are you there?", ASKED]


async def test_when_the_past_cannot_be_read_the_message_counts_all_the_same(made):
    made.vendor.broken = True
    await made.send(made.message())
    await made.settle()
    assert await made.turns() == [("customer", ASKED)]
    assert len(made.notes()) == 1


async def test_a_panel_that_tells_of_the_same_message_makes_no_second_turn(made):
    await made.send(made.message(4))
    await made.settle()
    conversation_id = await made.store.conversation_of("larkfield", f"{made.kind}:567")
    same = f"{made.kind}:message:9004" if made.kind == "chatwoot" else f"{made.kind}:567:9004"
    await made.live.live.add_turn(RITA, conversation_id, "customer", ASKED, utterance_id=same)
    assert await made.turns() == [("customer", ASKED)]


async def test_a_new_tickets_description_and_its_first_comment_are_one_turn(tmp_path):
    async with desk("zendesk", tmp_path) as made:
        first = vendors.zendesk_comment(1, "My lantern arrived broken.")
        await made.send(vendors.zendesk_event("created", time="2026-11-23T09:00:00Z"))
        await made.send(vendors.zendesk_event(comment=first, time="2026-11-23T09:00:01Z"))
        again = vendors.zendesk_comment(2, "My lantern arrived broken.")
        await made.send(vendors.zendesk_event(comment=again, time="2026-11-23T10:00:00Z"))
        await made.settle()
        assert [text for _, text in await made.turns(5158)] == ["My lantern arrived broken."] * 2


async def test_a_note_shows_text_and_no_markup(tmp_path):
    async with desk("chatwoot", tmp_path) as made:
        helpdesk = made.inbox._helpdesks["chatwoot"]
        await helpdesk.add_note(
            "chatwoot:567", "![x](http://evil.example/a.png) <img src=x> [a](javascript:b)"
        )
        (note,) = made.notes()
        assert note == r"!\[x\](http://evil.example/a.png) \<img src=x\> \[a\](javascript:b)"
