"""What a turn means in its conversation: intent, entities, sentiment, and the question to look up."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from copilot.assist.classifier import Prediction, sentiment_score
from copilot.assist.entities import find_entities
from copilot.assist.focus import IDENTIFIERS, question_in, without_data
from copilot.assist.profile import TenantProfile
from copilot.assist.redaction import mask
from copilot.domain.assist import Entity, EntityKind, Intent, Sentiment, SentimentLabel, Understanding
from copilot.domain.conversation import Conversation, Speaker, Turn
from copilot.ports import Embedder, Vector
from copilot.retrieval.sentences import split_sentences

_MAX_QUERY_CHARACTERS = 600
_SHORT_WORDS = 6
_SMALL_TALK_WORDS = 14
_MIN_ALTERNATIVE = 0.1
_CLEAR_PROBABILITY = 0.5
_CLEAR_CHANGE = 0.8
"""How sure it takes to hear a new matter in the answer to the representative's own question."""
_CLEARLY_NEGATIVE, _RECENT_TURNS, _REPEATED = -0.6, 3, 2
_MIN_SENTENCE_WORDS, _MAX_SENTENCES = 3, 4
# What is left of "my order is LF-1004829 and my email is jo@example.com" once the data are taken out.
_DANGLING = re.compile(
    r"\b(?:and\s+)?(?:my|the|order|it's|it is)\s+(?:order|e-?mail|phone|zip|account)?\s*"
    r"(?:number|address|code|id)?\s*(?:is|was|:)\s*(?=$|[.,;!?]|\band\b)",
    re.IGNORECASE,
)
_MASKED = re.compile(r"\[(?:CARD|IBAN|CVV|PASSWORD|SSN|EMAIL|PHONE|ADDRESS)\]")
_WORD = re.compile(r"[A-Za-z']+|\d+")
_POINTS_BACK = re.compile(
    r"\b(?:it|its|it's|that|this|these|those|they|them|one|ones|he|she|then|instead|same|there|else)\b"
    r"|^(?:and|but|so|or|also|what about|how about|what if|why|why not|really)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\b(?:thanks?|thank you|thx|cheers|appreciate|bye|goodbye|have a (?:nice|good|great|lovely|wonderful)|"
    r"that(?:'s| is) all|all set|solved|works? now|you(?:'ve| have) been)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\?|\b(?:how|what|when|where|which|who|why|can i|can you|could|would|will|please|need|want|"
    r"do you|does|is there|refund|return|cancel|exchange|broken|but|however|still|not|can't|won't|doesn't|"
    r"didn't|never|missing|wrong)\b",
    re.IGNORECASE,
)
_INVITES = re.compile(
    r"\b(?:anything|something) else\b|\bhow (?:can|may|could) (?:i|we) help\b", re.IGNORECASE
)
"""Questions that ask for a new matter."""
_FILLER = frozenset(
    [
        "a",
        "ah",
        "all",
        "alright",
        "an",
        "and",
        "are",
        "at",
        "be",
        "both",
        "bye",
        "cool",
        "correct",
        "day",
        "do",
        "exactly",
        "fine",
        "for",
        "go",
        "good",
        "great",
        "got",
        "happy",
        "hello",
        "help",
        "here",
        "hey",
        "hi",
        "i",
        "i'd",
        "i'll",
        "i'm",
        "i've",
        "is",
        "it",
        "it's",
        "its",
        "just",
        "last",
        "let",
        "me",
        "much",
        "my",
        "name",
        "no",
        "nope",
        "number",
        "of",
        "oh",
        "ok",
        "okay",
        "on",
        "one",
        "order",
        "perfect",
        "please",
        "right",
        "second",
        "so",
        "sorry",
        "sure",
        "thank",
        "thanks",
        "that",
        "that's",
        "the",
        "there",
        "this",
        "to",
        "um",
        "uh",
        "under",
        "using",
        "we",
        "well",
        "with",
        "yeah",
        "yep",
        "yes",
        "you",
        "your",
        "email",
        "e",
        "mail",
        "address",
        "zip",
        "code",
        "phone",
        "postal",
        "account",
        "moment",
        "minute",
        "id",
        "was",
        "were",
        "which",
        "would",
        "be",
        "should",
        "found",
        "see",
        "card",
        "first",
        "full",
    ]
)
_GREETING = frozenset(
    [
        "hi",
        "hello",
        "hey",
        "good",
        "morning",
        "afternoon",
        "evening",
        "day",
        "there",
        "dear",
        "team",
        "everyone",
    ]
)


