"""The rolling summary, carried on turn by turn: earlier turns are not read again. Needs no LLM."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.assist.focus import complains, question_in, without_data
from copilot.assist.reading import is_question
from copilot.assist.redaction import mask
from copilot.assist.situation import Situation
from copilot.assist.words import content_words, plain
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.assist import NextAction
from copilot.domain.conversation import Conversation, Speaker, Turn
from copilot.domain.playbook import Playbook
from copilot.domain.understanding import EntityKind, Intent, Understanding
from copilot.domain.wrap_up import Statement, Summary
from copilot.retrieval.sentences import split_sentences

_MAX_STATEMENTS = 8
_MAX_CHARACTERS = 220
_MAX_QUESTIONS = 2
_PROMISE = re.compile(
    r"\b(?:i|we|they|someone|somebody|a colleague|our (?:\w+ ){0,2}team)"
    r"(?:'ll|’ll| will| am going to| are going to|'m going to| shall)\s+"
    r"(?!be happy|be glad|need\b|just need|have to)|"
    r"\byou(?:'ll|’ll| will) (?:receive|get|hear|have)\b|"
    r"\bi(?:'ve|’ve| have) (?:arranged|scheduled|escalated|requested|ordered|booked)\b",
    re.IGNORECASE,
)
_TRIED = re.compile(
    r"\b(?:i|we)(?:'ve|’ve| have)?\s+(?:already |also |just |even )*"
    r"(?:tried|reset|restarted|replaced|cleaned|checked|called|rang|contacted|charged|unplugged|reinstalled|"
    r"descaled|swapped|wrote|asked|e-?mailed|looked|waited|rebooted|tightened|emptied|updated)\b|"
    r"\b(?:tried|already (?:did|done|tried))\b",
    re.IGNORECASE,
)
_DONE_BY_US = re.compile(
    r"\b(?:i|we)(?:'ve|’ve| have)\s+(?:now |just |already )*(?:refunded|cancelled|canceled|changed|"
    r"updated|sent|opened|filed|checked|confirmed|reset|unlocked|replaced|added|removed|applied|processed|issued)\b",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"^(?:hi|hello|hey|dear|thanks?|thank you|please|great|perfect|ok|okay|yes|no|sure|sounds good|cheers|"
    r"(?:kind |best |many )?regards|sincerely|could you|can you|would you|just sent)\b",
    re.IGNORECASE,
)
_NOT_KNOWN = re.compile(
    r"\b(?:not sure|(?:don't|do not) know|find out|let me (?:ask|check)|ask (?:our|my|a|the)|"
    r"check (?:with|that)|get back to you)\b",
    re.IGNORECASE,
)
_SETTLED = re.compile(
    r"\b(?:that(?:'s|’s| is) (?:all|fine|great|perfect)|thanks?|thank you|great|perfect|sounds good)\b",
    re.IGNORECASE,
)
_ANSWER_WORDS, _TELLING_WORDS, _MUCH = 5, 4, 5
_DONE = {ActionStatus.SUCCEEDED: "Done", ActionStatus.FAILED: "Failed", ActionStatus.REJECTED: "Rejected"}
_ORDER_DATES = (
    ("order.placed_on", "placed"),
    ("order.shipped_on", "shipped"),
    ("order.delivered_on", "delivered"),
)


@dataclass(frozen=True)
class State:
    """Where the conversation stands, for the lines of a summary that are not said in any turn."""

    understanding: Understanding | None = None
    playbook: Playbook | None = None
    situation: Situation | None = None
    next_actions: tuple[NextAction, ...] = ()
    actions: tuple[Action, ...] = ()


def update_summary(
    previous: Summary | None, new_turns: Sequence[Turn], conversation: Conversation, state: State
) -> Summary:
    """`previous` carried on by `new_turns`; earlier turns are not read again."""
    summary = previous or Summary(conversation_id=conversation.id, revision=0)
    for turn in new_turns:
        summary = _after_turn(summary, turn, state)
    issue = _issue(summary, conversation, state)
    said = {plain(issue.text)} if issue is not None else set()
    return summary.model_copy(
        update={
            "revision": conversation.revision,
            "issue": issue,
            "reported": tuple(s for s in summary.reported if not any(plain(s.text) in t for t in said)),
            "facts": _facts(state, conversation),
            "tried": merged(summary.tried, outcomes(state.actions)),
            "next_step": state.next_actions[0].title if state.next_actions else None,
        }
    )


def outcomes(actions: Sequence[Action]) -> list[Statement]:
    """What became of the actions that are over, each with its receipt."""
    return [
        Statement(text=f"{_DONE[a.status]}: {a.preview}", sources=(a.id,))
        for a in actions
        if a.status in _DONE
    ]


def merged(old: Sequence[Statement], new: Sequence[Statement]) -> tuple[Statement, ...]:
    """Both, nothing twice, the newest of them all."""
    known = {plain(s.text) for s in old}
    return tuple([*old, *(s for s in new if plain(s.text) not in known)][-_MAX_STATEMENTS:])


def shortened(text: str) -> str:
    clean = re.sub(r"\s+", " ", text).strip()
    return clean if len(clean) <= _MAX_CHARACTERS else clean[: _MAX_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


def _after_turn(summary: Summary, turn: Turn, state: State) -> Summary:
    sentences = [turn.text[a:b] for a, b in split_sentences(turn.text)]
    if turn.speaker is Speaker.REPRESENTATIVE:
        return _after_representative(summary, turn, sentences)
    tried = [s for s in sentences if _TRIED.search(s) and not s.rstrip().endswith("?")]
    asks = state.understanding is None or state.understanding.asks_something
    questions = [s for s in sentences if s.rstrip().endswith("?") or (asks and is_question(s))]
    told = [s for s in sentences if s not in tried and s not in questions and _tells(s)]
    return summary.model_copy(
        update={
            "tried": merged(summary.tried, [_statement(s, turn) for s in tried]),
            "reported": merged(summary.reported, [_statement(s, turn) for s in told]),
            "open_questions": merged(
                summary.open_questions, [_statement(s, turn) for s in questions[:_MAX_QUESTIONS]]
            ),
        }
    )


def _tells(sentence: str) -> bool:
    """Whether a customer's sentence says how things are, and is more than polite."""
    words = sentence.split()
    if _SETTLED.match(sentence) or _COURTESY.match(sentence):
        # "Yes, it hums, but almost nothing comes out" says more than yes.
        return len(words) > _MUCH and complains(sentence)
    return len(words) >= _TELLING_WORDS and len(content_words(sentence)) > 1


