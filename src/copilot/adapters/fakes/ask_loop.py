"""An ask loop that makes the calls and says the words that a test tells it to."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from copilot.domain.asking import LoopAnswer, LoopPrompt, ToolReply
from copilot.domain.errors import CopilotError
from copilot.ports import AskTools


class ScriptedAskLoop:
    """Makes `calls` one after another, then answers with `text`; `fails` is raised instead."""

    def __init__(
        self,
        text: str = "",
        calls: Sequence[tuple[str, Mapping[str, Any]]] = (),
        *,
        fails: CopilotError | None = None,
        hangs: bool = False,
    ) -> None:
        self._text = text
        self._calls = calls
        self._fails = fails
        self._hangs = hangs
        self.prompts: list[LoopPrompt] = []
        self.replies: list[ToolReply] = []

    async def run(self, prompt: LoopPrompt, tools: AskTools) -> LoopAnswer:
        self.prompts.append(prompt)
        if self._hangs:
            await asyncio.Event().wait()
        if self._fails is not None:
            raise self._fails
        for name, arguments in self._calls:
            self.replies.append(await tools.call(name, arguments))
        return LoopAnswer(text=self._text, model_calls=len(self._calls) + 1)
