"""A judge behind any OpenAI-compatible endpoint: asked by JSON schema, streamed so that it can be cut off."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from copilot.domain.errors import DependencyUnavailable, InvalidDraft, LimitReached
from copilot.domain.value import Value
from copilot.evaluation.judges.budget import CaseBudget, JudgeLimits, Spent
from copilot.evaluation.judges.material import SYSTEM

if TYPE_CHECKING:
    from openai import AsyncOpenAI

AnswerT = TypeVar("AnswerT", bound=BaseModel)
_TRIES = 2
_CHARACTERS_PER_TOKEN = 4
_EXCERPT = 120


class JudgeRecord(Value):
    """What has to be known to ask the same again."""

    model: str
    endpoint: str
    seed: int
    temperature: float
    system_sha256: str
    tokens: int
    dollars: float
    calls: int

    @property
    def identity(self) -> tuple[str, ...]:
        """Who was asked, whatever it cost."""
        return (self.model, self.endpoint, str(self.seed), str(self.temperature), self.system_sha256)


class Judge:
    """An answer that is not of the schema is asked for once more, then refused; it is never guessed."""

    def __init__(
        self, client: "AsyncOpenAI", model: str, *, endpoint: str, limits: JudgeLimits, seed: int = 0
    ) -> None:
        self._client = client
        self._model = model
        self._endpoint = endpoint
        self._seed = seed
        self._failures = 0
        self.limits = limits
        self.spent = Spent()

    @property
    def model(self) -> str:
        return self._model

    @property
    def record(self) -> JudgeRecord:
        return JudgeRecord(
            model=self._model,
            endpoint=self._endpoint,
            seed=self._seed,
            temperature=0.0,
            system_sha256=hashlib.sha256(SYSTEM.encode()).hexdigest()[:16],
            tokens=self.spent.tokens,
            dollars=round(self.spent.dollars, 6),
            calls=self.spent.calls,
        )

    def case(self) -> CaseBudget:
        return CaseBudget(self.limits, self.spent)

    async def ask(
        self,
        prompt: str,
        form: type[AnswerT],
        budget: CaseBudget,
        complaint: Callable[[AnswerT], str | None] = lambda _: None,
    ) -> AnswerT:
        """`complaint` says what is wrong with an answer of the right form, such as a verdict of 7.

        Raises `LimitReached`, `DependencyUnavailable` or `InvalidDraft`.
        """
        wrong = ""
        for _ in range(_TRIES):
            budget.check()
            text = await self._answer(prompt, form, budget)
            try:
                answer = form.model_validate(json.loads(_unfenced(text)))
            except (ValueError, ValidationError):
                wrong = f"is not the JSON that was asked for: {text[:_EXCERPT]!r}"
                continue
            found = complaint(answer)
            if found is None:
                return answer
            wrong = found
        raise InvalidDraft(
            f"the judge's answer {wrong}.",
            where=self._endpoint,
            hint="Expected a model that can answer by JSON schema.",
        )

    async def _answer(self, prompt: str, form: type[BaseModel], budget: CaseBudget) -> str:
        if self._failures >= self.limits.failures_in_a_row:
            raise DependencyUnavailable(
                f"the judge gave no answer {self.limits.failures_in_a_row} times in a row, and is not asked "
                "any more.",
                where=self._endpoint,
            )
        seconds = min(self.limits.seconds_per_call, budget.seconds_left)
        try:
            async with asyncio.timeout(seconds):
                text = await self._stream(prompt, form, budget)
        except TimeoutError as error:
            self._failures += 1
            raise DependencyUnavailable(
                f"the judge has not answered within {seconds:.3g} s.", where=self._endpoint
            ) from error
        except DependencyUnavailable:
            self._failures += 1
            raise
        self._failures = 0
        return text

    async def _stream(self, prompt: str, form: type[BaseModel], budget: CaseBudget) -> str:
        from openai import OpenAIError  # noqa: PLC0415 - costs start-up time

        pieces: list[str] = []
        usage: Any = None
        messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        try:
            stream = await self._client.chat.completions.create(
                model=self._model,
                messages=messages,
                temperature=0.0,
                seed=self._seed,
                max_tokens=self.limits.tokens_per_answer,
                stream=True,
                stream_options={"include_usage": True},
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": form.__name__, "schema": form.model_json_schema()},
                },
            )
            async with stream:
                async for chunk in stream:
                    usage = chunk.usage or usage
                    pieces += [c.delta.content for c in chunk.choices if c.delta.content]
                    self._cut(pieces)
        except OpenAIError as error:
            raise DependencyUnavailable(f"the judge fails: {error}", where=self._endpoint) from error
        finally:
            # Counted by length where the endpoint does not count, or was cut off before it did.
            written = sum(map(len, pieces)) // _CHARACTERS_PER_TOKEN
            budget.spend(
                usage.prompt_tokens if usage else (len(prompt) + len(SYSTEM)) // _CHARACTERS_PER_TOKEN,
                usage.completion_tokens if usage else written,
            )
        return "".join(pieces)

    def _cut(self, pieces: list[str]) -> None:
        if sum(map(len, pieces)) > self.limits.tokens_per_answer * _CHARACTERS_PER_TOKEN * 2:
            raise LimitReached("the judge's answer does not end.", where=self._endpoint)


@asynccontextmanager
async def open_judge(
    model: str, *, base_url: str, api_key: str, limits: JudgeLimits | None = None, seed: int = 0
) -> AsyncIterator[Judge]:
    from openai import AsyncOpenAI  # noqa: PLC0415 - costs start-up time

    # Retries are ours to count: each costs.
    client = AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0)
    try:
        yield Judge(client, model, endpoint=base_url, limits=limits or JudgeLimits(), seed=seed)
    finally:
        await client.close()


def _unfenced(text: str) -> str:
    """Small models write a Markdown fence around their JSON."""
    plain = text.strip()
    if plain.startswith("```"):
        plain = plain.strip("`").removeprefix("json").strip()
    return plain
