"""Which kinds there are; a kind's module is imported when it runs."""

from importlib import import_module
from typing import NamedTuple, cast

from copilot.domain.errors import ConfigurationError, InvalidInput
from copilot.evaluation.kinds.kind import Kind


class KindEntry(NamedTuple):
    """Where a kind is and what it scores, for `copilot eval list`."""

    module: str
    factory: str
    scores: str


KINDS: dict[str, KindEntry] = {
    "retrieval": KindEntry("retrieval", "RetrievalKind", "search over a BEIR folder"),
    "answer": KindEntry("answer", "AnswerKind", "drafts and abstention on questions over passages"),
    "groundedness": KindEntry("groundedness", "GroundednessKind", "whether a reply rests on its source"),
    "next-action": KindEntry("next_action", "NextActionKind", "what to do next in a dialogue"),
    "tool-replay": KindEntry("tool_replay", "ToolReplayKind", "tool calls against a shop's end state"),
    "intent": KindEntry("intent", "IntentKind", "what a customer wants"),
    "sentiment": KindEntry("sentiment", "SentimentKind", "how a customer feels"),
    "pii": KindEntry("pii", "PiiKind", "masking of personal data"),
    "injection": KindEntry("injection", "InjectionKind", "instructions hidden in content"),
    "summary": KindEntry("summary", "SummaryKind", "summaries against references"),
    "conversation": KindEntry("conversation", "ConversationKind", "recorded conversations, played live"),
    "simulation": KindEntry("simulation", "SimulationKind", "simulated customers and representatives"),
}
"""Each is a class in `evaluation/kinds` that is made without arguments."""


def kind_named(name: str) -> Kind:
    """`InvalidInput` for a name that is no kind's, `ConfigurationError` where its packages are missing."""
    entry = KINDS.get(name)
    if entry is None:
        raise InvalidInput(f"there is no kind {name!r}.", hint=f"Expected one of {', '.join(KINDS)}.")
    try:
        module = import_module(f"copilot.evaluation.kinds.{entry.module}")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the kind {name} needs the module {error.name}, which is not installed.",
            hint="Install the package's extra [evaluation].",
        ) from error
    return cast("Kind", getattr(module, entry.factory)())
