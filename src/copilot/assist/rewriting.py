"""Has a chat model write a turn as a question that stands alone, for search. Never waited for long."""

import asyncio
from collections.abc import Sequence

from copilot.domain.errors import CopilotError
from copilot.domain.words import content_words, stem
from copilot.ports import ChatModel
from copilot.prompts import OUR_PROMPTS, Prompts

_SEPARATOR = "=====\n"
_MAX_TOKENS = 80
_TURNS = 6
_MOST_NEW_WORDS = 3
"""Some words of its own every model needs; more, and it has made the question up."""


class ChatQueryRewriter:
    """The QueryRewriter port on any chat model."""

    def __init__(self, model: ChatModel, *, seconds: float, prompts: Prompts = OUR_PROMPTS) -> None:
        self._model = model
        self._seconds = seconds
        self._prompts = prompts

    async def rewrite(self, text: str, history: Sequence[str]) -> str | None:
        said = list(history[-_TURNS:])
        asked = self._prompts.render("search_query", history=said, text=text)
        system, user = asked.split(_SEPARATOR, 1)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            async with asyncio.timeout(self._seconds):
                answer = "".join(
                    [part async for part in self._model.stream(messages, max_tokens=_MAX_TOKENS)]
                )
        except (CopilotError, TimeoutError):
            return None
        question = answer.strip().strip('"')
        return question if _says_only(question, [*said, text]) else None


def _says_only(question: str, said: Sequence[str]) -> bool:
    """Whether it is one line, and in the words of what was said."""
    known = {stem(word) for turn in said for word in content_words(turn)}
    asked = {stem(word) for word in content_words(question)}
    return bool(asked) and "\n" not in question and len(asked - known) <= _MOST_NEW_WORDS
