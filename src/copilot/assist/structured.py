"""An answer of a language model in a fixed form: checked, asked for once more, then refused."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from copilot.domain.errors import InvalidDraft
from copilot.ports import ChatModel

AnswerT = TypeVar("AnswerT", bound=BaseModel)
Check = Callable[[AnswerT], str | None]
"""What is wrong with an answer of the right form, or None."""

_ATTEMPTS = 2
_MAX_CHARACTERS = 20_000


async def ask_structured(
    model: ChatModel,
    messages: Sequence[Mapping[str, str]],
    form: type[AnswerT],
    *,
    max_tokens: int,
    check: Check[AnswerT] = lambda _: None,
) -> AnswerT:
    """The model's answer as a `form` that passes `check`.

    One that does not is asked for once more, with what is wrong with it. `InvalidDraft` the second time:
    nothing is guessed from it. `DependencyUnavailable` when the model fails.
    """
    asked = [dict(m) for m in messages]
    wrong = ""
    for _ in range(_ATTEMPTS):
        answer = await _answer(model, asked, form, max_tokens)
        read = _read(answer, form)
        problem = read if isinstance(read, str) else check(read)
        if problem is None and not isinstance(read, str):
            return read
        wrong = str(problem)
        complaint = f"That is not right: {wrong} Answer again, with the JSON object alone."
        asked += [{"role": "assistant", "content": answer}, {"role": "user", "content": complaint}]
    raise InvalidDraft(f"The model's answer does not hold to its form: {wrong}", where=model.model_id)


async def _answer(
    model: ChatModel, messages: Sequence[Mapping[str, str]], form: type[BaseModel], max_tokens: int
) -> str:
    text = ""
    stream = model.stream(messages, max_tokens=max_tokens, json_schema=form.model_json_schema())
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            text += piece
            if len(text) > _MAX_CHARACTERS:
                break
    return text


def _read(answer: str, form: type[AnswerT]) -> AnswerT | str:
    try:
        return form.model_validate(json.loads(answer))
    except json.JSONDecodeError as error:
        return f"it is not JSON ({error.msg} at character {error.pos + 1})."
    except RecursionError:
        return "it is nested too deeply."
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}."
