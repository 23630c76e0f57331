"""Marks every sentence of a draft as supported, fact, template or unsupported: the same for all drafters.

A quote must stand verbatim in the cited passage, every number, date, amount and name in a sentence must
occur in what it rests on, and a score of shared words and meaning must pass a threshold.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from copilot.assist.contradiction import contradicts, negates
from copilot.assist.details import details, foreign_details, share_said
from copilot.assist.links import foreign_links, hosts_of, without_foreign_links
from copilot.domain.assist import Sentence, Support
from copilot.domain.knowledge import Audience, Citation, ScoredPassage
from copilot.ports import Embedder
from copilot.ports import trace_names as names
from copilot.ports.tracing import span, traced

SUPPORT_THRESHOLD = 0.6
_LEXICAL_SHARE = 0.6
_COURTESY = re.compile(
    r"^(?:hi|hello|hey|dear|thank|thanks|sorry|i am sorry|i'm sorry|i apologi[sz]e|apologies|i understand|"
    r"please let|let me know|kind regards|best regards|have a|you're welcome|you are welcome|happy to help|"
    r"i'd be happy|i am happy|is there anything|happy to)\b",
    re.IGNORECASE,
)
_MAX_COURTESY_WORDS = 16
_QUOTED_WORDS = 8


@dataclass(frozen=True)
class Evidence:
    """What a sentence may rest on: a public passage's quote, or the order's facts in words."""

    text: str
    citation: Citation | None = None
    sources: tuple[str, ...] = ()


class Grounder:
    """Checks sentences that were not taken from a template or a passage as they are."""

    def __init__(self, embedder: Embedder, threshold: float = SUPPORT_THRESHOLD) -> None:
        self._embedder = embedder
        self._threshold = threshold

    @traced(names.VERIFY)
    async def ground(self, texts: Sequence[str], evidence: Sequence[Evidence]) -> tuple[Sentence, ...]:
        """Each of `texts` with the evidence that supports it best, or marked unsupported."""
        if not texts:
            return ()
        if not evidence:
            return tuple(_without_evidence(t) for t in texts)
        rows = await self._embedder.embed_passages([*texts, *(e.text for e in evidence)])
        cosines = rows[: len(texts)] @ rows[len(texts) :].T
        return tuple(self._judge(t, evidence, row) for t, row in zip(texts, cosines, strict=True))

    def _judge(self, text: str, evidence: Sequence[Evidence], cosines: Iterable[float]) -> Sentence:
        if is_courtesy(text):
            return _without_evidence(text)
        scored = sorted(
            (
                (support_score(text, e.text, float(c)), i)
                for i, (e, c) in enumerate(zip(evidence, cosines, strict=True))
            ),
            key=lambda pair: -pair[0],
        )
        for score, index in scored:
            if score < self._threshold:
                break
            found = evidence[index]
            if index == scored[0][1] and negates(text, found.text):
                # What is nearest says the opposite: nothing further away makes up for that.
                break
            if foreign_details(text, found.text) or contradicts(text, found.text):
                continue
            if foreign_links(text, hosts_of([found.text])):
                continue
            if found.citation is not None:
                return Sentence(text=text, support=Support.SUPPORTED, citations=(found.citation,))
            return Sentence(text=text, support=Support.FACT, sources=found.sources)
        return Sentence(text=text, support=Support.UNSUPPORTED)


def support_score(sentence: str, source: str, cosine: float) -> float:
    """How far `source` says what `sentence` says, 0..1: shared content words and cosine of embeddings."""
    return _LEXICAL_SHARE * share_said(sentence, source) + (1 - _LEXICAL_SHARE) * max(0.0, cosine)


def is_courtesy(text: str) -> bool:
    """A greeting, thanks or apology that claims nothing: no number, no name, short."""
    return (
        bool(_COURTESY.match(text.strip()))
        and len(text.split()) <= _MAX_COURTESY_WORDS
        and not details(text)
        and not foreign_links(text, frozenset())
    )


def quote_is_verbatim(scored: ScoredPassage, quote: str) -> tuple[int, int] | None:
    """Where `quote` stands in the passage, white space and quotation marks aside; None when it does not."""
    wanted = quote.strip().strip("\"“”'")
    if not wanted:
        return None
    pattern = r"\s+".join(re.escape(word) for word in wanted.split())
    match = re.search(pattern, scored.passage.text)
    return match.span() if match else None


def contradictions(sentence: Sentence, passages: Sequence[ScoredPassage]) -> list[str]:
    """What is wrong with a sentence that claims support: a check on every drafter, the composer too."""
    problems = []
    by_id = {s.passage.id: s for s in passages}
    for citation in sentence.citations:
        scored = by_id.get(citation.passage_id)
        if scored is None:
            problems.append(f"cites passage {citation.passage_id}, which is not shown")
        elif scored.document.text[citation.start : citation.end] != citation.quote:
            problems.append(f"quotes {citation.external_id} at {citation.start} with other words")
        if citation.audience is Audience.INTERNAL:
            problems.append(f"quotes {citation.external_id}, which is for representatives only")
    if sentence.support is not Support.TEMPLATE and quotes_internal(sentence.text, passages):
        problems.append("repeats words of a passage that is for representatives only")
    if sentence.support is Support.SUPPORTED:
        quotes = " ".join(c.quote for c in sentence.citations)
        problems += [f"{d!r} is not in its source" for d in foreign_details(sentence.text, quotes)]
        problems += [f"{d!r} is not in its source" for d in foreign_links(sentence.text, hosts_of([quotes]))]
    return problems


def quotes_internal(text: str, passages: Sequence[ScoredPassage]) -> bool:
    """Whether a stretch of its words stands in an internal passage and in no public one."""
    said = _stretches(text)
    internal = [s for s in passages if s.document.audience is Audience.INTERNAL]
    if not said or not internal:
        return False
    public = {
        w for s in passages if s.document.audience is Audience.PUBLIC for w in _stretches(s.passage.text)
    }
    return any(said & _stretches(s.passage.text) - public for s in internal)


def enforce(sentences: Sequence[Sentence], passages: Sequence[ScoredPassage]) -> tuple[Sentence, ...]:
    """The sentences, any with a contradiction marked unsupported whatever its drafter said.

    What nothing supports is still shown, struck out, but never with a link of its own.
    """
    with span(names.VERIFY):
        checked = [
            Sentence(text=s.text, support=Support.UNSUPPORTED) if contradictions(s, passages) else s
            for s in sentences
        ]
    return tuple(
        s.model_copy(update={"text": without_foreign_links(s.text, frozenset())})
        if s.support is Support.UNSUPPORTED
        else s
        for s in checked
    )


def support_share(sentences: Sequence[Sentence]) -> float:
    """The share of sentences that claim something and are supported; 0 when none claims anything."""
    claims = [s for s in sentences if s.support is not Support.TEMPLATE]
    good = [s for s in claims if s.support is not Support.UNSUPPORTED]
    return len(good) / len(claims) if claims else 0.0


def _stretches(text: str) -> set[str]:
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[i : i + _QUOTED_WORDS]) for i in range(len(words) - _QUOTED_WORDS + 1)}


def _without_evidence(text: str) -> Sentence:
    if is_courtesy(text):
        return Sentence(text=text, support=Support.TEMPLATE, sources=("courtesy",))
    return Sentence(text=text, support=Support.UNSUPPORTED)
