"""Supervisors list the tenant's alerts and watch them come; representatives may not."""

import asyncio

from world import NOW

from copilot.domain.conversation import Channel, Conversation
from copilot.domain.signals import Alert, SignalKind
from copilot.web.sse import EventStream


def alert(alert_id, conversation_id, reason, tenant_id="larkfield"):
    return Alert(
        id=alert_id,
        tenant_id=tenant_id,
        conversation_id=conversation_id,
        revision=1,
        reason=reason,
        message="The customer speaks of legal steps.",
        created_at=NOW,
    )


async def test_alerts_are_listed_newest_first_page_by_page(as_role, conversation, world):
    supervisor = await as_role("supervisor")
    conversation_id = conversation.rsplit("/", 1)[-1]
    for number, reason in enumerate([SignalKind.LEGAL_THREAT, SignalKind.CHURN_RISK, SignalKind.URGENCY]):
        await world.conversations.add_alert(alert(f"alert_{number}", conversation_id, reason))

    first = (await supervisor.get("/v1/alerts", params={"limit": 2})).json()
    rest = (await supervisor.get("/v1/alerts", params={"cursor": first["next_cursor"]})).json()

    assert [a["id"] for a in first["items"]] == ["alert_2", "alert_1"]
    assert [a["reason"] for a in rest["items"]] == ["legal_threat"]
    assert rest["next_cursor"] is None


async def test_a_representative_may_not_see_them(client):
    for path in ("/v1/alerts", "/v1/alerts/events"):
        answer = await client.get(path)
        assert answer.status_code == 403
        assert "alerts:read" in answer.text


async def test_in_the_stream_an_alert_bears_its_own_id(world):
    sent, left = [], asyncio.Event()

    async def send(message):
        sent.append(message.get("body", b""))
        if b"legal_threat" in sent[-1]:
            left.set()

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    conversation = Conversation(
        id="conv_1", tenant_id="larkfield", channel=Channel.CHAT, created_at=NOW, updated_at=NOW
    )
    await world.conversations.create(conversation)
    await world.conversations.add_alert(alert("alert_7", "conv_1", SignalKind.LEGAL_THREAT))

    stream = EventStream(world.events.watch_alerts("larkfield", "alert_6"))
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    await asyncio.wait_for(stream(scope, receive, send), 20)

    lines = b"".join(sent).decode().split("\n")
    assert {"event: alert", "id: alert_7"} <= set(lines)
