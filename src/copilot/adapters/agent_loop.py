"""The multi-step loop: LangChain's `create_agent` over any OpenAI-compatible endpoint and our own tools.

LangChain decides nothing about safety: every call goes through `AskTools`, which reads, proposes and bounds.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot.adapters.circuit_breaker import CircuitBreaker
from copilot.domain.asking import AskLimits, LoopAnswer, LoopPrompt
from copilot.domain.errors import ConfigurationError, CopilotError, DependencyUnavailable, InvalidDraft
from copilot.domain.usage import ModelUsage
from copilot.ports import AskTools

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

_CONNECT_SECONDS = 3.0
_BETWEEN_CHUNKS_SECONDS = 20.0
_MISCONFIGURED_STATUS = frozenset({400, 401, 403, 404, 422})


class LangChainLoop:
    """An `AskLoop`. LangChain, two seconds to import, is loaded with the first question."""

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str = "none",
        limits: AskLimits | None = None,
        written_calls: bool = False,
        silence_seconds: float = _BETWEEN_CHUNKS_SECONDS,
        breaker: CircuitBreaker | None = None,
        on_usage: Callable[[ModelUsage], None] = lambda _: None,
    ) -> None:
        """`written_calls`: the model makes no native tool calls and is asked by JSON schema from the start.

        `silence_seconds` is how long the endpoint may say nothing.
        `on_usage` hears of every request, also of one that broke off.
        """
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._limits = limits or AskLimits()
        self._written_calls = written_calls
        self._silence_seconds = silence_seconds
        self._breaker = breaker or CircuitBreaker()
        self._on_usage = on_usage
        self._chat: ChatOpenAI | None = None

    async def run(self, prompt: LoopPrompt, tools: AskTools) -> LoopAnswer:
        """Bounded in model calls, tokens and time; `stopped` says which bound ended it.

        Raises `DependencyUnavailable`, `InvalidDraft`, or `ConfigurationError` when the endpoint does not
        know the model, the key or the request.
        """
        if not self._breaker.allows():
            raise DependencyUnavailable(f"{self._where()} has failed repeatedly and is given a rest.")
        from copilot.adapters.agent_middleware import run_agent  # noqa: PLC0415 - two seconds

        try:
            text, bounds = await run_agent(
                self._open(),
                prompt.system,
                prompt.user,
                tools,
                self._limits,
                written=self._written_calls,
                on_usage=self._on_usage,
            )
        except Exception as error:
            failure = self._translated(error)
            if isinstance(failure, DependencyUnavailable):
                self._breaker.failed()
            if failure is error:
                raise
            raise failure from error
        self._breaker.succeeded()
        return LoopAnswer(text=text, stopped=bounds.stopped, model_calls=bounds.calls, tokens=bounds.tokens)

    def _open(self) -> "ChatOpenAI":
        if self._chat is None:
            from langchain_openai import ChatOpenAI  # noqa: PLC0415
            from openai import Timeout  # noqa: PLC0415

            self._chat = ChatOpenAI(
                model=self._model,
                base_url=self._base_url or "https://api.openai.com/v1",
                api_key=lambda: self._api_key,
                temperature=0.0,
                streaming=True,
                stream_usage=True,
                use_responses_api=False,
                max_retries=0,
                timeout=Timeout(self._silence_seconds, connect=_CONNECT_SECONDS),
                stream_chunk_timeout=self._silence_seconds,
                # The older name, which every compatible server knows.
                extra_body={"max_tokens": self._limits.reply_tokens},
            )
        return self._chat

    def _translated(self, error: Exception) -> CopilotError:  # noqa: PLR0911 - a line per kind
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415
        from langgraph.errors import GraphRecursionError  # noqa: PLC0415

        if isinstance(error, CopilotError):
            return error
        if isinstance(error, openai.APIStatusError):
            if error.status_code in _MISCONFIGURED_STATUS:
                return ConfigurationError(
                    f"{self._where()} refused the request (HTTP {error.status_code}).",
                    hint="Check the address, the key and the model's name.",
                )
            return self._unavailable(f"answered HTTP {error.status_code}")
        if isinstance(error, TimeoutError | openai.APITimeoutError):
            return self._unavailable("did not answer in time")
        if isinstance(error, openai.APIConnectionError):
            return self._unavailable("cannot be reached")
        if isinstance(error, json.JSONDecodeError | openai.APIResponseValidationError | GraphRecursionError):
            return InvalidDraft("The model's answer cannot be read.")
        if isinstance(error, openai.OpenAIError | httpx2.HTTPError | httpx2.StreamError):
            return self._unavailable(f"broke off ({type(error).__name__})")
        # LangChain turns what is no chat completion into errors of many kinds.
        return InvalidDraft(f"The model's answer cannot be read ({type(error).__name__}).")

    def _unavailable(self, what: str) -> DependencyUnavailable:
        return DependencyUnavailable(f"{self._where()} {what}.", hint="The answer without it stands.")

    def _where(self) -> str:
        return f"The model {self._model!r} at {self._base_url or 'api.openai.com'}"
