"""What a test sees and does in a browser's side panel, whichever browser it is."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from tests.e2e.fake_copilot import FakeCopilot

PATIENCE_SECONDS = 30
"""How long a step may take on a busy machine; what is there sooner is not waited for."""


class SidePanel(ABC):
    """The extension's page in the browser's own side panel, which is no tab."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """The JSON value of `expression` in the panel's page; promises are waited for."""

    @abstractmethod
    def click(self, x: float, y: float) -> None:
        """A real click at a place of the panel's viewport."""

    def text(self) -> str:
        """Everything shown, shadow trees included."""
        shown: str = self.evaluate(f"({_TEXT})(document.body)")
        return shown

    def press(self, label: str, within: str = "body") -> None:
        """Clicks the button so named once it is there, enabled and at rest."""
        places: list[dict[str, float] | None] = [None]
        script = f"({_BUTTON})({json.dumps(within)}, {json.dumps(label)})"

        def at_rest() -> bool:
            places.append(self.evaluate(script))
            return places[-1] is not None and places[-1] == places[-2]

        self.until(at_rest, f"no button {label!r} that stays in its place")
        self.click(**(places[-1] or {}))

    def insert(self, text: str) -> None:
        """What the panel's Insert does, whatever card it stands on; `outcome` says what became of it."""
        self.evaluate(f"({_INSERT})({json.dumps(text)})")

    def outcome(self) -> str:
        self.until(lambda: bool(self.evaluate("window.outcome")), "nothing came of inserting")
        found: str = self.evaluate("window.outcome")
        return found

    def conversation_id(self) -> str:
        found: str = self.evaluate("document.querySelector('copilot-panel')?.conversationId ?? ''")
        return found

    def expect_conversation(self, conversation_id: str) -> None:
        """The panel has heard of it too, some time after the server has."""
        self.until(lambda: self.conversation_id() == conversation_id, f"{conversation_id} is not shown")

    def expect_answered(self, fake: FakeCopilot, conversation_id: str) -> None:
        """It shows all that comes of the conversation's messages, and nothing in it moves any more."""
        shown = f"({_SHOWN})(document.querySelector('copilot-panel'))"

        def all_is_shown() -> bool:
            events = fake.events[conversation_id]
            done = sum(event["type"] == "revision.done" for event in events)
            return fake.asked(conversation_id) == done and self.evaluate(shown) == [
                conversation_id,
                len(events),
            ]

        self.until(all_is_shown, f"not all of {conversation_id} is shown")

    def expect_settled(self, turns: int) -> None:
        """So many messages have come, and all that the server makes of the last."""
        settled = f"({_SETTLED})(document.querySelector('copilot-panel')?.panel)"
        self.until(lambda: self.evaluate(settled) == turns, f"{turns} messages and what comes of them")

    def expect_text(self, text: str, seconds: float = PATIENCE_SECONDS) -> None:
        self.until(lambda: text in self.text(), f"{text!r} is not in the side panel", seconds)

    def expect_no_text(self, text: str) -> None:
        self.until(lambda: text not in self.text(), f"{text!r} is still in the side panel")

    def until(self, condition: Callable[[], bool], problem: str, seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{problem}\n{self.text()[:3000]}"
            time.sleep(0.05)


_SETTLED = "(state) => state?.settled && state.turns.length"
_SHOWN = "(element) => [element?.conversationId, element?.panel?.lastEventId]"

_TEXT = """function text(node) {
  if (!node) return ""; // between two documents
  if (node.nodeType === 3) return node.nodeValue;
  if (node.nodeType !== 1 || /^(STYLE|SCRIPT|TEMPLATE)$/.test(node.tagName) || node.hidden) return "";
  return [...(node.shadowRoot ?? node).childNodes].map(text).join(" ").replace(/\\s+/g, " ");
}"""

_INSERT = """function (text) {
  window.outcome = "";
  const waitUntil = (done) => done.then(() => (window.outcome = "ok"), (e) => (window.outcome = e.message));
  document.querySelector("copilot-panel").dispatchEvent(
    new CustomEvent("copilot:suggestion-inserted", { detail: { text, suggestionId: null, waitUntil } }));
}"""

_BUTTON = """function (within, label) {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const root = all(document).concat(document.body).find((e) => e.matches(within));
  if (!root) return null;
  const inside = root.shadowRoot ? all(root.shadowRoot) : all(root);
  const name = (b) => (b.getAttribute("aria-label") || b.textContent).trim().replace(/\\s+/g, " ");
  const button = inside.find((b) => b.tagName === "BUTTON" && !b.disabled && b.checkVisibility()
    && (name(b) === label || name(b).startsWith(label + " ")));
  if (!button) return null;
  button.scrollIntoView({ block: "center" });
  const box = button.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}"""  # noqa: E501
