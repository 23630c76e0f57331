"""The demo company's fast suites hold, and each catches the fault that it is there for."""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.assist.drafting.composer import Composer
from copilot.assist.quoting import QuoteRanker
from copilot.domain.assist import Drafter
from copilot.evaluation.baselines import read_baselines
from copilot.evaluation.kinds.answer import AnswerKind, product_desk
from copilot.evaluation.kinds.registry import kind_named
from copilot.evaluation.kinds.retrieval import RetrievalKind, SearchBench, product_search
from copilot.evaluation.kinds.tool_replay import ToolReplayKind
from copilot.evaluation.runner import Runner
from copilot.evaluation.suites import load_suites
from copilot.tools.catalog import RETAIL_TOOLS, Catalog

SUITES = {s.suite.name: s for s in load_suites(Path(__file__).parents[2] / "evals/suites")}
FAST = [name for name, loaded in SUITES.items() if "fast" in loaded.suite.tags]


@pytest.fixture(scope="module", autouse=True)
def _kept_between_tests(tmp_path_factory):
    """One data folder for the module, so that the knowledge is taken in once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPILOT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        yield


def run(name, kind=None, limit=None):
    loaded = SUITES[name]
    if limit is not None:
        options = loaded.options.model_copy(update={"limit": limit})
        loaded = loaded.model_copy(update={"options": options})
    baseline = read_baselines(loaded.baseline)[name] if loaded.baseline else None
    runner = Runner(None, lambda wanted: kind or kind_named(wanted))
    return asyncio.run(runner.run(loaded, baseline))


def failed(outcome):
    assert outcome.problem is None, outcome.problem
    return {
        f"{v.check} {v.name}": f"{v.measured}, expected {v.expected}"
        for v in outcome.verdicts
        if not v.passed
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_the_suite_holds(name):
    assert failed(run(name)) == {}


# ---------------------------------------------------------------- planted faults


@asynccontextmanager
async def worst_first(settings, documents, digest):
    """Search that turns its ranking round."""

    class Backwards:
        def __init__(self, search):
            self._search = search

        async def search(self, query):
            found = await self._search.search(query)
            return found.model_copy(update={"passages": found.passages[::-1]})

    async with product_search(settings, documents, digest) as bench:
        yield SearchBench(Backwards(bench.search), bench.tenant)


@pytest.mark.slow
def test_a_ranker_the_wrong_way_round_is_caught_by_knowledge_search():
    misses = failed(run("knowledge-search", RetrievalKind(worst_first)))

    assert {"threshold nDCG@10", "regression nDCG@10", "threshold hit@3"} <= misses.keys()


class InventingComposer:
    """Drafts as ours does, and adds a day to every number it quotes."""

    kind = Drafter.COMPOSER

    def __init__(self, embedder):
        self._composer = Composer(QuoteRanker(embedder))

    async def draft(self, request):
        async for piece in self._composer.draft(request):
            sentence = piece.sentence
            if sentence is None:
                yield piece
                continue
            text = re.sub(r"\d+", lambda m: str(int(m[0]) + 7331), sentence.text)
            changed = sentence.model_copy(update={"text": text})
            yield piece.model_copy(update={"text": text, "sentence": changed})


@pytest.mark.slow
def test_a_drafter_that_invents_a_number_is_caught_by_replies():
    misses = failed(run("replies", AnswerKind(product_desk(InventingComposer))))

    assert {"threshold numbers_in_sources", "threshold support_share"} <= misses.keys()


def test_an_exchange_with_the_wrong_sign_is_caught_by_order_tools():
    (exchange,) = [tool for tool in RETAIL_TOOLS if tool.name == "exchange_delivered_order_items"]

    async def turned(orders, customer_id, arguments, *, key):
        done = await exchange.run(orders, customer_id, arguments, key=key)
        orders._order_row(arguments.order_id)["exchange_price_difference"] *= -1
        return done

    tools = [tool for tool in RETAIL_TOOLS if tool is not exchange]
    outcome = run("order-tools", ToolReplayKind(Catalog([*tools, replace(exchange, run=turned)])))

    assert failed(outcome).keys() == {"threshold task_success"}
    assert {case.id for case in outcome.cases if case.scores["task_success"] == 0} == {
        "exchange-for-cheaper",
        "exchange-for-dearer-tent",
    }
