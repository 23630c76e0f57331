"""Lets a language model choose among what is allowed: the next action to put first, the disposition."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from copilot.assist.masking import masker_for
from copilot.assist.structured import ask_structured
from copilot.domain.assist import NextAction
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.playbook import Playbook
from copilot.domain.value import Value
from copilot.domain.wrap_up import Disposition, Summary
from copilot.ports import ChatModel, PersonalDataFinder
from copilot.prompts import OUR_PROMPTS, Prompts

_SEPARATOR = "\n=====\n"
_TURNS = 12
_MAX_TOKENS = 200


class _Choice(Value):
    """The number of the option that fits best, 1 for the first, and why in one sentence."""

    option: int = Field(ge=1)
    because: str = Field(max_length=300)


class Chooser:
    """Options come from playbooks and policy; the model may only pick one, never make one up."""

    def __init__(
        self, model: ChatModel, prompts: Prompts = OUR_PROMPTS, finder: PersonalDataFinder | None = None
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._finder = finder

    async def next_action(
        self, conversation: Conversation, actions: Sequence[NextAction]
    ) -> tuple[NextAction, ...]:
        """`actions` with the chosen one first. `InvalidDraft` after a second answer that is none of them."""
        if len(actions) < 2:  # noqa: PLR2004 - nothing to choose
            return tuple(actions)
        options = [f"{a.title}. {a.why}" for a in actions]
        chosen = await self._choose("the next thing for the representative to do", options, conversation)
        return (actions[chosen], *(a for i, a in enumerate(actions) if i != chosen))

    async def disposition(
        self, conversation: Conversation, summary: Summary, playbooks: Mapping[str, Playbook]
    ) -> Disposition:
        """One of the playbooks' dispositions, or "other". `InvalidDraft` as above."""
        by_code = {p.disposition: p for p in playbooks.values()}
        codes = [*by_code, "other"]
        options = [f"{by_code[c].title}. {by_code[c].description}" for c in by_code] + ["None of these."]
        issue = summary.issue.text if summary.issue else ""
        chosen = await self._choose("what the conversation was about", options, conversation, issue)
        code = codes[chosen]
        title = by_code[code].title if code in by_code else "Other"
        return Disposition(code=code, title=title, confidence=0.5)

    async def _choose(
        self, what: str, options: Sequence[str], conversation: Conversation, issue: str = ""
    ) -> int:
        said = conversation.turns[-_TURNS:]
        masker = await masker_for(self._finder, [issue], turns=said, public=options)
        turns = [
            f"{'Customer' if t.speaker is Speaker.CUSTOMER else 'Representative'}: {masker.mask(t.text)}"
            for t in said
        ]
        text = self._prompts.render(
            "choose", what=what, options=options, turns=turns, issue=masker.mask(issue)
        )
        stable, changing = text.split(_SEPARATOR, 1)
        choice = await ask_structured(
            self._model,
            [{"role": "system", "content": stable}, {"role": "user", "content": changing}],
            _Choice,
            max_tokens=_MAX_TOKENS,
            check=lambda c: None if c.option <= len(options) else f"there are only {len(options)} options.",
        )
        return choice.option - 1
