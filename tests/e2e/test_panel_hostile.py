"""Whatever comes from a customer, a document or a model is shown as text and nothing else."""

from playwright.sync_api import expect
from tests.e2e import scene, scene_desk
from tests.e2e.desk import Desk, needs_panel

from copilot.domain.assist import KnowledgeCards, Sentence, Support
from copilot.domain.knowledge import Audience

pytestmark = needs_panel


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>[a](javascript:alert(3)) ${alert(4)} {{7*7}}"


def test_hostile_text_stays_text_everywhere(desk: Desk) -> None:
    fake, cid = desk.fake, desk.conversation_id
    fake.scripted = False
    desk.ask(HOSTILE)
    expect(desk.page.locator("#turns li")).to_have_count(1)
    bad = scene.citation(
        "p9",
        HOSTILE,
        HOSTILE,
        clause=HOSTILE,
        heading_path=(HOSTILE,),
        version=HOSTILE,
        source="javascript:alert(5)",
        audience=Audience.PUBLIC,
    )
    [card, *_] = scene.knowledge().cards
    desk.publish(
        "knowledge",
        KnowledgeCards(
            answered=True,
            confidence=1,
            cards=(card.model_copy(update={"citation": bad, "text": f"{HOSTILE} more"}),),
        ),
    )
    sentence = Sentence(text=HOSTILE, support=Support.SUPPORTED, citations=(bad,))
    draft = scene.suggestion(cid, 1, text=HOSTILE, sentences=(sentence,))
    desk.publish("suggestion.completed", draft)
    action = scene.refund(cid, 1, preview=HOSTILE)
    fake.update_action(action)
    [first, ask, denied] = scene.next_actions(action).actions
    hostile = {"title": HOSTILE, "why": HOSTILE, "say": HOSTILE, "missing": (HOSTILE,), "preview": HOSTILE}
    desk.publish(
        "next_actions",
        {"actions": [a.model_copy(update=hostile).model_dump(mode="json") for a in (first, ask, denied)]},
    )
    desk.publish(
        "understanding",
        {
            **scene.understanding().model_dump(mode="json"),
            "intent": {"name": "x", "title": HOSTILE, "confidence": 1},
        },
    )
    desk.publish("summary", {**scene.summary(cid, 1, "t").model_dump(mode="json"), "next_step": HOSTILE})
    desk.publish("degraded", {"component": HOSTILE, "message": HOSTILE})
    desk.publish("alert", scene_desk.alert(cid, "t").model_copy(update={"message": HOSTILE}))
    desk.publish("turn.partial", scene_desk.heard(cid, HOSTILE))
    [*_, (_, answer)] = scene_desk.asked(cid, 1, HOSTILE)
    desk.publish("ask.answered", answer.model_copy(update={"sentences": (sentence,), "stopped": HOSTILE}))
    desk.card("finder").get_by_role("button", name="Ask").click()
    expect(desk.page.locator("copilot-ask .answer")).to_contain_text("<script>")
    for name in ("knowledge", "suggestion", "next-actions", "status", "summary", "attention"):
        expect(desk.card(name)).to_contain_text("<img src=x onerror=alert(1)>")
    found = desk.page.evaluate(
        """() => {
          const count = (root) => [...root.querySelectorAll("*")].reduce(
            (sum, el) => sum + (["IMG", "SCRIPT", "IFRAME"].includes(el.tagName) && root !== document ? 1 : 0)
              + (el.tagName === "A" && el.protocol !== "https:" ? 1 : 0)
              + (el.shadowRoot ? count(el.shadowRoot) : 0), 0);
          return count(document) + document.querySelectorAll("img").length;
        }"""
    )
    assert found == 0


def test_only_https_sources_become_links(answered: Desk) -> None:
    links = answered.card("knowledge").locator("a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "https://help.larkfield.example/returns-policy"
    ]
    assert links.first.get_attribute("rel") == "noopener noreferrer"
