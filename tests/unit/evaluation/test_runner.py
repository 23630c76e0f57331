"""Running suites: what must hold, what fails them, and what an earlier run has left."""

import asyncio
import math

import pytest

from copilot.domain.errors import InvalidInput
from copilot.domain.knowledge import Refusal
from copilot.evaluation.baselines import Baseline
from copilot.evaluation.cache import ResultCache
from copilot.evaluation.kinds.cases import Forgetful, mean, score_all
from copilot.evaluation.kinds.kind import CaseResult, KindOptions, KindResult
from copilot.evaluation.runner import Runner
from copilot.evaluation.suites import LoadedSuite, Suite


class Plain:
    """A kind that gives back what it was made with."""

    name = "retrieval"

    def __init__(self, *cases, figures=None, refused=()):
        self.result = KindResult(figures=figures or {}, cases=cases, refused=refused)
        self.runs = 0

    async def run(self, options, on_progress):
        self.runs += 1
        return self.result


class Item:
    def __init__(self, name):
        self.id = self.key = name
        self.slices = {}


class Steps:
    """A kind that scores one letter after another, and is killed at `killed_at`."""

    name = "retrieval"

    def __init__(self, killed_at=None):
        self.killed_at, self.scored = killed_at, []

    async def run(self, options, on_progress):
        return await self.resume(options, on_progress, Forgetful())

    async def resume(self, options, on_progress, memory):
        async def score(item):
            if item.id == self.killed_at:
                raise KeyboardInterrupt
            self.scored.append(item.id)
            return CaseResult(id=item.id, scores={"s": 1.0})

        cases = await score_all([Item(c) for c in "abcd"], score, on_progress, memory, at_once=1)
        return KindResult(figures={"s": mean(cases, "s")}, cases=tuple(cases))


def case(name, score, **more):
    return CaseResult(id=name, scores={} if score is None else {"s": score}, **more)


def loaded(tmp_path, **fields):
    suite = Suite(name="mine", title="Mine", kind="retrieval", data=".", **fields)
    return LoadedSuite(suite=suite, file=tmp_path, options=KindOptions(data=tmp_path))


def run(kind, suite, baseline=None, cache=None):
    return asyncio.run(Runner(cache, lambda _: kind).run(suite, baseline))


def failed(outcome):
    return [f"{v.check} {v.name}" for v in outcome.verdicts if not v.passed]


def test_a_threshold_that_is_met_passes_and_one_that_is_not_fails(tmp_path):
    suite = loaded(tmp_path, thresholds={"good": {"min": 0.8}, "bad": {"max": 0.1}})

    outcome = run(Plain(case("a", 1.0), figures={"good": 0.9, "bad": 0.2}), suite)

    assert failed(outcome) == ["threshold bad"]
    assert not outcome.passed


def test_a_figure_that_was_not_run_fails_unless_it_may_be_left_out(tmp_path):
    kind = Plain(case("a", 1.0), figures={"judged": None})

    assert failed(run(kind, loaded(tmp_path, thresholds={"judged": {"min": 0.5}}))) == ["threshold judged"]
    optional = loaded(tmp_path, thresholds={"judged": {"min": 0.5, "optional": True}})
    assert run(kind, optional).passed


def test_a_case_with_an_error_counts_as_0_and_fails_the_suite(tmp_path):
    cases = (case("a", 1.0), case("b", None, error="the judge answered with no JSON"))

    assert mean(cases, "s") == 0.5
    outcome = run(Plain(*cases, figures={"s": 0.5}), loaded(tmp_path))
    (verdict,) = [v for v in outcome.verdicts if not v.passed]
    assert verdict.measured == "1 of 2: 1 times the judge answered with no JSON"


def test_what_is_no_number_fails_and_is_never_averaged_away(tmp_path):
    outcome = run(Plain(case("a", math.nan), figures={"s": math.nan}), loaded(tmp_path))

    assert outcome.cases[0].error == "not a number: s"
    assert outcome.figures == {"s": None}
    assert failed(outcome) == ["run s", "errors cases without a score"]


