"""Embedding and language models, as the settings name them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from copilot.adapters.agent_loop import LangChainLoop
from copilot.adapters.clock import SystemClock
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.openai_chat import ChatLimits, OpenAiChat
from copilot.adapters.sentence_transformers import SentenceTransformersEmbedder
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.choosing import Chooser
from copilot.assist.drafting.llm import DraftStyle, LlmDrafter
from copilot.assist.grounding import Grounder
from copilot.assist.rewriting import ChatQueryRewriter
from copilot.assist.summary_refining import SummaryRefiner
from copilot.config import LlmStyle, Settings
from copilot.domain.asking import AskLimits
from copilot.ports import Embedder

REWRITE_SECONDS = 2.0
"""What a person who searches will wait for it; the live path does not."""


def open_embedder(settings: Settings) -> MiniLmEmbedder | SentenceTransformersEmbedder:
    if settings.embedding_model == "builtin":
        return MiniLmEmbedder()
    return SentenceTransformersEmbedder(settings.embedding_model)


def chat_model(settings: Settings) -> OpenAiChat | None:
    """The configured language model, to be closed by whoever asked for it; None without one."""
    if settings.llm_base_url is None:
        return None
    return OpenAiChat(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        limits=ChatLimits(first_token=settings.llm_timeout_seconds, total=settings.llm_timeout_seconds),
    )


@asynccontextmanager
async def llm_drafter(settings: Settings, embedder: Embedder) -> AsyncIterator[LlmDrafter | None]:
    if (model := chat_model(settings)) is None:
        yield None
        return
    await model.load()
    style = DraftStyle(settings.llm_style.value)
    try:
        yield LlmDrafter(model, Grounder(embedder), TiktokenCounter(), style=style)
    finally:
        await model.close()


@asynccontextmanager
async def llm_choices(
    settings: Settings,
) -> AsyncIterator[tuple[Chooser, SummaryRefiner] | tuple[None, None]]:
    """Where the settings want the model for more than drafts."""
    model = chat_model(settings) if settings.llm_refines else None
    if model is None:
        yield None, None
        return
    await model.load()
    try:
        yield Chooser(model), SummaryRefiner(model)
    finally:
        await model.close()


@asynccontextmanager
async def query_rewriter(settings: Settings) -> AsyncIterator[ChatQueryRewriter | None]:
    if (model := chat_model(settings)) is None:
        yield None
        return
    try:
        yield ChatQueryRewriter(model, seconds=REWRITE_SECONDS)
    finally:
        await model.close()


def llm_answerer(settings: Settings, embedder: Embedder) -> LlmAnswerer | None:
    if settings.llm_base_url is None:
        return None
    loop = LangChainLoop(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        limits=ask_limits(settings),
        written_calls=settings.llm_style is LlmStyle.STRUCTURED,
    )
    return LlmAnswerer(loop, Grounder(embedder), SystemClock())


def ask_limits(settings: Settings) -> AskLimits:
    return AskLimits(
        steps=settings.ask_steps, model_calls=settings.ask_steps + 2, seconds=settings.ask_timeout_seconds
    )