def _after_representative(summary: Summary, turn: Turn, sentences: Sequence[str]) -> Summary:
    promises = [_statement(s, turn) for s in sentences if _PROMISE.search(s) and not s.endswith("?")]
    done = [_statement(s, turn) for s in sentences if _DONE_BY_US.search(s)]
    return summary.model_copy(
        update={
            "promises": merged(summary.promises, promises),
            "tried": merged(summary.tried, done),
            "open_questions": tuple(_still_open(summary.open_questions, turn)),
        }
    )


def _still_open(questions: Sequence[Statement], turn: Turn) -> Iterator[Statement]:
    """A reply that only asks back or only greets answers nothing."""
    sentences = [turn.text[a:b] for a, b in split_sentences(turn.text)]
    told = [s for s in sentences if not s.rstrip().endswith("?") and not _NOT_KNOWN.search(s)]
    words = set[str]().union(*(content_words(s) for s in told)) if told else set[str]()
    says_much = sum(len(s.split()) for s in told) > _ANSWER_WORDS
    for number, question in enumerate(questions):
        about_it = bool(content_words(question.text) & words)
        is_last = number == len(questions) - 1
        if not (says_much and (about_it or (is_last and not _asks_back(turn.text)))):
            yield question


def _asks_back(text: str) -> bool:
    return text.rstrip().endswith("?")


