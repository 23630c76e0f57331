"""Has a chat model write a turn as a question that stands alone, for search. Never waited for long."""

import asyncio
from collections.abc import Sequence

from copilot.assist.masking import masker_for
from copilot.domain.errors import CopilotError
from copilot.domain.words import content_words, stem
from copilot.ports import ChatModel, PersonalDataFinder
from copilot.prompts import OUR_PROMPTS, Prompts

_SEPARATOR = "=====\n"
_MAX_TOKENS = 80
_TURNS = 6
_MOST_NEW_WORDS = 3
"""Some words of its own every model needs; more, and it has made the question up."""


class ChatQueryRewriter:
    """The QueryRewriter port on any chat model."""

    def __init__(
        self,
        model: ChatModel,
        *,
        seconds: float,
        prompts: Prompts = OUR_PROMPTS,
        finder: PersonalDataFinder | None = None,
    ) -> None:
        self._model = model
        self._finder = finder
        self._seconds = seconds
        self._prompts = prompts

    async def rewrite(self, text: str, history: Sequence[str]) -> str | None:
        told = list(history[-_TURNS:])
        try:
            masker = await masker_for(self._finder, [*told, text])
        except CopilotError:
            return None
        said = [masker.mask(turn) for turn in told]
        asked = self._prompts.render("search_query", history=said, text=masker.mask(text))
        system, user = asked.split(_SEPARATOR, 1)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            async with asyncio.timeout(self._seconds):
                answer = "".join(
                    [part async for part in self._model.stream(messages, max_tokens=_MAX_TOKENS)]
                )
        except (CopilotError, TimeoutError):
            return None
        question = masker.unmask(answer.strip().strip('"'))
        return question if _says_only(question, [*told, text]) else None


def _says_only(question: str, said: Sequence[str]) -> bool:
    """Whether it is one line, and in the words of what was said."""
    known = {stem(word) for turn in said for word in content_words(turn)}
    asked = {stem(word) for word in content_words(question)}
    return bool(asked) and "\n" not in question and len(asked - known) <= _MOST_NEW_WORDS
