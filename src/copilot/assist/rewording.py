"""Other words for a text by a model; what does not say the same is refused, or marked."""

import re
from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from copilot.assist.details import foreign_details, names_in
from copilot.assist.grounding import Evidence, Grounder
from copilot.assist.links import foreign_links, hosts_of
from copilot.assist.masking import masker_for
from copilot.assist.structured import ask_structured
from copilot.assist.wording import is_phrase
from copilot.domain.assist import Drafter, Sentence, Support
from copilot.domain.drafting import joined
from copilot.domain.errors import InvalidDraft, MeaningChanged
from copilot.domain.transforms import Transform, Transformed
from copilot.domain.value import Value
from copilot.ports import ChatModel, LanguageDetector, PersonalDataFinder
from copilot.prompts import OUR_PROMPTS, Prompts

_SEPARATOR = "=====\n"
_REPLY_TOKENS = 600
_DIGITS = re.compile(r"\d+")
_CURRENCY = re.compile(r"[$€£¥]")
_VERBATIM = re.compile(r"https?://\S+|\S+@\S+|\b[A-Z]{1,5}-\d+\b|\[[A-Z]+_\d+\]")
_SURE = 0.6


class _Answer(Value):
    sentences: tuple[str, ...] = Field(min_length=1, max_length=40)


class Rewording:
    """Personal data is masked before it leaves and put back into the text."""

    def __init__(
        self,
        model: ChatModel,
        grounder: Grounder,
        languages: LanguageDetector | None = None,
        prompts: Prompts = OUR_PROMPTS,
        finder: PersonalDataFinder | None = None,
    ) -> None:
        self._finder = finder
        self._model = model
        self._grounder = grounder
        self._languages = languages
        self._prompts = prompts

    async def reword(
        self,
        sentences: Sequence[Sentence],
        how: Transform,
        *,
        company: str,
        names: dict[str, str],
        language: str | None = None,
    ) -> Transformed:
        """Raises `MeaningChanged` when a number, date, name, link or question is lost or new, or the language
        is another one; `InvalidDraft` and `DependencyUnavailable` as a model does.
        """
        before = [s for s in sentences if s.text.strip()]
        masker = await masker_for(self._finder, [s.text for s in before], names=names, public=[company])
        text = self._prompts.render(
            "transform_text",
            company=company,
            sentences=[masker.mask(s.text.strip()) for s in before],
            how=how.value,
            language=language or "",
        )
        stable, _, changing = text.partition(_SEPARATOR)
        messages = [{"role": "system", "content": stable}, {"role": "user", "content": changing}]
        answer = await ask_structured(self._model, messages, _Answer, max_tokens=_REPLY_TOKENS)
        said = [masker.unmask(s).strip() for s in answer.sentences if s.strip()]
        if how is Transform.TRANSLATE:
            after = self._translated(before, said, language or "")
        else:
            after = await self._reworded(before, said)
        whole = joined([s.text for s in after])
        return Transformed(
            how=how,
            text=whole,
            sentences=tuple(after),
            drafter=Drafter.LLM,
            changed=whole != joined([s.text for s in before]),
        )

    async def _reworded(self, before: Sequence[Sentence], said: Sequence[str]) -> list[Sentence]:
        old, new = " ".join(s.text.strip() for s in before), " ".join(said)
        if lost := foreign_details(old, new):
            raise _changed(f"{lost[0]!r} is missing")
        if added := (*foreign_details(new, old), *foreign_links(new, hosts_of([old]))):
            raise _changed(f"{added[0]!r} is new")
        if lost_links := foreign_links(old, hosts_of([new])):
            raise _changed(f"{lost_links[0]!r} is missing")
        if "?" not in new and any("?" in s.text and not is_phrase(s) for s in before):
            raise _changed("the question is missing")
        # Each sentence may rest on any of the old ones, or on all of them when it draws them together.
        evidence = [Evidence(text=s.text.strip(), sources=(str(n),)) for n, s in enumerate(before)]
        evidence.append(Evidence(text=old, sources=tuple(map(str, range(len(before))))))
        return [_resting_on(before, found) for found in await self._grounder.ground(said, evidence)]

    def _translated(self, before: Sequence[Sentence], said: Sequence[str], language: str) -> list[Sentence]:
        """Sentence for sentence, so that each keeps what it rests on."""
        if len(said) != len(before):
            raise _changed(f"there are {len(said)} sentences instead of {len(before)}")
        guess = self._languages.detect(" ".join(said)) if self._languages else None
        if guess is not None and guess.code != language and guess.confidence >= _SURE:
            raise _changed(f"it is in {guess.code!r}, not in {language!r}")
        for old, new in zip(before, said, strict=True):
            if problem := self._lost_in_translation(old.text, new):
                raise _changed(problem)
        return [
            old.model_copy(update={"text": _placed(new, old.text)})
            for old, new in zip(before, said, strict=True)
        ]

    def _lost_in_translation(self, old: str, new: str) -> str | None:
        for what in (_DIGITS, _CURRENCY, _VERBATIM):
            ours, theirs = Counter(what.findall(old)), Counter(what.findall(new))
            if ours != theirs:
                wrong = next(iter((ours - theirs) or (theirs - ours)))
                return f"{wrong!r} is {'missing' if ours[wrong] > theirs[wrong] else 'new'}"
        if ("?" in old) != ("?" in new):
            return "a question is not one any more"
        source = self._languages.detect(old) if self._languages else None
        if source is None or source.code == "en":  # elsewhere every noun may be written like a name
            lost = [name for name in names_in(old) if name not in new]
            return f"{lost[0]!r} is missing" if lost else None
        return None


def _resting_on(before: Sequence[Sentence], found: Sentence) -> Sentence:
    """What the grounder says of it, in terms of what the old sentences rested on."""
    if found.support is not Support.FACT:
        return found
    origins = [before[int(n)] for n in found.sources]
    if any(o.support is Support.UNSUPPORTED for o in origins):
        return Sentence(text=found.text, support=Support.UNSUPPORTED)
    support = next(
        kind
        for kind in (Support.SUPPORTED, Support.FACT, Support.TEMPLATE)
        if any(o.support is kind for o in origins)
    )
    return Sentence(
        text=found.text,
        support=support,
        citations=tuple(dict.fromkeys(c for o in origins for c in o.citations)),
        sources=tuple(dict.fromkeys(s for o in origins for s in o.sources)),
    )


def _placed(new: str, old: str) -> str:
    """In a paragraph as the old one was."""
    before, after = old[: len(old) - len(old.lstrip("\n"))], old[len(old.rstrip("\n")) :]
    return f"{before}{new}{after}"


def _changed(what: str) -> InvalidDraft:
    return MeaningChanged(
        f"The model's text does not say the same: {what}.", hint="The text stands as it was; try again."
    )
