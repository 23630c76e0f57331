"""One scenario with one representative: what was said, which suggestions were bad, and what got through."""

from collections.abc import Sequence
from typing import Any

from copilot.domain.errors import ToolFailed
from copilot.domain.value import Value
from copilot.evaluation.conversations import Shown
from copilot.evaluation.live_client import LiveClient
from copilot.evaluation.live_desk import Said
from copilot.evaluation.metrics.metric import ToolUse
from copilot.evaluation.replay.promises import broken_promises, numbers_of
from copilot.evaluation.simulation.customers import Customer, gives
from copilot.evaluation.simulation.panel import Panel
from copilot.evaluation.simulation.profiles import Decision, Representative, fits, used
from copilot.evaluation.simulation.scenario import RightAction, Scenario

MOST_TURNS = 8
_WHO = "May I have your order number and the email address on it?"
_SECOND = "awaiting_second_approval"
_DONE = "succeeded"


class BadSuggestion(Value):
    """A draft with a fault, or a call that is not right, and whether the representative let it through."""

    what: str
    fault: str
    let_through: bool


class Session(Value):
    """How it went."""

    said: tuple[Said, ...]
    bad: tuple[BadSuggestion, ...]
    done: tuple[str, ...]
    """Calls that were approved, and what became of them."""
    calls: tuple[ToolUse, ...]
    """Those that were carried out, with the amount where the tool takes one."""
    drafts_sent: int
    answers: int


class Simulation:
    """Plays a scenario to its end."""

    def __init__(self, scenario: Scenario, customer: Customer, person: Representative) -> None:
        self._scenario = scenario
        self._customer = customer
        self._person = person
        self._known = numbers_of(scenario.title)
        self._said: list[Said] = []
        self._bad: list[BadSuggestion] = []
        self._done: list[str] = []
        self._calls: list[ToolUse] = []
        self._decided: set[str] = set()
        self._verified = scenario.customer.crm
        self._drafts = self._answers = 0

    async def run(self, client: LiveClient, supervisor: LiveClient) -> Session:
        """Raises `DependencyUnavailable` when the service falls silent."""
        script = self._scenario.customer
        opening: dict[str, Any] = {"channel": self._scenario.channel, "subject": self._scenario.title}
        if script.crm and script.proof is not None and script.proof.email is not None:
            opening |= {"customer_email": script.proof.email, "customer_verified": True}
        async with Panel.open(client, supervisor, opening) as panel:
            for _ in range(MOST_TURNS):
                text = await self._customer.next(self._said)
                if text is None:
                    break
                self._hear("customer", text)
                await panel.say("customer", text)
                await self._verify(panel)
                await self._decide(panel)
                self._learn(panel.shown)
                await self._answer(panel, panel.shown)
            await panel.wrap_up()
        return Session(
            said=tuple(self._said),
            bad=tuple(self._bad),
            done=tuple(self._done),
            calls=tuple(self._calls),
            drafts_sent=self._drafts,
            answers=self._answers,
        )

    async def _verify(self, panel: Panel) -> None:
        proof = self._scenario.customer.proof
        if self._verified or proof is None or not gives(proof, self._heard()):
            return
        self._verified = True
        try:
            await panel.verify(proof)
        except ToolFailed:
            return  # they are not who they say, and nothing of theirs is shown

    async def _decide(self, panel: Panel) -> None:
        for action in panel.shown.last.get("next_actions", {}).get("actions", ()):
            action_id, call = action.get("action_id"), action.get("call")
            if not action_id or not call or action_id in self._decided:
                continue
            right = self._scenario.right_actions
            decision = self._person.decide(call["tool"], call["arguments"], right, self._heard())
            if decision is Decision.WAIT:
                continue
            self._decided.add(action_id)
            if not any(fits(wanted, call["tool"], call["arguments"]) for wanted in right):
                self._bad.append(
                    BadSuggestion(
                        what=str(action.get("preview") or call["tool"]),
                        fault="it is not what the rules give",
                        let_through=decision is Decision.APPROVE,
                    )
                )
            await self._carry_out(panel, action_id, call, decision)
            return  # what is proposed now may be another matter

    async def _carry_out(
        self, panel: Panel, action_id: str, call: dict[str, Any], decision: Decision
    ) -> None:
        if decision is Decision.REJECT:
            await panel.reject(action_id, "not what the rules give")
            return
        arguments = dict(call["arguments"])
        if decision is Decision.CORRECT:
            arguments["amount"] = _right(self._scenario.right_actions, call["tool"]).amount
            action_id = await panel.correct(action_id, arguments)
            self._decided.add(action_id)
        status = await panel.approve(action_id)
        if status == _SECOND:
            status = await panel.approve(action_id, as_supervisor=True)
        if status == _DONE:
            self._calls.append(used(call["tool"], arguments.get("amount")))
        self._done.append(f"{call['tool']} {arguments.get('amount', '')}: {status}".replace(" :", ":"))

    async def _answer(self, panel: Panel, shown: Shown) -> None:
        faults = self._faults(shown)
        own_words = self._own_words()
        text = self._person.answer(shown.draft, faults, own_words)
        used = bool(shown.draft) and text != own_words
        if faults:
            self._bad.append(BadSuggestion(what=shown.draft, fault="; ".join(faults), let_through=used))
        self._answers += 1
        self._drafts += used
        self._hear("representative", text)
        await panel.say("representative", text)

    def _own_words(self) -> str:
        """Who writes for themselves asks, too, who they are speaking with."""
        asks = self._scenario.customer.proof is not None and not self._verified
        return f"{self._scenario.own_words} {_WHO}" if asks else self._scenario.own_words

    def _faults(self, shown: Shown) -> list[str]:
        strange = sorted(numbers_of(shown.draft) - self._known)
        cards = [str(card["text"]) for card in shown.knowledge.get("cards", ())]
        sentences = shown.last.get("suggestion.completed", {}).get("sentences", ())
        actions = shown.last.get("next_actions", {}).get("actions", ())
        return [
            *(f"{number} stands nowhere" for number in strange),
            *broken_promises(sentences, actions, cards),
        ]

    def _learn(self, shown: Shown) -> None:
        """Numbers of what the panel names as sources; what a person says is no source for the next draft."""
        decided = [
            [action.get("decision"), action.get("preview")]
            for action in shown.last.get("next_actions", {}).get("actions", ())
        ]
        self._known |= numbers_of([shown.knowledge, shown.results, decided])

    def _hear(self, role: str, text: str) -> None:
        self._said.append(Said(role=role, text=text))
        if role == "customer":
            self._known |= numbers_of(text)

    def _heard(self) -> str:
        return "\n".join(said.text for said in self._said if said.role == "customer")


def _right(actions: Sequence[RightAction], tool: str) -> RightAction:
    return next(action for action in actions if action.tool == tool)
