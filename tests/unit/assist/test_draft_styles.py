"""Which models are asked by schema, and which for prose."""

import pytest

from copilot.assist.drafting.styles import DraftStyle, style_for
from copilot.bootstrap.models import draft_style
from copilot.config import Settings


@pytest.mark.parametrize(
    "model",
    ["qwen2.5-coder-1.5b-instruct", "Llama-3.1-8B-Instruct", "smollm2-135m", "phi-4", "gpt-4o-mini",
     "gpt-5-nano", "claude-3-5-haiku", "gemini-2.0-flash", "default", "my-own"],
)  # fmt: skip
def test_small_and_unknown_models_are_asked_by_schema(model):
    assert style_for(model) is DraftStyle.STRUCTURED


@pytest.mark.parametrize(
    "model",
    ["gpt-4o", "gpt-4.1", "gpt-5", "claude-sonnet-4-5", "anthropic/claude-opus-4", "gemini-2.5-pro",
     "meta-llama/Llama-3.3-70B-Instruct", "qwen2.5:32b", "mixtral-8x22b", "deepseek-v3", "mistral-large"],
)  # fmt: skip
def test_strong_models_are_asked_for_prose(model):
    assert style_for(model) is DraftStyle.PROSE


def test_the_setting_overrules_the_name():
    named = {"llm_model": "gpt-4o"}
    assert draft_style(Settings(**named)) is DraftStyle.PROSE
    assert draft_style(Settings(**named, llm_style="structured")) is DraftStyle.STRUCTURED
    assert draft_style(Settings(llm_model="default", llm_style="prose")) is DraftStyle.PROSE
