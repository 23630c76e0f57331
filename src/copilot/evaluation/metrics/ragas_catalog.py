"""Which of ragas's measures we offer, and how a sample becomes their arguments.

To add one, add a line to `RAGAS`. Names are ours; what a metric needs and a set has nowhere is `not run`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from copilot.evaluation.judges.material import defused, material
from copilot.evaluation.metrics.metric import Sample, ToolUse

Arguments = Mapping[str, Any]


class RagasEntry(NamedTuple):
    """`where` is the class as `module:name` under ragas; `needs` are fields of `Sample`."""

    where: str
    needs: tuple[str, ...]
    arguments: Callable[[Sample], Arguments]
    judge: bool = False
    embeddings: bool = False
    legacy: bool = False
    """Of ragas's older interface: takes a sample object."""


def _pair(sample: Sample) -> Arguments:
    return {"reference": sample.reference, "response": sample.reply}


def _asked(sample: Sample) -> Arguments:
    return {"user_input": material(sample.question), "response": material(sample.reply)}


def _contexts(sample: Sample) -> list[str]:
    return [material(context) for context in sample.contexts]


def _faithfulness(sample: Sample) -> Arguments:
    return {**_asked(sample), "retrieved_contexts": _contexts(sample)}


def _with_reference(sample: Sample) -> Arguments:
    return {
        "user_input": material(sample.question),
        "reference": material(sample.reference or ""),
        "retrieved_contexts": _contexts(sample),
    }


def _correctness(sample: Sample) -> Arguments:
    return {**_asked(sample), "reference": material(sample.reference or "")}


def _legacy_contexts(sample: Sample) -> Arguments:
    return {
        "retrieved_contexts": list(sample.contexts),
        "reference_contexts": list(sample.reference_contexts),
    }


def _ids(sample: Sample) -> Arguments:
    return {
        "retrieved_context_ids": list(sample.context_ids),
        "reference_context_ids": list(sample.reference_context_ids),
    }


def _calls(sample: Sample) -> Arguments:
    from ragas.messages import AIMessage  # noqa: PLC0415 - takes seconds

    made = AIMessage(content=sample.reply, tool_calls=[_call(c) for c in sample.calls])
    return {
        "user_input": [made],
        "reference_tool_calls": [_call(c) for c in sample.reference_calls or ()],
    }


def _goal(sample: Sample) -> Arguments:
    from ragas.messages import AIMessage, HumanMessage, ToolCall  # noqa: PLC0415 - takes seconds

    said = [(HumanMessage if s.customer else AIMessage)(content=material(s.text)) for s in sample.said]
    # Its arguments may hold what a customer dictated.
    calls = [
        ToolCall(name=defused(c.name), args={k: defused(str(v)) for k, v in c.arguments.items()})
        for c in sample.calls
    ]
    done = [AIMessage(content="", tool_calls=calls)] if calls else []
    return {"user_input": [*said, *done], "reference": material(sample.goal or "")}


def _call(use: ToolUse) -> Any:  # noqa: ANN401 - ragas's own class, which takes seconds to import
    from ragas.messages import ToolCall  # noqa: PLC0415 - takes seconds

    return ToolCall(name=use.name, args=use.arguments)


_NEW = "metrics.collections"
_OLD_PRECISION, _OLD_RECALL = "metrics._context_precision", "metrics._context_recall"
_REFERENCE = ("reference",)
_TOOLS = ("reference_calls",)

RAGAS: dict[str, RagasEntry] = {
    "ragas.faithfulness": RagasEntry(
        f"{_NEW}:Faithfulness", ("reply", "contexts"), _faithfulness, judge=True
    ),
    "ragas.answer_relevancy": RagasEntry(
        f"{_NEW}:AnswerRelevancy", ("reply", "history"), _asked, judge=True, embeddings=True
    ),
    "ragas.context_precision": RagasEntry(
        f"{_NEW}:ContextPrecisionWithReference", ("contexts", "reference"), _with_reference, judge=True
    ),
    "ragas.context_recall": RagasEntry(
        f"{_NEW}:ContextRecall", ("contexts", "reference"), _with_reference, judge=True
    ),
    "ragas.answer_correctness": RagasEntry(
        f"{_NEW}:AnswerCorrectness", ("reply", "reference"), _correctness, judge=True, embeddings=True
    ),
    "ragas.agent_goal_accuracy": RagasEntry(
        f"{_NEW}:AgentGoalAccuracyWithReference", ("goal", "said"), _goal, judge=True
    ),
    "ragas.tool_call_accuracy": RagasEntry(f"{_NEW}:ToolCallAccuracy", _TOOLS, _calls),
    "ragas.tool_call_f1": RagasEntry(f"{_NEW}:ToolCallF1", _TOOLS, _calls),
    "ragas.exact_match": RagasEntry(f"{_NEW}:ExactMatch", _REFERENCE, _pair),
    "ragas.string_presence": RagasEntry(f"{_NEW}:StringPresence", _REFERENCE, _pair),
    "ragas.string_similarity": RagasEntry(f"{_NEW}:NonLLMStringSimilarity", _REFERENCE, _pair),
    "ragas.bleu": RagasEntry(f"{_NEW}:BleuScore", _REFERENCE, _pair),
    "ragas.rouge_l": RagasEntry(f"{_NEW}:RougeScore", _REFERENCE, _pair),
    "ragas.chrf": RagasEntry(f"{_NEW}:CHRFScore", _REFERENCE, _pair),
    "ragas.semantic_similarity": RagasEntry(f"{_NEW}:SemanticSimilarity", _REFERENCE, _pair, embeddings=True),
    "ragas.quoted_spans": RagasEntry(
        f"{_NEW}:QuotedSpansAlignment",
        ("contexts",),
        lambda s: {"response": s.reply, "retrieved_contexts": list(s.contexts)},
    ),
    "ragas.text_context_precision": RagasEntry(
        f"{_OLD_PRECISION}:NonLLMContextPrecisionWithReference",
        ("contexts", "reference_contexts"),
        _legacy_contexts,
        legacy=True,
    ),
    "ragas.text_context_recall": RagasEntry(
        f"{_OLD_RECALL}:NonLLMContextRecall",
        ("contexts", "reference_contexts"),
        _legacy_contexts,
        legacy=True,
    ),
    "ragas.id_context_precision": RagasEntry(
        f"{_OLD_PRECISION}:IDBasedContextPrecision",
        ("context_ids", "reference_context_ids"),
        _ids,
        legacy=True,
    ),
    "ragas.id_context_recall": RagasEntry(
        f"{_OLD_RECALL}:IDBasedContextRecall",
        ("context_ids", "reference_context_ids"),
        _ids,
        legacy=True,
    ),
}
