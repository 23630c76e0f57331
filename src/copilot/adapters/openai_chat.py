"""Any OpenAI-compatible chat endpoint (OpenAI, Azure, vLLM, llama.cpp, Ollama) through the `openai` SDK."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot.adapters.chat_spans import ChatSpan
from copilot.adapters.circuit_breaker import CircuitBreaker
from copilot.domain.errors import ConfigurationError, CopilotError, DependencyUnavailable, InvalidDraft
from copilot.domain.usage import ModelUsage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MISCONFIGURED_STATUS = frozenset({400, 401, 403, 404, 422})
_UNKNOWN_FIELD_STATUS = frozenset({400, 422})
_LONGEST_RETRY_AFTER = 5.0


@dataclass(frozen=True)
class ChatLimits:
    """Seconds, except `retries`, which counts attempts after the first; only made before the first token."""

    connect: float = 3.0
    first_token: float = 20.0
    between_tokens: float = 10.0
    total: float = 60.0
    retries: int = 2
    backoff: float = 0.25


class OpenAiChat:
    """A `ChatModel`. The SDK, a second to import, is loaded with the first request."""

    _temperature = 0.0

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str = "none",
        limits: ChatLimits | None = None,
        breaker: CircuitBreaker | None = None,
        on_usage: Callable[[ModelUsage], None] = lambda _: None,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._limits = limits or ChatLimits()
        self._breaker = breaker or CircuitBreaker()
        self._on_usage = on_usage
        self._counts_usage = True
        """Whether the endpoint is asked to count tokens; older servers refuse the field."""
        self._uniform = uniform
        self._sleep = sleep
        self._client: AsyncOpenAI | None = None
        self._has_answered = False

    @property
    def model_id(self) -> str:
        return self._model

    async def load(self) -> None:
        """Imports the SDK beside the event loop: it takes a second, which no turn should wait for."""

        def touch() -> None:
            # The SDK imports its parts when they are first used.
            self._open().chat.completions  # noqa: B018

        await asyncio.to_thread(touch)

    async def stream(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        json_schema: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str]:
        """Text as it arrives. Raises `DependencyUnavailable`, or `ConfigurationError` when the endpoint
        does not know the model, the key or the request, and `InvalidDraft` when the answer was cut short
        at `max_tokens` or withheld. Nothing is retried once the first text is out.
        """
        if not self._breaker.allows():
            raise DependencyUnavailable(
                f"{self._where()} has failed repeatedly and is given a rest.", hint="It is tried again soon."
            )
        # Not the current span: whoever reads the stream may leave it in another task than it was begun in.
        call = ChatSpan(self._model, max_tokens, self._temperature, messages, as_json=json_schema is not None)
        try:
            async with aclosing(self._stream(messages, max_tokens, json_schema, call)) as parts:
                async for part in parts:
                    call.said(part)
                    yield part
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            call.end()

    async def _stream(
        self,
        messages: Sequence[Mapping[str, str]],
        max_tokens: int,
        json_schema: Mapping[str, Any] | None,
        call: ChatSpan,
    ) -> AsyncGenerator[str]:
        deadline = time.monotonic() + self._limits.total
        attempt, has_been_stale = 0, False
        while True:
            started = False
            request = self._request(messages, max_tokens, json_schema)
            try:
                async with aclosing(self._attempt(request, deadline, call)) as parts:
                    async for part in parts:
                        started = True
                        yield part
            except InvalidDraft:
                self._breaker.succeeded()
                raise
            except _Failure as failure:
                if failure.unknown_field and self._counts_usage:
                    self._counts_usage = False
                    continue
                if failure.stale and not has_been_stale:
                    has_been_stale = True
                    continue
                self._breaker.failed()
                if started or not failure.retry or attempt == self._limits.retries:
                    raise failure.error from failure
                await self._pause(attempt, failure, deadline)
                attempt += 1
                continue
            self._breaker.succeeded()
            return

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _attempt(self, request: dict[str, Any], deadline: float, call: ChatSpan) -> AsyncGenerator[str]:
        """One request; every vendor error leaves it as `_Failure`."""
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        seen = _Seen()
        try:
            async with aclosing(self._texts(request, deadline, seen)) as texts:
                async for text in texts:
                    yield text
            if seen.finish is None:
                raise self._failure("broke off before its answer was complete", retry=True)
        except TimeoutError as error:
            raise self._failure("did not answer in time", retry=False) from error
        except openai.APIStatusError as error:
            raise self._refused(error.status_code, error.response.headers.get("retry-after")) from error
        except openai.APIConnectionError as error:
            raise self._failure("cannot be reached", retry=True, stale=self._is_stale(error)) from error
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError) as error:
            raise self._failure(f"broke off ({type(error).__name__})", retry=True) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._failure("sent something that is not a chat completion", retry=True) from error
        finally:
            if seen.answered:  # also when it was given up on then: the endpoint may charge for it
                used = _usage_of(self._model, seen.usage)
                call.used(used, seen.finish)
                self._on_usage(used)
        if seen.finish in _CUT_SHORT:
            raise InvalidDraft(f"The model's answer {_CUT_SHORT[seen.finish]}.", where=self._model)

    async def _texts(self, request: dict[str, Any], deadline: float, seen: "_Seen") -> AsyncGenerator[str]:
        """Pieces of text within their time; what else comes with them goes to `seen`."""
        waiting = self._limits.first_token
        async with asyncio.timeout(min(waiting, deadline - time.monotonic())):
            response = await self._open().chat.completions.create(**request)
        seen.answered = self._has_answered = True
        async with response:
            chunks = aiter(response)
            while True:
                async with asyncio.timeout(min(waiting, deadline - time.monotonic())):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                seen.usage = getattr(chunk, "usage", None) or seen.usage
                seen.finish = _finish_of(chunk) or seen.finish
                if text := _text_of(chunk):
                    waiting = self._limits.between_tokens
                    yield text

    def _open(self) -> "AsyncOpenAI":
        if self._client is None:
            from openai import AsyncOpenAI, Timeout  # noqa: PLC0415

            limits = self._limits
            # Retries are ours: the SDK's know neither the breaker nor the deadline.
            self._client = AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key,
                max_retries=0,
                timeout=Timeout(limits.first_token, connect=limits.connect),
            )
        return self._client

    def _request(
        self, messages: Sequence[Mapping[str, str]], max_tokens: int, json_schema: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [dict(m) for m in messages],
            # The older name, which every compatible server knows.
            "max_tokens": max_tokens,
            "temperature": self._temperature,
            "stream": True,
        }
        if self._counts_usage:
            request["stream_options"] = {"include_usage": True}
        if json_schema is not None:
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": dict(json_schema)},
            }
        return request

    async def _pause(self, attempt: int, failure: "_Failure", deadline: float) -> None:
        """Raises at once when what is left of the time is not enough for another attempt."""
        longest = self._limits.backoff * 2**attempt
        pause = (
            failure.retry_after if failure.retry_after is not None else self._uniform(longest / 2, longest)
        )
        if pause >= deadline - time.monotonic():
            raise failure.error from failure
        await self._sleep(pause)

    def _refused(self, status: int, retry_after: str | None) -> "_Failure":
        if status in _MISCONFIGURED_STATUS:
            error = ConfigurationError(
                f"{self._where()} refused the request (HTTP {status}).",
                hint="Check the address, the key and the model's name.",
            )
            return _Failure(error, retry=False, unknown_field=status in _UNKNOWN_FIELD_STATUS)
        wait = _seconds(retry_after)
        if wait is not None and wait > _LONGEST_RETRY_AFTER:
            return self._failure(f"asked to wait {wait:.0f} s (HTTP {status})", retry=False)
        return self._failure(f"answered HTTP {status}", retry=status in _RETRIED_STATUS, retry_after=wait)

    def _failure(
        self, what: str, *, retry: bool, retry_after: float | None = None, stale: bool = False
    ) -> "_Failure":
        error = DependencyUnavailable(f"{self._where()} {what}.", hint="The draft made without it stands.")
        return _Failure(error, retry=retry, retry_after=retry_after, stale=stale)

    def _is_stale(self, error: Exception) -> bool:
        """Whether a connection of an earlier request may have been closed for idleness as we used it again.

        The endpoint has seen nothing of the request then, and is not to blame.
        """
        import httpx2  # noqa: PLC0415

        return self._has_answered and isinstance(
            error.__cause__, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError
        )

    def _where(self) -> str:
        return f"The model {self._model!r} at {self._base_url or 'api.openai.com'}"


@dataclass
class _Seen:
    """Of an answer so far: whether there is one, its usage, and how it finished."""

    answered: bool = False
    usage: Any = None
    finish: str | None = None


class _Failure(Exception):
    """One attempt failed: what to tell, and whether another may help."""

    def __init__(
        self,
        error: CopilotError,
        *,
        retry: bool,
        retry_after: float | None = None,
        unknown_field: bool = False,
        stale: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.unknown_field = unknown_field
        self.stale = stale
        self.error = error
        self.retry = retry
        self.retry_after = retry_after


_CUT_SHORT = {
    "length": "was cut short at its longest length",
    "content_filter": "was withheld by the endpoint's content filter",
}


def _text_of(chunk: Any) -> str:  # noqa: ANN401
    if not chunk.choices:
        return ""
    return chunk.choices[0].delta.content or ""


def _finish_of(chunk: Any) -> str | None:  # noqa: ANN401
    return getattr(chunk.choices[0], "finish_reason", None) if chunk.choices else None


def _usage_of(model: str, reported: Any) -> ModelUsage:  # noqa: ANN401
    """What the endpoint says; not metered when it says nothing, or something that is no usage."""
    try:
        details = getattr(reported, "prompt_tokens_details", None)
        return ModelUsage(
            model=model,
            prompt_tokens=reported.prompt_tokens or 0,
            cached_tokens=getattr(details, "cached_tokens", None) or 0,
            completion_tokens=reported.completion_tokens or 0,
        )
    except (AttributeError, ValueError):
        return ModelUsage(model=model, metered=False)


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
