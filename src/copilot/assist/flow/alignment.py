"""Tells which step a representative's own words come to, by their meaning."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from copilot.assist.flow.chart import COMMON
from copilot.domain.episode import Episode, EpisodeEvent, OwnWords
from copilot.domain.playbook import Flow, PlaybookStep
from copilot.ports import Vector

SAME_MEANING = 0.6
"""Cosine from which words are taken for a step's."""
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def spoken(step: PlaybookStep) -> str:
    """What a step says, without the facts that are filled in."""
    return re.sub(r"\s+", " ", _TEMPLATE.sub(" ", step.say or "")).strip()


def most_alike(words: Vector, says: Mapping[str, Vector]) -> str | None:
    """The step whose words mean the same, or None."""
    if not says:
        return None
    likeness = np.asarray(list(says.values())) @ words
    best = int(likeness.argmax())
    return list(says)[best] if likeness[best] >= SAME_MEANING else None


def aligned(episode: Episode, flows: Sequence[Flow], vectors: Mapping[str, Vector]) -> Episode:
    """The episode with every `OwnWords` that comes to a step of its flows saying so."""
    about = {*episode.flows, COMMON}
    steps = [step for flow in flows if flow.intent in about for step in flow.steps]
    says = {step.id: vectors[text] for step in steps if (text := spoken(step)) in vectors}

    def read(event: EpisodeEvent) -> EpisodeEvent:
        if not isinstance(event, OwnWords) or event.text not in vectors:
            return event
        return OwnWords(text=event.text, like=most_alike(vectors[event.text], says))

    return episode.model_copy(update={"events": tuple(read(event) for event in episode.events)})