def test_a_row_that_cannot_be_read_fails_a_suite_whose_data_is_ours(tmp_path):
    kind = Plain(case("a", 1.0), refused=(Refusal(source="f.jsonl:2", reason="not JSON"),))

    assert failed(run(kind, loaded(tmp_path))) == ["refused rows that cannot be read"]
    assert run(kind, loaded(tmp_path, refused=1)).passed


def test_a_run_that_does_not_end_is_ended_and_named(tmp_path):
    class Hanging(Plain):
        async def run(self, options, on_progress):
            await asyncio.sleep(60)

    outcome = run(Hanging(), loaded(tmp_path, time_limit_seconds=0.01))

    assert not outcome.passed
    assert outcome.problem == "it was not done after 0 s"


def test_what_a_kind_refuses_is_the_suites_problem_and_nobody_elses(tmp_path):
    class Refusing(Plain):
        async def run(self, options, on_progress):
            raise InvalidInput("there is nothing to score.", where="here")

    assert run(Refusing(), loaded(tmp_path)).problem == "here: there is nothing to score."


def test_a_significant_loss_against_the_baseline_fails_and_a_chance_one_does_not(tmp_path):
    suite = loaded(tmp_path, regressions={"s": "higher"})
    names = [f"c{n}" for n in range(40)]
    before = Baseline(suite="mine", figures={}, cases={name: {"s": 1.0} for name in names})

    def now(lost):
        return Plain(*(case(name, float(number >= lost)) for number, name in enumerate(names)))

    assert run(now(0), suite, before).passed
    assert run(now(1), suite, before).passed
    assert failed(run(now(10), suite, before)) == ["regression s"]


def test_a_gate_on_a_score_that_no_case_has_does_not_stand_open(tmp_path):
    suite = loaded(tmp_path, regressions={"misspelt": "higher"})

    assert failed(run(Plain(case("a", 1.0)), suite)) == ["regression misspelt"]


def test_a_case_that_errs_now_is_a_loss_too(tmp_path):
    suite = loaded(tmp_path, regressions={"s": "higher"}, errors=40)
    names = [f"c{n}" for n in range(40)]
    before = Baseline(suite="mine", figures={}, cases={name: {"s": 1.0} for name in names})
    now = Plain(*(case(n, None, error="down") for n in names[:10]), *(case(n, 1.0) for n in names[10:]))

    assert failed(run(now, suite, before)) == ["regression s"]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    cache, suite = ResultCache(tmp_path / "cache"), loaded(tmp_path)
    (tmp_path / "data").mkdir()
    suite = suite.model_copy(update={"options": KindOptions(data=tmp_path / "data")})
    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        run(Steps(killed_at="c"), suite, cache=cache)

    second = Steps()
    outcome = run(second, suite, cache=cache)

    assert second.scored == ["c", "d"]
    assert [c.id for c in outcome.cases] == ["a", "b", "c", "d"]
    assert outcome.recalled == 2


def test_a_finished_run_is_recalled_until_its_data_changes(tmp_path):
    cache, data = ResultCache(tmp_path / "cache"), tmp_path / "data.jsonl"
    data.write_text("{}")
    suite = loaded(tmp_path).model_copy(update={"options": KindOptions(data=data)})
    kind = Plain(case("a", 1.0))

    run(kind, suite, cache=cache)
    run(kind, suite, cache=cache)
    assert kind.runs == 1
    data.write_text('{"more": 1}')
    run(kind, suite, cache=cache)
    assert kind.runs == 2


def test_a_run_with_an_error_is_not_recalled(tmp_path):
    cache = ResultCache(tmp_path / "cache")
    (tmp_path / "data").mkdir()
    suite = loaded(tmp_path).model_copy(update={"options": KindOptions(data=tmp_path / "data")})
    kind = Plain(case("a", None, error="down"))

    run(kind, suite, cache=cache)
    run(kind, suite, cache=cache)

    assert kind.runs == 2
