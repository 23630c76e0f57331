"""Recognises text that talks to a language model instead of to a reader.

It looks for what an article has no reason to say; a document with a hit is kept out of search until a person
has looked. Retrieval is not the last line: drafts quote passages, and never obey them.
"""

# ruff: noqa: E501, ISC004 - the patterns read better whole

import re
import unicodedata

INJECTION_VERSION = "1"
"""Part of every document's content hash, so that a change here looks at every document again."""

_TARGET = r"(?:(?:all|any|your|the|my|these|those|previous|prior|above|earlier|existing|other|of)\s+){1,5}"
_RULES = (
    r"(?:instructions?|rules?|prompts?|guidelines?|directives?|programming|training|guardrails?|constraints?)"
)
_MODEL = r"(?:ai|a\.i\.|language model|llm|chat ?bots?|virtual assistants?|ai assistants?|assistant model|copilot|gpt)"
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "tells the reader to ignore its instructions",
        rf"\b(?:ignore|disregard|forget|override|bypass|set aside|do not follow|don't follow|stop following)\s+"
        rf"(?:{_TARGET}){_RULES}\b(?!\s+(?:on|in|that came|printed|for))",
    ),
    (
        "tells the reader to forget everything before",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all)\s+(?:(?:that\s+)?(?:was\s+)?(?:said|written|"
        r"above|before|previous|prior|you)\b)",
    ),
    (
        "gives the reader another role",
        rf"\byou are (?:now|no longer)\s+(?:a|an|the|in|my)?\s*(?:\w+\s+){{0,3}}"
        rf"(?:{_MODEL}|assistant|agent without|dan|jailbroken|unrestricted|developer mode|admin(?:istrator)? mode)\b",
    ),
    (
        "addresses a language model",
        rf"\b(?:attention|note to|message (?:for|to)|instructions? (?:for|to)|if you are|as) (?:an?|the|any|all)?\s*"
        rf"(?:\w+\s+)?{_MODEL}(?:\s+(?:assistants?|agents?|systems?|models?))?\b\s*(?:[:,]|reading|who reads|you "
        rf"must|must|should|processing|summari[sz]ing|answering)",
    ),
    (
        "imitates a chat's control tokens",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>|\[/?INST\]|<<SYS>>",
    ),
    (
        "imitates a system prompt",
        r"(?:^|\n)\s*(?:#{1,4}\s*|\[|<)?(?:system|developer)(?:\s+(?:prompt|message|override|instructions?))?"
        r"\s*(?:\]|>)?\s*:\s*(?:you|ignore|always|never|from now|the assistant|new|refund|approve)",
    ),
    (
        "asks for the system prompt",
        r"\b(?:reveal|print|repeat|output|show|disclose)\s+(?:\w+\s+){0,3}(?:system prompt|hidden instructions|"
        r"initial instructions)\b",
    ),
    (
        "orders refunds without a check",
        r"(?:^|[.!?:\n]\s*|\b(?:you (?:must|should|will)|please|now|then|and)\s+)(?:refund|approve|credit|compensate)\s+"
        r"(?:everything|everyone|anyone|(?:all|every|any)\s+(?:\w+\s+){0,3}?"
        r"(?:orders?|requests?|customers?|refunds?|claims?|purchases?))\b[^.!?\n]{0,80}\b(?:immediately|without|"
        r"regardless|no matter|no questions|at once|automatically)\b",
    ),
    (
        "orders refunds without a check",
        r"\b(?:and|then|must|now|please|:)\s+refund (?:everything|everyone)\b",
    ),
    (
        "hides its orders from people",
        rf"\bdo(?: not|n't) (?:tell|mention|reveal|inform|alert)\b[^.!?\n]{{0,60}}\b(?:this (?:instruction|prompt|message|"
        rf"note)|these instructions|you (?:were|have been|are) (?:told|instructed|an? {_MODEL}))",
    ),
    (
        "gives new instructions to a model",
        r"\b(?:your )?new (?:system )?instructions?(?: are)?\s*:\s*\S|\bfrom now on,? you (?:will|must|are|shall)\s+"
        r"(?:act|pretend|behave|answer|respond|ignore|always)\b",
    ),
)
_COMPILED = tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in _PATTERNS)
_EXCERPT = 80
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")


def suspected_injection(text: str) -> str | None:
    """Why the text is suspect, quoting the place, or None."""
    if re.search(r"[\U000e0020-\U000e007e]{8,}", text):
        return "hides text in invisible characters"
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'")
    for reason, pattern in _COMPILED:
        if match := pattern.search(plain):
            quote = " ".join(match[0].split())[:_EXCERPT]
            return f'{reason}: "{quote}"'
    return None
