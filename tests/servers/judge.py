"""A judge for tests: answers each of ragas's forms in its right shape, saying what it was told to say."""

import json
import re
from collections.abc import Callable

from tests.servers.openai_server import Move, say

_STATEMENTS = re.compile(r'"statements": (\[.*?\])\n?\s*}', re.DOTALL)


def obliging_judge(verdict: int = 1) -> Callable[[dict], Move]:
    """Finds everything right (1), or nothing (0)."""

    def answer(request: dict) -> Move:
        form = request["response_format"]["json_schema"]["name"]
        asked = request["messages"][-1]["content"]
        return say(json.dumps(_FORMS[form](verdict, asked)))

    return answer


def _judged(verdict: int, asked: str) -> dict:
    # The last input of the prompt is the one that is asked about; those before it are ragas's examples.
    statements = json.loads(_STATEMENTS.findall(asked)[-1])
    return {"statements": [{"statement": s, "reason": "so", "verdict": verdict} for s in statements]}


def _classified(verdict: int, _: str) -> dict:
    one = [{"statement": "It takes 30 days.", "reason": "so"}]
    return {"TP": one if verdict else [], "FP": [] if verdict else one, "FN": [] if verdict else one}


_FORMS = {
    "StatementGeneratorOutput": lambda *_: {"statements": ["It takes 30 days.", "It is free."]},
    "NLIStatementOutput": _judged,
    "AnswerRelevanceOutput": lambda verdict, _: {
        "question": "How long does it take?",
        "noncommittal": 1 - verdict,
    },
    "ContextPrecisionOutput": lambda verdict, _: {"reason": "so", "verdict": verdict},
    "ContextRecallOutput": lambda verdict, _: {
        "classifications": [{"statement": "It takes 30 days.", "reason": "so", "attributed": verdict}]
    },
    "ClassificationWithReason": _classified,
    "WorkflowOutput": lambda *_: {"user_goal": "money back", "end_state": "49 dollars are refunded"},
    "CompareOutcomeOutput": lambda verdict, _: {"reason": "so", "verdict": str(verdict)},
}