@dataclass(frozen=True)
class _Reading:
    """A turn with everything personal taken out, and what kind of turn it is."""

    text: str
    question: str
    """Its sentences that ask or complain: what is looked up."""
    words: tuple[str, ...]
    entities: tuple[Entity, ...]
    answers: bool = False
    """Whether the representative had just asked something, other than whether there is anything else."""

    @property
    def clear_at(self) -> float:
        """From which probability on the turn speaks for itself."""
        return _CLEAR_CHANGE if self.answers else _CLEAR_PROBABILITY

    @property
    def sentences(self) -> list[str]:
        return [self.text[start:end] for start, end in split_sentences(self.text)]

    @property
    def is_greeting(self) -> bool:
        return bool(self.words) and all(w in _GREETING for w in self.words)

    @property
    def is_thanks(self) -> bool:
        return (
            len(self.words) <= _SMALL_TALK_WORDS
            and bool(_THANKS.search(self.text))
            and not _REQUEST.search(self.text)
        )

    @property
    def only_supplies_data(self) -> bool:
        """An answer to "what is your order number?" and the like, or a bare yes."""
        content = [w for w in self.words if w not in _FILLER]
        allowed = 2 if any(e.kind in IDENTIFIERS for e in self.entities) else 0  # room for a name
        return len(content) <= allowed and "?" not in self.text

    @property
    def leans_on_context(self) -> bool:
        if self.answers or len(self.words) <= _SHORT_WORDS:
            return True
        named = any(e.kind is EntityKind.PRODUCT for e in self.entities)
        return not named and bool(_POINTS_BACK.search(self.text)) and len(self.words) <= 3 * _SHORT_WORDS


class Understander:
    """Needs no LLM: one embedding and two small classifiers a turn."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def anticipate(self, turn: Turn, *, profile: TenantProfile, today: date) -> None:
        """Embeds what understanding and search will ask for, so that both find it done."""
        vocabulary = profile.vocabulary
        entities = find_entities(turn.text, turn_id=turn.id, today=today, vocabulary=vocabulary)
        reading = _read(turn, entities)
        texts = {reading.text or "hello", reading.question[:_MAX_QUERY_CHARACTERS]} - {""}
        await asyncio.gather(*(self._embedder.embed_query(text) for text in texts))

    async def understand(
        self,
        conversation: Conversation,
        turn: Turn,
        *,
        profile: TenantProfile,
        previous: Understanding | None,
        today: date,
    ) -> Understanding:
        """`previous` is the understanding of the customer turn before, whose intent a short turn keeps."""
        entities = entities_of(conversation, profile, today)
        reading = replace(
            _read(turn, tuple(e for e in entities if e.turn_id == turn.id)),
            answers=_answers(conversation, turn),
        )
        vector = await self._embedder.embed_query(reading.text or "hello")
        asks = not (reading.is_greeting or reading.is_thanks)
        query, prediction = reading.question, await self._predict(profile, reading, vector)
        if asks and previous is not None and previous.query:
            query, prediction = await self._in_context(reading, prediction, previous, profile)
        intent, alternatives = _intent(prediction, profile, reading, previous)
        return Understanding(
            query=query[:_MAX_QUERY_CHARACTERS] if asks else "",
            intent=intent,
            alternatives=alternatives,
            entities=entities,
            sentiment=_sentiment(profile, vector),
            asks_something=asks and bool(query.strip()),
        )

    async def _predict(self, profile: TenantProfile, reading: _Reading, vector: Vector) -> Prediction | None:
        """Of the whole turn; when that is no known matter, of the sentence that clearly is one."""
        whole = _predict(profile, vector)
        if whole is not None and _is_courtesy(whole, profile) and _says_more(reading):
            # "Good morning, my name is … The arm is snapped." is no mere greeting.
            return _predict(profile, await self._embedder.embed_query(reading.question))
        if whole is None or (whole.in_scope and whole.probability >= _CLEAR_PROBABILITY):
            return whole
        sentences = [s for s in reading.sentences if len(s.split()) >= _MIN_SENTENCE_WORDS]
        if len(sentences) < 2:  # noqa: PLR2004 - one sentence is the whole turn
            return whole
        parts = [_predict(profile, await self._embedder.embed_query(s)) for s in sentences[:_MAX_SENTENCES]]
        candidates = [p for p in (whole, *parts) if p is not None and p.in_scope]
        # A greeting in front is not what the turn is about.
        candidates = [p for p in candidates if not _is_courtesy(p, profile)] or candidates
        return max(candidates, key=lambda p: (p.probability, p.scope_score), default=whole)

    async def _in_context(
        self, reading: _Reading, alone: Prediction | None, previous: Understanding, profile: TenantProfile
    ) -> tuple[str, Prediction | None]:
        """The query and the intent's prediction once earlier turns are taken into account."""
        if reading.only_supplies_data:
            return previous.query, None
        clear = alone is not None and alone.in_scope and alone.probability >= reading.clear_at
        if clear and len(reading.words) > _SHORT_WORDS:
            return reading.question, alone
        if not reading.leans_on_context:
            return reading.question, alone
        joined = f"{previous.query} {reading.question}"[-_MAX_QUERY_CHARACTERS:]
        if clear:
            return joined, alone
        return joined, _predict(profile, await self._embedder.embed_query(joined))


