"""A turn with everything personal taken out, and its kind: greeting, thanks, data or a question."""

import re
from dataclasses import dataclass

from copilot.assist.focus import IDENTIFIERS, question_in, without_data
from copilot.assist.redaction import mask
from copilot.domain.conversation import Conversation, Speaker, Turn
from copilot.domain.understanding import Entity, EntityKind
from copilot.retrieval.sentences import split_sentences

SHORT_WORDS = 6
_SMALL_TALK_WORDS = 14
CLEAR_PROBABILITY = 0.5
_CLEAR_CHANGE = 0.8
"""How sure it takes to hear a new matter in the answer to the representative's own question."""
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
class Reading:
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
        return _CLEAR_CHANGE if self.answers else CLEAR_PROBABILITY

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
        if self.answers or len(self.words) <= SHORT_WORDS:
            return True
        named = any(e.kind is EntityKind.PRODUCT for e in self.entities)
        return not named and bool(_POINTS_BACK.search(self.text)) and len(self.words) <= 3 * SHORT_WORDS


def is_question(text: str) -> bool:
    """Whether `text` asks or requests something, as opposed to telling."""
    return bool(_REQUEST.search(text))


def answers(conversation: Conversation, turn: Turn) -> bool:
    before = next((t for t in conversation.turns if t.sequence == turn.sequence - 1), None)
    if before is None or before.speaker is not Speaker.REPRESENTATIVE:
        return False
    said = (before.text[start:end] for start, end in split_sentences(before.text))
    # What follows a question often belongs to it: "Which item is it? The order has a tent and a lamp."
    return any(s.rstrip().endswith("?") and not _INVITES.search(s) for s in said)


def read_turn(turn: Turn, entities: tuple[Entity, ...]) -> Reading:
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
        return Reading(text="", question="", words=(), entities=entities)
    question = question_in(without_data(turn.text, entities))
    return Reading(text=text, question=question, words=words, entities=entities)
