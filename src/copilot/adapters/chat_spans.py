"""What a trace says of one call of a language model, in OpenTelemetry's GenAI conventions."""

import json
import time
from collections.abc import Mapping, Sequence

from copilot.domain.errors import CopilotError
from copilot.domain.usage import ModelUsage
from copilot.ports import trace_names as names
from copilot.ports.tracing import AttributeValue, SpanKind, current_span


class ChatSpan:
    """A span within the current one. What was asked and answered is offered; a tracer keeps it if told to."""

    def __init__(
        self,
        model: str,
        max_tokens: int,
        temperature: float,
        messages: Sequence[Mapping[str, str]],
        *,
        as_json: bool = False,
    ) -> None:
        self._span = current_span().child(
            names.chat(model),
            SpanKind.CLIENT,
            {
                names.OPERATION: names.OPERATION_CHAT,
                names.PROVIDER: "openai",  # whose protocol it is
                names.REQUEST_MODEL: model,
                names.REQUEST_MAX_TOKENS: max_tokens,
                names.REQUEST_TEMPERATURE: temperature,
                names.REQUEST_STREAM: True,
                names.OUTPUT_TYPE: "json" if as_json else "text",
            },
        )
        self._started = time.perf_counter()
        self._keeps = self._span.keeps_content
        self._answer: list[str] = []
        self._said = False
        if self._keeps:
            self._span.set({names.INPUT_MESSAGES: _messages(messages)})

    def said(self, text: str) -> None:
        """A piece of the answer."""
        if not self._said:
            self._said = True
            self._span.set({names.FIRST_CHUNK: time.perf_counter() - self._started})
        if self._keeps:
            self._answer.append(text)

    def used(self, usage: ModelUsage, finish: str | None) -> None:
        found: dict[str, AttributeValue] = {}
        if usage.metered:
            found = {
                names.INPUT_TOKENS: usage.prompt_tokens,
                names.CACHED_TOKENS: usage.cached_tokens,
                names.OUTPUT_TOKENS: usage.completion_tokens,
            }
        if finish:
            found[names.FINISH_REASONS] = (finish,)
        self._span.set(found)

    def failed(self, error: BaseException) -> None:
        self._span.fail(error.code if isinstance(error, CopilotError) else type(error).__name__)

    def end(self) -> None:
        if self._answer:
            answer = [{"role": "assistant", "content": "".join(self._answer)}]
            self._span.set({names.OUTPUT_MESSAGES: _messages(answer)})
        self._span.end()


def _messages(messages: Sequence[Mapping[str, str]]) -> str:
    """As the conventions have them: JSON of roles and parts."""

    def parts(message: Mapping[str, str]) -> dict[str, object]:
        return {"role": message["role"], "parts": [{"type": "text", "content": message["content"]}]}

    return json.dumps([parts(message) for message in messages], ensure_ascii=False)