def entities_of(conversation: Conversation, profile: TenantProfile, today: date) -> tuple[Entity, ...]:
    """Everything that the customer, or the representative in reading back, has named, oldest first."""
    found: list[Entity] = []
    for turn in conversation.turns:
        found += find_entities(turn.text, turn_id=turn.id, today=today, vocabulary=profile.vocabulary)
    return tuple(found)


def is_frustrated(sentiments: Sequence[Sentiment]) -> bool:
    """Whether the last customer turn is clearly negative, and another of the last three is too."""
    recent = sentiments[-_RECENT_TURNS:]
    negative = [s.score <= _CLEARLY_NEGATIVE for s in recent]
    return sum(negative) >= _REPEATED and negative[-1]


def is_question(text: str) -> bool:
    """Whether `text` asks or requests something, as opposed to telling."""
    return bool(_REQUEST.search(text))


def _answers(conversation: Conversation, turn: Turn) -> bool:
    before = next((t for t in conversation.turns if t.sequence == turn.sequence - 1), None)
    if before is None or before.speaker is not Speaker.REPRESENTATIVE:
        return False
    return before.text.rstrip().endswith("?") and not _INVITES.search(before.text)


def _read(turn: Turn, entities: tuple[Entity, ...]) -> _Reading:
    """The intent is read from all of it, hesitation too, as the examples are written."""
    text = turn.text
    for entity in sorted(entities, key=lambda e: e.start, reverse=True):
        if entity.kind in IDENTIFIERS:
            text = f"{text[: entity.start]} {text[entity.end :]}"
    text = _MASKED.sub(" ", mask(text))
    text = _DANGLING.sub(" ", re.sub(r"\s+", " ", text).strip())
    text = re.sub(r"\s+(?=[.,;!?])", "", re.sub(r"\s+", " ", text)).strip(" ,:;-")
    words = tuple(w.lower() for w in _WORD.findall(text))
    if not words:
        return _Reading(text="", question="", words=(), entities=entities)
    question = question_in(without_data(turn.text, entities))
    return _Reading(text=text, question=question, words=words, entities=entities)


def _predict(profile: TenantProfile, vector: Vector) -> Prediction | None:
    return profile.intents.predict(vector) if profile.intents is not None else None


def _intent(
    prediction: Prediction | None, profile: TenantProfile, reading: _Reading, previous: Understanding | None
) -> tuple[Intent | None, tuple[Intent, ...]]:
    earlier = previous.intent if previous else None
    courtesy = reading.is_greeting or reading.is_thanks
    if courtesy and prediction is not None and prediction.in_scope:
        named = _intents(prediction, profile)[:1]
        if (
            named
            and named[0].confidence >= _CLEAR_PROBABILITY
            and not profile.playbooks[named[0].name].asks_knowledge
        ):
            return named[0], ()
    tells = bool(reading.entities) or "?" not in reading.text
    keeps = courtesy or reading.leans_on_context or tells
    if earlier is not None and reading.only_supplies_data:
        return earlier, ()
    if prediction is None:
        return (earlier if keeps else None), ()
    ranked = _intents(prediction, profile)
    alternatives = tuple(i for i in ranked[1:] if i.confidence >= _MIN_ALTERNATIVE)
    if not ranked:
        return None, ()
    if (
        earlier is not None
        and keeps
        and not (prediction.in_scope and ranked[0].confidence >= reading.clear_at)
    ):
        return earlier, tuple(i for i in ranked if i.name != earlier.name)[:2]
    return (ranked[0], alternatives) if prediction.in_scope else (None, tuple(ranked[:2]))


def _is_courtesy(prediction: Prediction, profile: TenantProfile) -> bool:
    playbook = profile.playbooks.get(prediction.label)
    return playbook is not None and not playbook.asks_knowledge


def _says_more(reading: _Reading) -> bool:
    """Whether a question or complaint is left once the courtesies are gone."""
    shortened = len(reading.question) < len(reading.text)
    return shortened and not reading.is_greeting and not reading.is_thanks and is_question(reading.question)


def _intents(prediction: Prediction, profile: TenantProfile) -> list[Intent]:
    return [
        Intent(name=p.intent, title=p.title, confidence=min(1.0, probability))
        for name, probability in prediction.ranked[:3]
        if (p := profile.playbooks.get(name)) is not None
    ]


def _sentiment(profile: TenantProfile, vector: Vector) -> Sentiment:
    if profile.sentiment is None:
        return Sentiment(label=SentimentLabel.NEUTRAL, score=0.0)
    prediction = profile.sentiment.predict(vector)
    return Sentiment(label=SentimentLabel(prediction.label), score=round(sentiment_score(prediction), 4))


def customer_said(conversation: Conversation) -> tuple[Turn, ...]:
    return tuple(t for t in conversation.turns if t.speaker is Speaker.CUSTOMER)
