"""What a turn means in its conversation: intent, entities, sentiment, and the question to look up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from copilot.assist.classifier import Prediction, sentiment_score
from copilot.assist.entities import find_entities
from copilot.assist.language import language_of
from copilot.assist.profile import TenantProfile
from copilot.assist.promises import promises_in
from copilot.assist.reading import (
    CLEAR_PROBABILITY,
    SHORT_WORDS,
    Reading,
    answers,
    is_question,
    read_turn,
)
from copilot.assist.signals import signals_in, trend_of, with_repeated
from copilot.assist.text_features import text_features
from copilot.domain.conversation import Conversation, Speaker, Turn
from copilot.domain.signals import Promise, Signal
from copilot.domain.understanding import Entity, EntityKind, Intent, Sentiment, SentimentLabel, Understanding
from copilot.ports import Embedder, LanguageDetector, TextFeatures

_MAX_QUERY_CHARACTERS = 600
_MIN_ALTERNATIVE = 0.1
_MIN_SENTENCE_WORDS, _MAX_SENTENCES = 3, 4


@dataclass(frozen=True)
class Background:
    """What is known when a turn comes: the customer's mood so far, oldest first, and their language."""

    sentiments: tuple[Sentiment, ...] = ()
    language: str | None = None
    repeated: Signal | None = None
    """Set where the customer has been here before, lately."""


_NOTHING_KNOWN = Background()


class Understander:
    """Needs no LLM: one embedding and two small classifiers a turn."""

    def __init__(self, embedder: Embedder, languages: LanguageDetector | None = None) -> None:
        """Without `languages` the language of turns is not told."""
        self._embedder = embedder
        self._languages = languages

    async def anticipate(self, turn: Turn, *, profile: TenantProfile) -> None:
        """Embeds what understanding and search will ask for, so that both find it done."""
        entities = _entities(turn, profile)
        reading = read_turn(turn, entities)
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
        background: Background = _NOTHING_KNOWN,
    ) -> Understanding:
        """`previous` is the understanding of the customer turn before, whose intent a short turn keeps."""
        entities = entities_of(conversation, profile)
        reading = replace(
            read_turn(turn, tuple(e for e in entities if e.turn_id == turn.id)),
            answers=answers(conversation, turn),
        )
        features = await self._features(reading.text or "hello")
        asks = not (reading.is_greeting or reading.is_thanks)
        query, prediction = reading.question, await self._predict(profile, reading, features)
        if asks and previous is not None and previous.query:
            query, prediction = await self._in_context(reading, prediction, previous, profile)
        intent, alternatives = _intent(prediction, profile, reading, previous)
        intent, alternatives = _same_matter(intent, alternatives, previous, profile, entities, turn)
        sentiments = (*background.sentiments, _sentiment(profile, features))
        promises, signals = noticed(
            conversation, upto=turn.sequence, profile=profile, sentiments=sentiments, today=today
        )
        return Understanding(
            query=query[:_MAX_QUERY_CHARACTERS] if asks else "",
            intent=intent,
            alternatives=alternatives,
            entities=entities,
            sentiment=sentiments[-1],
            asks_something=asks and bool(query.strip()),
            language=self._language(reading, turn, conversation, background),
            trend=trend_of(sentiments),
            signals=with_repeated(signals, background.repeated),
            promises=promises,
        )

    def _language(
        self, reading: Reading, turn: Turn, conversation: Conversation, background: Background
    ) -> str | None:
        if self._languages is None:
            return None
        before = [t.text for t in customer_said(conversation) if t.sequence < turn.sequence]
        return language_of(reading.text, before, self._languages, background.language)

    async def _predict(
        self, profile: TenantProfile, reading: Reading, features: TextFeatures
    ) -> Prediction | None:
        """Of the whole turn; when that is no known matter, of the sentence that clearly is one."""
        whole = _predict(profile, features)
        if whole is not None and _is_courtesy(whole, profile) and _says_more(reading):
            # "Good morning, my name is … The arm is snapped." is no mere greeting.
            return _predict(profile, await self._features(reading.question))
        if whole is None or (whole.in_scope and whole.probability >= CLEAR_PROBABILITY):
            return whole
        sentences = [s for s in reading.sentences if len(s.split()) >= _MIN_SENTENCE_WORDS]
        if len(sentences) < 2:  # noqa: PLR2004 - one sentence is the whole turn
            return whole
        features_of = await asyncio.gather(*(self._features(s) for s in sentences[:_MAX_SENTENCES]))
        parts = [_predict(profile, found) for found in features_of]
        candidates = [p for p in (whole, *parts) if p is not None and p.in_scope]
        # A greeting in front is not what the turn is about.
        candidates = [p for p in candidates if not _is_courtesy(p, profile)] or candidates
        best = max(candidates, key=_clearness, default=whole)
        # "It came apart on day one. I want my money back." is about what happened, not about what is wanted.
        causes = [p for p in candidates if best is not None and best.label in _remedies(p, profile)]
        return max(causes, key=_clearness, default=best)

    async def _features(self, text: str) -> TextFeatures:
        return text_features(text, await self._embedder.embed_query(text))

    async def _in_context(
        self, reading: Reading, alone: Prediction | None, previous: Understanding, profile: TenantProfile
    ) -> tuple[str, Prediction | None]:
        """The query and the intent's prediction once earlier turns are taken into account."""
        if reading.only_supplies_data:
            return previous.query, None
        clear = alone is not None and alone.in_scope and alone.probability >= reading.clear_at
        if clear and len(reading.words) > SHORT_WORDS:
            return reading.question, alone
        if not reading.leans_on_context:
            return reading.question, alone
        joined = f"{previous.query} {reading.question}"[-_MAX_QUERY_CHARACTERS:]
        if clear:
            return joined, alone
        return joined, _predict(profile, await self._features(joined))


