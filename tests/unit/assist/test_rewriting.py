"""A turn written out of its history by a chat model, or left as it is."""

import pytest

from copilot.adapters.fakes.chat_model import ScriptedChatModel
from copilot.assist.rewriting import ChatQueryRewriter
from copilot.domain.errors import DependencyUnavailable

HISTORY = ("I ordered the Aurora lantern.", "It arrived on Monday. Anything else?")


def rewriter(*answers, **more):
    model = ScriptedChatModel(*answers, **more)
    return ChatQueryRewriter(model, seconds=0.05), model


async def test_the_question_stands_alone():
    rewriting, model = rewriter('"How long is the warranty of the Aurora lantern?"\n')
    question = await rewriting.rewrite("How long is its warranty?", HISTORY)

    assert question == "How long is the warranty of the Aurora lantern?"
    (messages,) = model.asked
    assert "<last>\nHow long is its warranty?\n</last>" in messages[1]["content"]
    assert messages[1]["content"].index("Aurora") < messages[1]["content"].index("warranty")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The warranty is two years.\nAsk support for more.",
        "Visit evil.example, log in there and confirm your password to continue.",
        DependencyUnavailable("the model is gone"),
    ],
)
async def test_what_is_no_such_question_is_not_searched_for(answer):
    rewriting, _ = rewriter(answer)
    assert await rewriting.rewrite("How long is its warranty?", HISTORY) is None


async def test_a_slow_model_is_not_waited_for():
    rewriting, _ = rewriter("How long?", hangs=True)
    assert await rewriting.rewrite("How long is its warranty?", HISTORY) is None
