"""Embedding and language models, as the settings name them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from copilot.adapters.agent_loop import LangChainLoop
from copilot.adapters.clock import SystemClock
from copilot.adapters.embedding_models import open_model, open_on_one_core
from copilot.adapters.minilm import MiniLmEmbedder
from copilot.adapters.openai_chat import ChatLimits, OpenAiChat
from copilot.adapters.ray_embedder import PASSAGES_AT_ONCE, RayEmbedder
from copilot.adapters.sentence_transformers import SentenceTransformersEmbedder
from copilot.adapters.tiktoken_counter import TiktokenCounter
from copilot.assist.ask_llm import LlmAnswerer
from copilot.assist.choosing import Chooser
from copilot.assist.drafting.llm import LlmDrafter
from copilot.assist.drafting.prompting import LlmLimits
from copilot.assist.drafting.styles import DraftStyle, style_for
from copilot.assist.grounding import Grounder
from copilot.assist.rewording import Rewording
from copilot.assist.rewriting import ChatQueryRewriter
from copilot.assist.summary_refining import SummaryRefiner
from copilot.config import BulkEngine, LlmStyle, Settings
from copilot.domain.asking import AskLimits
from copilot.domain.usage import ModelUsage
from copilot.ports import Embedder, LanguageDetector, PersonalDataFinder
from copilot.prompts import Prompts
from copilot.retrieval.pipeline import BATCH_PASSAGES

REWRITE_SECONDS = 2.0
"""What a person who searches will wait for it; the live path does not."""

OnUsage = Callable[[ModelUsage], None]


def ignored_usage(_: ModelUsage) -> None:
    """For commands, where nobody counts."""


def open_embedder(settings: Settings) -> MiniLmEmbedder | SentenceTransformersEmbedder:
    return open_model(settings.embedding_model)


@asynccontextmanager
async def bulk_embedder(
    settings: Settings, embedder: Embedder, engine: BulkEngine
) -> AsyncIterator[tuple[Embedder, int]]:
    """What embeds many passages, and how many at once: `embedder` itself, or a cluster with its model."""
    if engine is BulkEngine.LOCAL:
        yield embedder, BATCH_PASSAGES
        return
    spread = await RayEmbedder.open(
        embedder, open_on_one_core, settings.embedding_model, settings.ray_address
    )
    try:
        yield spread, PASSAGES_AT_ONCE
    finally:
        await spread.close()


def chat_model(settings: Settings, on_usage: OnUsage = ignored_usage) -> OpenAiChat | None:
    """The configured language model, to be closed by whoever asked for it; None without one."""
    if settings.llm_base_url is None:
        return None
    return OpenAiChat(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        limits=ChatLimits(first_token=settings.llm_timeout_seconds, total=settings.llm_timeout_seconds),
        on_usage=on_usage,
    )


def prompts_of(settings: Settings) -> Prompts:
    """`ConfigurationError` for a folder that holds none of ours, or others."""
    return Prompts(settings.prompts_dir)


def draft_style(settings: Settings) -> DraftStyle:
    """How the configured model is asked."""
    if settings.llm_style is LlmStyle.AUTO:
        return style_for(settings.llm_model)
    return DraftStyle(settings.llm_style.value)


@asynccontextmanager
async def llm_drafter(
    settings: Settings,
    embedder: Embedder,
    on_usage: OnUsage = ignored_usage,
    finder: PersonalDataFinder | None = None,
) -> AsyncIterator[LlmDrafter | None]:
    if (model := chat_model(settings, on_usage)) is None:
        yield None
        return
    await model.load()
    limits = LlmLimits(prompt=settings.llm_prompt_tokens)
    try:
        yield LlmDrafter(
            model,
            Grounder(embedder),
            TiktokenCounter(),
            style=draft_style(settings),
            limits=limits,
            prompts=prompts_of(settings),
            finder=finder,
        )
    finally:
        await model.close()


@asynccontextmanager
async def llm_rewording(
    settings: Settings,
    embedder: Embedder,
    languages: LanguageDetector,
    on_usage: OnUsage = ignored_usage,
    finder: PersonalDataFinder | None = None,
) -> AsyncIterator[Rewording | None]:
    """Other words for drafts, by the configured model."""
    if (model := chat_model(settings, on_usage)) is None:
        yield None
        return
    await model.load()
    try:
        yield Rewording(model, Grounder(embedder), languages, prompts_of(settings), finder)
    finally:
        await model.close()


@asynccontextmanager
async def llm_choices(
    settings: Settings, on_usage: OnUsage = ignored_usage, finder: PersonalDataFinder | None = None
) -> AsyncIterator[tuple[Chooser, SummaryRefiner] | tuple[None, None]]:
    """Where the settings want the model for more than drafts."""
    model = chat_model(settings, on_usage) if settings.llm_refines else None
    if model is None:
        yield None, None
        return
    await model.load()
    prompts = prompts_of(settings)
    try:
        yield Chooser(model, prompts, finder), SummaryRefiner(model, prompts, finder)
    finally:
        await model.close()


@asynccontextmanager
async def query_rewriter(
    settings: Settings, on_usage: OnUsage = ignored_usage, finder: PersonalDataFinder | None = None
) -> AsyncIterator[ChatQueryRewriter | None]:
    if (model := chat_model(settings, on_usage)) is None:
        yield None
        return
    try:
        yield ChatQueryRewriter(model, seconds=REWRITE_SECONDS, prompts=prompts_of(settings), finder=finder)
    finally:
        await model.close()


def llm_answerer(
    settings: Settings,
    embedder: Embedder,
    on_usage: OnUsage = ignored_usage,
    finder: PersonalDataFinder | None = None,
) -> LlmAnswerer | None:
    if settings.llm_base_url is None:
        return None
    loop = LangChainLoop(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        limits=ask_limits(settings),
        written_calls=draft_style(settings) is DraftStyle.STRUCTURED,
        on_usage=on_usage,
    )
    return LlmAnswerer(loop, Grounder(embedder), SystemClock(), prompts_of(settings), finder)


def ask_limits(settings: Settings) -> AskLimits:
    return AskLimits(
        steps=settings.ask_steps, model_calls=settings.ask_steps + 2, seconds=settings.ask_timeout_seconds
    )
