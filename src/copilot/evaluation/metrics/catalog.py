"""Every metric by its name, ours and ragas's."""

from collections.abc import Callable, Sequence

from copilot.domain.errors import InvalidInput
from copilot.evaluation.judges.endpoint import Judge
from copilot.evaluation.metrics.faithfulness import Attribution, Faithfulness
from copilot.evaluation.metrics.metric import BatchMetric
from copilot.evaluation.metrics.ragas_catalog import RAGAS
from copilot.evaluation.metrics.ragas_metric import RagasMetric
from copilot.evaluation.metrics.remembering import Remembering
from copilot.ports import Embedder

OURS: dict[str, Callable[[Faithfulness], BatchMetric]] = {
    "faithfulness": lambda read: read,
    "attribution": Attribution,
}


def metric_names() -> tuple[str, ...]:
    return (*OURS, *RAGAS)


def metrics(names: Sequence[str], embedder: Embedder, judge: Judge | None = None) -> list[BatchMetric]:
    """Raises `InvalidInput` with the names there are."""
    read = Faithfulness(Remembering(embedder))
    found: list[BatchMetric] = []
    for name in dict.fromkeys(names):
        if name in OURS:
            found.append(OURS[name](read))
        elif name in RAGAS:
            found.append(RagasMetric(name, embedder=embedder, judge=judge))
        else:
            known = ", ".join(metric_names())
            raise InvalidInput(f"there is no metric {name!r}.", hint=f"Expected one of {known}.")
    return found