def _issue(summary: Summary, conversation: Conversation, state: State) -> Statement | None:
    """The playbook's title with the customer's own words for it, of the turn that carries the main matter."""
    intent = state.understanding.intent if state.understanding else None
    turn = conversation.last_customer_turn
    if turn is None or (summary.issue is None and intent is None and not _opens(turn)):
        return summary.issue
    if intent is not None and state.understanding is not None and not state.understanding.asks_something:
        return summary.issue
    if summary.issue is not None and not _weighs_more(turn, intent, summary.issue, state):
        return summary.issue
    named = [e for e in state.understanding.entities if e.turn_id == turn.id] if state.understanding else []
    words = shortened(mask(question_in(without_data(turn.text, named))) or mask(turn.text))
    text = f"{intent.title}: “{words}”" if intent is not None else f"“{words}”"
    return Statement(text=text, turn_ids=(turn.id,))


def _opens(turn: Turn) -> bool:
    sentences = [turn.text[a:b] for a, b in split_sentences(turn.text)]
    return is_question(turn.text) or complains(turn.text) or any(_tells(s) for s in sentences)


def _weighs_more(turn: Turn, intent: Intent | None, issue: Statement, state: State) -> bool:
    """Whether `turn` says more of what this is about than the turn that `issue` was taken from.

    The report of a damaged lantern weighs more than a question in advance; a side question weighs less than
    the order it comes after.
    """
    if intent is None or turn.id in issue.turn_ids:
        return False
    about_things = {
        e.turn_id
        for e in (state.understanding.entities if state.understanding else ())
        if e.kind in {EntityKind.ORDER_ID, EntityKind.PRODUCT}
    }
    if issue.text.startswith(intent.title):
        return turn.id in about_things and about_things.isdisjoint(issue.turn_ids)
    about_order = state.playbook is not None and state.playbook.needs_order
    return about_order or about_things.isdisjoint(issue.turn_ids)


def _facts(state: State, conversation: Conversation) -> tuple[Statement, ...]:
    """What is established: who it is, the order, and what policy says about it."""
    if state.situation is None:
        return ()
    facts, sources = state.situation.facts, state.situation.sources
    last = conversation.last_customer_turn
    named = _turns_naming(state.understanding)
    statements = []
    if state.situation.customer is not None:
        customer = state.situation.customer
        tier = customer.loyalty_tier or "no"
        text = f"Customer verified: {customer.first_name} {customer.last_name}, {tier} loyalty tier."
        statements.append(Statement(text=text, turn_ids=named, sources=sources.get("customer", ())))
    if facts.get("order.found"):
        parts = [f"Order {facts['order.id']}: {facts['order.status']}, {facts['order.total']}"]
        parts += [f"{label} {facts[name]}" for name, label in _ORDER_DATES if name in facts]
        text = ", ".join(parts) + "."
        statements.append(Statement(text=text, turn_ids=named, sources=sources.get("order", ())))
    elif facts.get("order.found") is False:
        text = f"The verified customer has no order {facts.get('entity.order_id')}."
        statements.append(Statement(text=text, turn_ids=named))
    if "policy.reason" in facts:
        text = f"Policy: {facts['policy.outcome']} ({facts['policy.reason']})."
        turn_ids = (last.id,) if last else ()
        statements.append(Statement(text=text, turn_ids=turn_ids, sources=sources.get("policy", ())))
    return tuple(statements)


def _turns_naming(understanding: Understanding | None) -> tuple[str, ...]:
    entities = understanding.entities if understanding else ()
    return tuple(dict.fromkeys(e.turn_id for e in entities))[-_MAX_STATEMENTS:]


def _statement(text: str, turn: Turn) -> Statement:
    return Statement(text=shortened(mask(text)), turn_ids=(turn.id,))
