"""`branch`: one side runs, the other is skipped, and a join after them works."""

import pytest

from dagy import FlowSpec, branch, flow, task
from dagy.errors import TraceError
from dagy.testing import run_in_memory
from tests.interpreter.recording import Recorder


@task
def value(n):
    return n


@task
def big(n):
    return f"big {n}"


@task
def small(n):
    return f"small {n}"


@task
def apologise():
    return "sorry"


@task
def shout(text):
    return text.upper()


def states(run):
    return {record.id: record.state for record in run.task_runs}


@pytest.mark.parametrize(
    ("n", "result", "taken", "other"),
    [(5, "BIG 5", "big", "small"), (0, "SMALL 0", "small", "big")],
)
@pytest.mark.parametrize("max_workers", [1, 4])
def test_the_side_that_is_not_taken_is_skipped_and_the_join_runs(
    n, result, taken, other, max_workers
):
    @flow
    def choosing(n: int):
        number = value(n)
        return shout(branch(number, lambda: big(number), lambda: small(number)))

    recorder = Recorder()
    run = run_in_memory(choosing, n=n, sink=recorder, max_workers=max_workers)
    assert run.result == result
    assert states(run) == {
        "value": "SUCCEEDED",
        taken: "SUCCEEDED",
        other: "SKIPPED",
        "shout": "SUCCEEDED",
    }
    assert run.task_runs[other].message == "its branch was not taken"


def test_a_parameter_or_a_part_of_an_output_may_decide_and_a_side_may_be_a_value():
    @flow
    def choosing(fast: bool):
        number = value({"ready": [], "n": 3})
        return [
            branch(fast, lambda: big(1), "slow"),
            branch(number["ready"], lambda: big(2), number["n"]),
            branch(fast, lambda: big(3)),
        ]

    assert run_in_memory(choosing, fast=False).result == ["slow", 3, None]
    assert run_in_memory(choosing, fast=True).result == ["big 1", 3, "big 3"]


def test_chains_and_branches_within_branches():
    @flow
    def nested(a: int, b: int):
        first, second = value(a), value(b)

        def deeper():
            inner = branch(second, lambda: shout(big(first)), lambda: small(second))
            return {"inner": shout(inner)}

        outer = branch(first, deeper, lambda: {"inner": small(first)})
        return shout(outer["inner"])

    assert run_in_memory(nested, a=1, b=1).result == "BIG 1"
    assert run_in_memory(nested, a=1, b=0).result == "SMALL 0"
    run = run_in_memory(nested, a=0, b=1)
    assert run.result == "SMALL 0"
    assert sum(record.state == "SKIPPED" for record in run.task_runs) == 4


@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_failure_on_the_side_that_is_taken_stops_the_join(fail_fast):
    @task
    def broken(n):
        raise ValueError("no")

    @flow
    def choosing(n: int):
        number = value(n)
        return shout(branch(number, lambda: broken(number), lambda: small(number)))

    run = run_in_memory(choosing, n=1, fail_fast=fail_fast)
    assert (run.status, run.failed_task) == ("FAILED", "broken")
    assert run.task_runs["shout"].state == "SKIPPED"
    assert run_in_memory(choosing, n=0).result == "SMALL 0"


@pytest.mark.parametrize("retries", [0, 1])
def test_a_side_that_depends_on_a_failure_stops_the_join_whichever_ends_first(retries):
    @task(retries=retries, retry_delay_seconds=10)
    def broken():
        raise ValueError("no")

    @flow
    def choosing():
        failing, number = broken(), value(0)

        def then():
            return shout(big(number), wait_for=[failing])

        return shout(branch(number, then, lambda: small(number)))

    run = run_in_memory(choosing, fail_fast=False)
    assert states(run) == {
        "broken": "FAILED",
        "value": "SUCCEEDED",
        "big": "SKIPPED",
        "small": "SUCCEEDED",
        "shout": "SKIPPED",
        "shout-2": "SKIPPED",
    }


@pytest.mark.parametrize("n", [5, 0])
@pytest.mark.parametrize("max_workers", [1, 4])
def test_what_waits_for_a_branch_runs_after_all_of_it_whichever_side_was_taken(n, max_workers):
    @flow
    def choosing(n: int):
        number = value(n)

        def then():
            kept = big(number)
            shout(branch(value(0), lambda: big(2), lambda: small(2)))
            return kept

        chosen = branch(number, then, lambda: small(number))
        return apologise(wait_for=[chosen])

    recorder = Recorder()
    run = run_in_memory(choosing, n=n, sink=recorder, max_workers=max_workers)
    assert run.result == "sorry"
    skipped = {name for name, state in states(run).items() if state == "SKIPPED"}
    assert skipped == ({"big-2", "small-2"} if n else {"big", "value-2", "big-2", "small", "shout"})
    order = [(each.task_run_id, each.state) for each in recorder.transitions]
    last_of_branch = ("shout", "SUCCEEDED") if n else ("small-2", "SUCCEEDED")
    assert order.index(last_of_branch) < order.index(("apologise", "RUNNING"))


def test_what_waits_for_a_branch_is_skipped_when_anything_in_it_fails():
    @task
    def broken(n):
        raise ValueError("no")

    @flow
    def choosing(n: int):
        number = value(n)

        def then():
            broken(number)
            return small(number)

        return apologise(wait_for=[branch(number, then, lambda: small(number))])

    run = run_in_memory(choosing, n=1, fail_fast=False)
    assert states(run) == {
        "value": "SUCCEEDED",
        "broken": "FAILED",
        "small": "SUCCEEDED",
        "small-2": "SKIPPED",
        "apologise": "SKIPPED",
    }
    assert run_in_memory(choosing, n=0).result == "sorry"


def test_an_output_of_one_side_cannot_be_used_where_the_other_may_be_taken():
    @flow
    def leaking():
        kept = []
        number = value(1)

        def then():
            kept.append(big(number))
            return kept[0]

        branch(number, then)
        return shout(kept[0])

    with pytest.raises(TraceError, match="made on one side of a branch") as refusal:
        leaking.build()
    assert "use what branch(...) returned" in str(refusal.value)


def test_a_condition_that_is_known_already_is_refused():
    @flow
    def known():
        return branch(True, lambda: value(1))

    with pytest.raises(TraceError, match="Use a plain if"):
        known.build()


def test_what_a_branch_comes_to_has_no_value_while_tracing():
    @flow
    def misuse():
        chosen = branch(value(1), 1, 2)
        return 1 if chosen else 2

    with pytest.raises(TraceError, match="what a branch comes to has no truth value"):
        misuse.build()


def test_a_branch_is_in_the_spec_and_outside_a_flow_it_is_a_plain_if():
    @flow
    def choosing(n: int):
        number = value(n)
        return branch(number["x"], lambda: big(number), apologise)["y"]

    spec = choosing.build()
    condition = {"$task": "value", "path": ["x"]}
    assert spec.outputs == {
        "$branch": condition,
        "then": {"$task": "big"},
        "otherwise": {"$task": "apologise"},
        "path": ["y"],
    }
    assert [run.when for run in spec.task_runs] == [[], [[condition, True]], [[condition, False]]]
    assert FlowSpec.from_json(spec.to_json()) == spec
    assert branch(0, lambda: big(1), lambda: small(1)) == "small 1"