def noticed(
    conversation: Conversation,
    *,
    profile: TenantProfile,
    sentiments: Sequence[Sentiment],
    today: date,
    upto: int | None = None,
) -> tuple[tuple[Promise, ...], tuple[Signal, ...]]:
    """What was promised, and what tells that it goes wrong; of the turns up to the sequence `upto`."""
    said = [(t, profile.day_of(t)) for t in conversation.turns if upto is None or t.sequence <= upto]
    promises = promises_in([(t.id, t.speaker, t.text, day) for t, day in said], today)
    customers = [(t, day) for t, day in said if t.speaker is Speaker.CUSTOMER]
    return promises, signals_in(customers, sentiments, promises)


def entities_of(conversation: Conversation, profile: TenantProfile) -> tuple[Entity, ...]:
    """Everything that the customer, or the representative in reading back, has named, oldest first."""
    return tuple(entity for turn in conversation.turns for entity in _entities(turn, profile))


def _entities(turn: Turn, profile: TenantProfile) -> tuple[Entity, ...]:
    """Dates in it are seen from the day it was said on."""
    day = profile.day_of(turn)
    return find_entities(turn.text, turn_id=turn.id, today=day, vocabulary=profile.vocabulary)


def _predict(profile: TenantProfile, features: TextFeatures) -> Prediction | None:
    return profile.intents.predict(features) if profile.intents is not None else None


def _intent(
    prediction: Prediction | None, profile: TenantProfile, reading: Reading, previous: Understanding | None
) -> tuple[Intent | None, tuple[Intent, ...]]:
    earlier = previous.intent if previous else None
    courtesy = reading.is_greeting or reading.is_thanks
    if courtesy and prediction is not None and prediction.in_scope:
        named = _intents(prediction, profile)[:1]
        if (
            named
            and named[0].confidence >= CLEAR_PROBABILITY
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


def _same_matter(
    intent: Intent | None,
    alternatives: tuple[Intent, ...],
    previous: Understanding | None,
    profile: TenantProfile,
    entities: Sequence[Entity],
    turn: Turn,
) -> tuple[Intent | None, tuple[Intent, ...]]:
    """What is wanted about the matter in hand does not take its place, unless it is about something else."""
    earlier = previous.intent if previous else None
    if intent is None or earlier is None or _names_another(entities, turn):
        return intent, alternatives
    playbook = profile.playbooks.get(earlier.name)
    if playbook is None or intent.name not in playbook.remedies:
        return intent, alternatives
    return earlier, (intent, *(a for a in alternatives if a.name != earlier.name))[:2]


def _names_another(entities: Sequence[Entity], turn: Turn) -> bool:
    """Whether the turn names an order or a product that is none of those named before."""
    for kind in (EntityKind.ORDER_ID, EntityKind.PRODUCT):
        before = {e.value for e in entities if e.kind is kind and e.turn_id != turn.id}
        named = {e.value for e in entities if e.kind is kind and e.turn_id == turn.id}
        if before and named - before:
            return True
    return False


def _clearness(prediction: Prediction) -> tuple[float, float]:
    return prediction.probability, prediction.scope_score


def _remedies(prediction: Prediction, profile: TenantProfile) -> tuple[str, ...]:
    playbook = profile.playbooks.get(prediction.label)
    return playbook.remedies if playbook is not None else ()


def _is_courtesy(prediction: Prediction, profile: TenantProfile) -> bool:
    playbook = profile.playbooks.get(prediction.label)
    return playbook is not None and not playbook.asks_knowledge


def _says_more(reading: Reading) -> bool:
    """Whether a question or complaint is left once the courtesies are gone."""
    shortened = len(reading.question) < len(reading.text)
    return shortened and not reading.is_greeting and not reading.is_thanks and is_question(reading.question)


def _intents(prediction: Prediction, profile: TenantProfile) -> list[Intent]:
    return [
        Intent(name=p.intent, title=p.title, confidence=min(1.0, probability))
        for name, probability in prediction.ranked[:3]
        if (p := profile.playbooks.get(name)) is not None
    ]


def _sentiment(profile: TenantProfile, features: TextFeatures) -> Sentiment:
    if profile.sentiment is None:
        return Sentiment(label=SentimentLabel.NEUTRAL, score=0.0)
    prediction = profile.sentiment.predict(features)
    return Sentiment(label=SentimentLabel(prediction.label), score=round(sentiment_score(prediction), 4))


def customer_said(conversation: Conversation) -> tuple[Turn, ...]:
    return tuple(t for t in conversation.turns if t.speaker is Speaker.CUSTOMER)
