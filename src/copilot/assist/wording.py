"""Other words for a text without a model: shorter by leaving out, friendlier by the brand voice's phrases."""

import re
from collections.abc import Sequence

from copilot.assist.details import foreign_details
from copilot.assist.grounding import is_courtesy
from copilot.assist.links import foreign_links
from copilot.assist.profile import BrandVoice
from copilot.assist.words import similarity
from copilot.domain.assist import Drafter, Sentence, Support
from copilot.domain.conditions import FactValue
from copilot.domain.drafting import joined
from copilot.domain.errors import CopilotError
from copilot.domain.transforms import Transform, Transformed
from copilot.prompts import render_text
from copilot.retrieval.sentences import split_sentences
from copilot.tools.facts import nested

OWN = "representative"
"""The source of sentences that the representative has written."""
_OFFER = re.compile(
    r"^(?:is there )?any\s?thing else|\banything else\b|\bfurther (?:questions|assistance)\b|"
    r"^(?:we|i) (?:really |truly )?(?:value|appreciate|understand how)\b|^(?:we|i) hope (?:this|that)\b|"
    r"^thanks? (?:you )?(?:again )?for (?:your )?(?:patience|understanding|reaching out|contacting)",
    re.IGNORECASE,
)
_LAST_OFFER = re.compile(r"\banything else\b|\bfurther (?:questions|assistance)\b", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"^(?:please (?:note|be advised|be aware) that|i (?:would like|wanted|want) to let you know that|"
    r"i can confirm that|as a matter of fact,?|as you may know,?)\s+",
    re.IGNORECASE,
)
_FILLERS = (
    (_LEAD_IN, ""),
    (re.compile(r"\bin order to\b", re.IGNORECASE), "to"),
    (re.compile(r"\bat this (?:point in time|moment)\b", re.IGNORECASE), "now"),
    (re.compile(r"\bdue to the fact that\b", re.IGNORECASE), "because"),
)
_SAID_ALREADY = 0.8


def own_sentences(text: str) -> tuple[Sentence, ...]:
    """A representative's own text, sentence by sentence, the ends of its paragraphs with them."""
    spans = split_sentences(text.strip())
    whole = text.strip()
    found = []
    for index, (start, end) in enumerate(spans):
        gap = whole[end : spans[index + 1][0]] if index + 1 < len(spans) else ""
        paragraph = "\n" * gap.count("\n")
        found.append(
            Sentence(text=whole[start:end].strip() + paragraph, support=Support.TEMPLATE, sources=(OWN,))
        )
    return tuple(found)


def shorter(sentences: Sequence[Sentence]) -> Transformed:
    """Without courtesies, offers and repetitions, and without filler words where the words are ours.

    Whatever claims or asks something stays: a fact cannot be told from a phrase by its looks.
    """
    kept: list[Sentence] = []
    left_out: list[str] = []
    for sentence in sentences:
        if _is_letter_form(sentence.text) or not (is_phrase(sentence) or _is_said(sentence, kept)):
            kept.append(_without_fillers(sentence))
        else:
            left_out.append(sentence.text.strip())
            _end_paragraph(kept, sentence.text)
    if all(_is_letter_form(s.text) for s in kept):
        return _result(Transform.SHORTER, sentences, sentences)
    return _result(Transform.SHORTER, sentences, kept, tuple(left_out))


def friendlier(
    sentences: Sequence[Sentence], voice: BrandVoice, facts: dict[str, FactValue], *, upset: bool
) -> Transformed:
    """With the brand voice's opening and closing, where the text has none; no word of its own changes."""
    body = list(sentences)
    start = 1 if body and body[0].text.endswith("\n\n") and body[0].text.rstrip().endswith(",") else 0
    end = next((n for n in range(start, len(body)) if _is_letter_form(body[n].text)), len(body))
    inside = body[start:end]
    opening = _first_filled(voice.sorry_openings if upset else voice.warm_openings, facts)
    if opening and not (inside and is_courtesy(inside[0].text)):
        inside.insert(0, _phrase(opening))
    if voice.warm_closing and not any(_LAST_OFFER.search(s.text) for s in inside[-2:]):
        last = inside.pop() if inside else _phrase("")
        paragraph = last.text[len(last.text.rstrip("\n")) :]
        inside.append(last.model_copy(update={"text": last.text.rstrip("\n")}))
        inside.append(_phrase(voice.warm_closing + paragraph))
    return _result(Transform.FRIENDLIER, sentences, [*body[:start], *inside, *body[end:]])


def _end_paragraph(kept: list[Sentence], left_out: str) -> None:
    """A paragraph ends where it ended, also without its last sentence."""
    if left_out.endswith("\n") and kept and not kept[-1].text.endswith("\n"):
        end = left_out[len(left_out.rstrip("\n")) :]
        kept[-1] = kept[-1].model_copy(update={"text": kept[-1].text + end})


def _phrase(text: str) -> Sentence:
    return Sentence(text=text, support=Support.TEMPLATE, sources=("voice",))


def _result(
    how: Transform, before: Sequence[Sentence], after: Sequence[Sentence], left_out: tuple[str, ...] = ()
) -> Transformed:
    text = joined([s.text for s in after])
    return Transformed(
        how=how,
        text=text,
        sentences=tuple(after),
        drafter=Drafter.COMPOSER,
        changed=text != joined([s.text for s in before]),
        left_out=left_out,
    )


def _is_letter_form(text: str) -> bool:
    """A greeting or closing in a paragraph of its own."""
    return text.startswith("\n\n") or (text.endswith("\n") and text.rstrip().endswith(","))


def is_phrase(sentence: Sentence) -> bool:
    """Whether it is a courtesy or an offer that claims nothing and asks nothing in particular."""
    text = sentence.text.strip()
    if sentence.support in {Support.SUPPORTED, Support.FACT}:
        return False
    if foreign_details(text, "") or foreign_links(text, frozenset()):
        return False
    return bool(_OFFER.search(text)) or (is_courtesy(text) and not text.endswith("?"))


def _is_said(sentence: Sentence, kept: Sequence[Sentence]) -> bool:
    """Whether one that stays says it too, with the same numbers, dates and names."""
    return any(
        similarity(sentence.text, other.text) >= _SAID_ALREADY
        and not foreign_details(sentence.text, other.text)
        and not foreign_details(other.text, sentence.text)
        for other in kept
    )


def _without_fillers(sentence: Sentence) -> Sentence:
    if sentence.support is not Support.TEMPLATE:
        return sentence  # a quote stays a quote
    text = sentence.text
    for pattern, instead in _FILLERS:
        text = pattern.sub(instead, text)
    if text[:1].islower() and sentence.text[:1].isupper():
        text = text[0].upper() + text[1:]
    return sentence.model_copy(update={"text": text})


def _first_filled(templates: Sequence[str], facts: dict[str, FactValue]) -> str:
    for template in templates:
        try:
            return render_text(template, nested(facts))
        except CopilotError:
            continue
    return ""
