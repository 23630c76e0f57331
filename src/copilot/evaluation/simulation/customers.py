"""Who writes to the company: a script, or a language model that plays a goal and a persona."""

import re
from collections.abc import Sequence
from typing import Protocol

from copilot.domain.recording import Verification
from copilot.evaluation.live_desk import Said
from copilot.evaluation.simulation.scenario import CustomerScript
from copilot.ports import ChatModel
from copilot.prompts import render

_ASKED_WHO = re.compile(
    r"order number|e-?mail|zip code|full name|speaking with|verify|check who", re.IGNORECASE
)
_DONE = "[done]"
_MOST_TOKENS = 120


class Customer(Protocol):
    async def next(self, said: Sequence[Said]) -> str | None:
        """What they say after all that was said; None when they have nothing more to say."""


class ScriptedCustomer:
    """Says what the scenario says, and who they are when they are asked."""

    def __init__(self, script: CustomerScript) -> None:
        self._script = script
        self._left = list(script.lines)
        self._proven = script.crm or script.proof is None
        self._gone = False

    async def next(self, said: Sequence[Said]) -> str | None:
        script = self._script
        if not said:
            self._proven = self._proven or gives(script.proof, script.opening)
            return script.opening
        told = said[-1].text
        if script.proof is not None and not self._proven and _ASKED_WHO.search(told):
            self._proven = True
            return introduction(script.proof)
        line = next((line for line in self._left if re.search(line.when, told, re.IGNORECASE)), None)
        if line is not None:
            self._left.remove(line)
            return line.say
        if self._gone:
            return None
        self._gone = True
        return script.goodbye


class PlayedCustomer:
    """A model in the customer's part. Raises `DependencyUnavailable` when it does not answer."""

    def __init__(self, model: ChatModel, script: CustomerScript) -> None:
        self._model = model
        self._script = script

    async def next(self, said: Sequence[Said]) -> str | None:
        script = self._script
        if not said:
            return script.opening
        prompt = render(
            "simulated_customer",
            goal=script.goal,
            persona=script.persona,
            proof=introduction(script.proof) if script.proof else "",
            said=[{"who": "You" if s.role == "customer" else "They", "text": s.text} for s in said],
        )
        answer = "".join(
            [
                piece
                async for piece in self._model.stream(
                    [{"role": "user", "content": prompt}], max_tokens=_MOST_TOKENS
                )
            ]
        )
        text = answer.replace(_DONE, "").strip()
        return None if _DONE in answer and not text else text or script.goodbye


def introduction(proof: Verification) -> str:
    if proof.order_id is not None:
        return f"It's {proof.order_id}, and my email is {proof.email}."
    return f"I'm {proof.first_name} {proof.last_name}, ZIP code {proof.zip}."


def gives(proof: Verification | None, text: str) -> bool:
    """Whether everything that the proof needs stands in the text."""
    given = proof.model_dump(exclude_none=True).values() if proof is not None else ()
    return proof is not None and all(str(part).casefold() in text.casefold() for part in given)
