"""Reads a conversation as an episode: which steps of the playbook were done, by words and by calls."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from copilot.assist.flow.alignment import most_alike, spoken
from copilot.assist.redaction import mask
from copilot.domain.actions import Action, ActionStatus
from copilot.domain.conversation import Conversation, Speaker
from copilot.domain.episode import CustomerSaid, Episode, EpisodeEvent, LookedUp, OwnWords, StepTaken
from copilot.domain.playbook import Flow, PlaybookStep
from copilot.ports import Embedder, Vector

_REMEMBERED = 4_000
_OVER = {ActionStatus.SUCCEEDED: "done", ActionStatus.FAILED: "failed", ActionStatus.REJECTED: "rejected"}


@dataclass(frozen=True)
class ReadConversation:
    """The episode, and a unit vector for each customer turn."""

    episode: Episode
    said: tuple[Vector, ...]


class EpisodeReader:
    """Turns are matched by meaning, once each; actions by their tool."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    async def read(
        self, conversation: Conversation, actions: Sequence[Action], flows: Sequence[Flow]
    ) -> ReadConversation:
        """`flows` are the playbooks that the conversation is about."""
        spoken_by = {step.id: text for flow in flows for step in flow.steps if (text := spoken(step))}
        words = [mask(turn.text) for turn in conversation.turns]
        vectors = await self._embedded([*spoken_by.values(), *words])
        says = {step: vectors[text] for step, text in spoken_by.items()}
        events: list[tuple[datetime, int, EpisodeEvent]] = []
        said = []
        for turn, text in zip(conversation.turns, words, strict=True):
            vector = vectors[text]
            if turn.speaker is Speaker.CUSTOMER:
                said.append(vector)
                events.append((turn.created_at, 0, CustomerSaid(text=text)))
            else:
                step = most_alike(vector, says)
                event = OwnWords(text=text) if step is None else StepTaken(step=step)
                events.append((turn.created_at, 0, event))
        for action in actions:
            events += _done(action, flows)
        events.sort(key=lambda event: event[:2])
        episode = Episode(
            id=conversation.id,
            flows=tuple(flow.intent for flow in flows),
            events=tuple(event for _, _, event in events),
        )
        return ReadConversation(episode, tuple(said))

    def forget(self) -> None:
        """What was embedded: for who has read all that there is."""
        self._vectors.clear()

    async def _embedded(self, texts: Sequence[str]) -> dict[str, Vector]:
        """One new text is a live turn and goes first; more of them come from the past and can wait."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if len(missing) == 1:
            self._vectors[missing[0]] = await self._embedder.embed_query(missing[0])
        elif missing:
            rows = await self._embedder.embed_passages(missing)
            self._vectors |= dict(zip(missing, rows, strict=True))
        found = {text: self._vectors[text] for text in texts}
        for text in found:
            self._vectors.move_to_end(text)
        while len(self._vectors) > _REMEMBERED:
            self._vectors.popitem(last=False)
        return found


def _done(action: Action, flows: Sequence[Flow]) -> list[tuple[datetime, int, EpisodeEvent]]:
    """The step whose call it is, and what came of it, when it was proposed; nothing while it is open."""
    outcome = _OVER.get(action.status)
    step = next((s for flow in flows for s in flow.steps if s.tool == action.call.tool), None)
    if outcome is None or step is None:
        return []
    given = dict.fromkeys(action.call.arguments, "given")
    taken = StepTaken(step=step.id, variant=_variant(step), given=given)
    return [
        (action.proposed_at, 1, taken),
        (action.proposed_at, 2, LookedUp(found={"status": outcome})),
    ]


def _variant(step: PlaybookStep) -> str:
    return ",".join(source[1:] for source in step.arguments.values() if source.startswith("="))


def flows_of(tags: Sequence[str], playbooks: Mapping[str, Flow]) -> tuple[Flow, ...]:
    """The playbooks that a wrapped-up conversation was filed under."""
    return tuple(playbooks[tag] for tag in tags if tag in playbooks)
