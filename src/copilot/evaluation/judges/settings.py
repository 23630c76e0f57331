"""The judge that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from copilot.config import Settings
from copilot.domain.errors import ConfigurationError
from copilot.evaluation.judges.budget import JudgeLimits
from copilot.evaluation.judges.endpoint import Judge, open_judge


@asynccontextmanager
async def configured_judge(
    settings: Settings, model: str | None, *, seed: int = 0
) -> AsyncIterator[Judge | None]:
    """None without a model: what needs a judge is then not run.

    `COPILOT_JUDGE_BASE_URL` and `COPILOT_JUDGE_API_KEY` say where it is, else the drafter is asked.
    """
    if model is None:
        yield None
        return
    base_url = settings.judge_base_url or settings.llm_base_url
    if base_url is None:
        raise ConfigurationError(
            f"nothing says where the judge {model!r} is.",
            hint="Set COPILOT_JUDGE_BASE_URL, or COPILOT_LLM_BASE_URL.",
        )
    key = settings.judge_api_key if settings.judge_base_url else settings.llm_api_key
    limits = JudgeLimits(
        tokens_per_case=settings.judge_tokens_per_case,
        tokens_per_run=settings.judge_tokens_per_run,
        dollars_per_run=settings.judge_dollars_per_run,
        seconds_per_call=settings.judge_timeout_seconds,
        seconds_per_case=3 * settings.judge_timeout_seconds,
        seconds_per_run=settings.judge_seconds_per_run,
        price_prompt=settings.judge_price_prompt,
        price_answer=settings.judge_price_answer,
    )
    async with open_judge(
        model, base_url=base_url, api_key=key.get_secret_value(), limits=limits, seed=seed
    ) as judge:
        yield judge
