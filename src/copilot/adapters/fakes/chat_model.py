"""A chat model that answers what a test tells it to."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from copilot.domain.errors import CopilotError


class ScriptedChatModel:
    """Streams `answers` in turn, the last one for ever; an error among them is raised."""

    model_id = "scripted"

    def __init__(self, *answers: str | CopilotError, piece: int = 12, hangs: bool = False) -> None:
        self._answers = list(answers)
        self._piece = piece
        self._hangs = hangs
        self.asked: list[list[dict[str, str]]] = []

    async def stream(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,  # noqa: ARG002
        json_schema: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> AsyncGenerator[str]:
        self.asked.append([dict(m) for m in messages])
        if self._hangs:
            await asyncio.Event().wait()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, CopilotError):
            raise answer
        for start in range(0, len(answer), self._piece):
            await asyncio.sleep(0)
            yield answer[start : start + self._piece]
