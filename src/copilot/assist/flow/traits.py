"""What a state is like, as named numbers: the part of the evidence that each step weighs for itself."""

import itertools
import re
from collections.abc import Iterator

from copilot.assist.flow.progress import START, Progress

_WORD = re.compile(r"[a-z']+|[0-9]+|[?!]")
_MANY_TURNS = 8
_MUCH_LEFT = 3
_MANY_LOOK_UPS = 4


def traits_of(progress: Progress, flows: tuple[str, ...]) -> dict[str, float]:
    """Sparse: only what is there. `flows` are the intents that the conversation is about."""
    traits: dict[str, float] = dict(_of_history(progress))
    for flow in flows:
        traits[f"flow:{flow}"] = 1.0 if len(flows) == 1 else 0.6
    traits |= _of_results(progress)
    traits |= _of_words(progress)
    return traits


def words_of(text: str) -> list[str]:
    """Words and pairs of words; a number counts as its length."""
    words = [f"#{min(len(w), 5)}" if w.isdigit() else w for w in _WORD.findall(text.lower())]
    return words + [f"{a}_{b}" for a, b in itertools.pairwise(words)]


def _of_history(progress: Progress) -> Iterator[tuple[str, float]]:
    history = (START, START, START, START, *progress.history)
    yield f"event:{progress.last_event}", 1.0
    for back, weight in ((1, 1.0), (2, 1.0), (3, 0.7), (4, 0.7)):
        yield f"before{back}:{history[-back]}", weight
    yield f"before12:{history[-2]}|{history[-1]}", 1.0
    yield f"event+before:{progress.last_event}|{history[-1]}", 1.0
    for key, count in progress.done_keys.items():
        yield f"done:{key}", 1.0
        if count > 1:
            yield f"repeated:{key}", 0.7
    for name in progress.given:
        yield f"given:{name}", 0.5
    yield f"turns:{min(len(progress.customer), _MANY_TURNS)}", 0.7


def _of_results(progress: Progress) -> dict[str, float]:
    traits: dict[str, float] = {}
    last = progress.last
    for word in progress.status:
        traits[f"status:{word}"] = traits[f"status+before:{word}|{last}"] = 1.0
    for name in progress.fields:
        traits[f"field:{name}"] = 0.5
        if progress.last_event == "result":
            traits[f"new field:{name}"] = traits[f"new field+before:{name}|{last}"] = 1.0
    for name in progress.echoes:
        traits[f"echo:{name}"] = traits[f"echo+before:{name}|{last}"] = 1.0
    for word in progress.agreement:
        traits[f"agreement:{word}"] = 0.7
    if progress.look_ups:
        times = min(_MANY_LOOK_UPS, progress.look_ups)
        traits[f"look-ups:{times}"] = traits[f"look-ups+before:{times}|{last}"] = 1.0
    if progress.fields and not progress.echoes:
        traits["no echo"] = traits[f"no echo+before:{last}"] = 1.0
    if progress.left is not None:
        left = max(-1, min(_MUCH_LEFT, progress.left))
        traits[f"left:{left}"] = traits[f"left+before:{left}|{last}"] = 1.0
    return traits


def _of_words(progress: Progress) -> dict[str, float]:
    traits: dict[str, float] = {}
    last_words = set(words_of(progress.last_said))
    if progress.last_event == "result":
        traits |= {f"before result:{w}": 0.3 for w in last_words}
    else:
        traits |= {f"said:{w}": 0.5 for w in words_of(progress.since)}
    traits |= {f"said+before:{w}|{progress.last}": 0.3 for w in last_words}
    for text in progress.customer:
        for word in words_of(text):
            traits[f"ever said:{word}"] = 0.2
    return traits
