"""What a turn asks, without what surrounds it: order numbers, contact data, greetings, names, hesitation."""

import re
from collections.abc import Sequence

from copilot.assist.redaction import mask
from copilot.domain.understanding import Entity, EntityKind
from copilot.retrieval.sentences import split_sentences

IDENTIFIERS = frozenset({EntityKind.ORDER_ID, EntityKind.EMAIL, EntityKind.PHONE, EntityKind.ZIP})
# Private-use characters: no customer types them.
_ORDER, _OTHER = "\ue010", "\ue011"
_MARK = f"[{_ORDER}{_OTHER}]"
_SHORT_TURN_WORDS = 12
_MASKED = re.compile(r"\[(?:CARD|IBAN|CVV|PASSWORD|SSN|EMAIL|PHONE|ADDRESS)\]")
# "my order is …", "the ZIP is, uh, …"
_SUPPLIED = re.compile(
    r"(?:\band\s+)?\b(?:(?:my|the)\s+)?(?:order|number|e-?mail|phone|zip|account|it)(?:\s+(?:number|address|code|id))?"
    rf"\s*(?:is|was|'s|’s|:)[\s,]*{_MARK}",
    re.IGNORECASE,
)
# "a refund for …", "the tent in order …"
_ATTACHED = re.compile(
    rf"\(?\s*\b(?:for|from|in|of|under|with)\s+(?:the\s+)?(?:order\s*)?(?:number\s*|no\.?\s*|#\s*)?{_MARK}\)?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"\b(order)(?:\s+(?:number|no\.?|id))?\s*[:#]?\s*{_MARK}", re.IGNORECASE)
# "…, order …", "Order …. I want", "…, email …"
_APPENDED = re.compile(
    rf"(?:^|(?<=[.!?;\n]))\s*(?:order|e-?mail|cvv)\s*(?:number\s*|no\.?\s*|[#:]\s*)?{_MARK}[.,]?"
    rf"|[,;]\s*(?:and\s+)?(?:order|e-?mail|cvv)\s*(?:number\s*|no\.?\s*|[#:]\s*)?{_MARK}",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(rf"\(\s*(?:order\s*)?{_MARK}\s*\)", re.IGNORECASE)
_ALONE = re.compile(rf"(?:^|(?<=[.!?,;\n]))\s*(?:order\s*)?{_ORDER}\s*(?=$|[.!?,;\n])")
_HESITATION = re.compile(r"(?:,\s*)?\b(?:u+h+m*|u+m+|e+r+m*|hm+|you know|i mean)\b,?", re.IGNORECASE)
_STUTTER = re.compile(r"\b(\w+)(?:,\s+\1\b)+", re.IGNORECASE)
_GREETING = re.compile(
    r"^\s*(?:(?:hi|hiya|hello|hey|good (?:morning|afternoon|evening|day)|dear(?:\s+\w+){1,3})"
    r"(?:\s+(?:there|team|all|everyone))?"
    r"\s*[,.!:\n]+\s*|(?:so|well|yeah|yes|okay|ok|oh|and|but|sure)[,.!]+\s*)+",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\bmy name(?:'s| is)\s+\w+(?:\s+(?!and\b|i\b)[A-Z]\w+)?(?:\s+and\b)?[\s,.]*", re.IGNORECASE
)
_PREAMBLE = re.compile(
    r"\b(?:(?:i have|just|got)\s+)?(?:a\s+)?quick question(?:\s+before\b[^,:.?!]*)?\s*[,:.]\s*", re.IGNORECASE
)
_CLOSING = re.compile(
    r"\s*\b(?:(?:kind|best|warm|many)\s+(?:regards|wishes)|sincerely|cheers|regards|thank you in advance|"
    r"thanks in advance|many thanks|thanks|thank you)\b[\s,.!]*(?:\n.*)?$",
    re.IGNORECASE | re.DOTALL,
)
_SIGNATURE = re.compile(r"\n\s*[A-Z][\w.'-]*(?:\s+[A-Z][\w.'-]*){0,2}\s*$")
_ASKS = re.compile(
    r"\?|\b(?:how|what|when|where|which|who|why|can i|can you|could|do i|do you|does|is there|"
    r"i'd like|would like|want|need|"
    r"please|return|refund|send (?:it|them|this) back|cancel|exchange|swap|money back|give me|change)\b",
    re.IGNORECASE,
)
_COMPLAINS = re.compile(
    r"\b(?:broke\w*|crack\w*|dent\w*|tor(?:n|e)|tear|damag\w*|defect\w*|faulty|missing|wrong|late|never|not|\w+n't|stopped|"
    r"lost|declined|error|leak\w*|snapped|split|scratch\w*|rattl\w*|burn\w*|dead|nothing|shows?|instead)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(r"\b(?:it|its|it's|that|this|these|those|they|them|one)\b", re.IGNORECASE)


def without_data(text: str, entities: Sequence[Entity]) -> str:
    """`text` with identifiers, and the words that only introduce them, taken out, and the rest masked."""
    for entity in sorted(entities, key=lambda e: e.start, reverse=True):
        if entity.kind in IDENTIFIERS:
            mark = _ORDER if entity.kind is EntityKind.ORDER_ID else _OTHER
            text = f"{text[: entity.start]}{mark}{text[entity.end :]}"
    text = _MASKED.sub(_OTHER, mask(text))
    text = _STUTTER.sub(r"\1", _HESITATION.sub(" ", text))
    text = _ATTACHED.sub("", _IN_BRACKETS.sub("", _SUPPLIED.sub("", text)))
    text = _APPENDED.sub("", text)
    text = _ALONE.sub("", _NUMBERED.sub(r"\1", text))
    text = text.replace(_ORDER, "my order").replace(_OTHER, "")
    return _tidy(text)


def question_in(text: str) -> str:
    """The sentences of `text`, as `without_data` leaves it, that ask or complain; all when none does.

    A sentence that points back ("Can I send it back?") comes with the one before it.
    """
    text = _SIGNATURE.sub("", _CLOSING.sub("", text)) or text
    text = _PREAMBLE.sub("", _NAMED.sub("", _GREETING.sub("", text))) or text
    spans = split_sentences(text)
    if len(spans) < 2 or len(text.split()) <= _SHORT_TURN_WORDS:  # noqa: PLR2004 - nothing to choose from
        return _tidy(text.replace("\n", " "))
    sentences = [text[start:end] for start, end in spans]
    chosen = {i for i, s in enumerate(sentences) if _ASKS.search(s) or _COMPLAINS.search(s)}
    chosen |= {i - 1 for i in chosen if i and _POINTS_BACK.search(sentences[i])}
    return _tidy(" ".join(s for i, s in enumerate(sentences) if i in chosen or not chosen))


def complains(text: str) -> bool:
    """Whether `text` says that something is broken, late, missing or otherwise not as it should be."""
    return bool(_COMPLAINS.search(text))


def _tidy(text: str) -> str:
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r"(?:[,;:]\s*)+(?=[.,;!?])|\s+(?=[.,;!?])", "", text)
    return text.strip(" ,:;-\n").removeprefix(". ").strip()
