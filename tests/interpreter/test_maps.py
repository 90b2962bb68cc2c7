"""`task.map`: a task run for each item of a list that is known only when the flow runs."""

import re

import pytest

from dagy import FlowSpec, RunContext, flow, task, unmapped
from dagy.errors import TraceError
from dagy.mapping import tolerable
from dagy.testing import FakeClock, run_in_memory
from tests.interpreter.recording import Recorder


@task
def numbers(n):
    return list(range(n))


@task
def double(n):
    return 2 * n


@task
def add(a, b=0):
    return a + b


@task
def picky(n):
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n


@task
def total(values):
    return sum(values)


def test_results_come_in_the_order_of_the_items_and_each_is_a_task_run():
    @flow
    def mapped(n: int):
        return double.map(numbers(n))

    recorder = Recorder()
    run = run_in_memory(mapped, n=3, sink=recorder, max_workers=4)
    assert run.result == [0, 2, 4]
    assert [record.id for record in run.task_runs] == [
        "numbers",
        "double",
        "double[0]",
        "double[1]",
        "double[2]",
    ]
    assert recorder.of("double") == ["RUNNING 1", "SUCCEEDED 1"]
    assert recorder.of("double[2]") == ["RUNNING 1", "SUCCEEDED 1"]
    assert run.task_runs["double[1]"].output == 2


def test_an_empty_list_gives_an_empty_list():
    @flow
    def mapped(n: int):
        return total(double.map(numbers(n)))

    assert run_in_memory(mapped, n=0).result == 0


def test_results_are_used_whole_in_part_and_mapped_over_again():
    @flow
    def mapped(n: int):
        doubled = double.map(numbers(n))
        return [total(doubled), double(doubled[1]), double.map(doubled)]

    assert run_in_memory(mapped, n=3, max_workers=3).result == [6, 4, [0, 4, 8]]


def test_what_is_unmapped_goes_to_every_item_whole_and_lists_of_the_flow_are_mapped():
    @flow
    def mapped(n: int):
        return [
            add.map(numbers(n), [10, 20, 30]),
            add.map(numbers(n), b=unmapped(double(n))),
            add.map([[1], [2]], unmapped([0])),
        ]

    assert run_in_memory(mapped, n=3).result == [[10, 21, 32], [6, 7, 8], [[1, 0], [2, 0]]]


def test_each_item_has_retries_of_its_own_and_a_fresh_copy_of_its_arguments():
    @task(retries=2, retry_delay_seconds=5)
    def flaky(item, shared):
        item.append(RunContext.get().attempt)
        shared.append(0)
        if item[0] == RunContext.get().attempt:
            raise OSError(f"{item} {shared}")
        return item + shared

    @flow
    def mapped():
        return flaky.map([[1], [2], [9]], unmapped([7]))

    clock = FakeClock()
    run = run_in_memory(mapped, clock=clock, max_workers=3)
    assert run.result == [[1, 2, 7, 0], [2, 1, 7, 0], [9, 1, 7, 0]]
    assert [run.task_runs[f"flaky[{i}]"].attempts for i in range(3)] == [2, 1, 1]
    assert sum(clock.waits) == 5


@pytest.mark.parametrize("fail_fast", [True, False])
def test_an_item_that_fails_fails_the_map_and_what_depends_on_it_is_skipped(fail_fast):
    @flow
    def mapped():
        return total(picky.map([0, 1, 2]))

    recorder = Recorder()
    run = run_in_memory(mapped, fail_fast=fail_fast, sink=recorder)
    assert (run.status, run.failed_task, run.error.message) == ("FAILED", "picky[1]", "1 is odd")
    states = {record.id: record.state for record in run.task_runs}
    assert states == {
        "picky": "FAILED",
        "picky[0]": "SUCCEEDED",
        "picky[1]": "FAILED",
        "picky[2]": "CANCELLED" if fail_fast else "SUCCEEDED",
        "total": "CANCELLED" if fail_fast else "SKIPPED",
    }


def tolerant(failures, items=5):
    @flow
    def mapped():
        found = picky.with_options(tolerated_failures=failures).map(list(range(items)))
        return [found, double.map([0])]

    return mapped


@pytest.mark.parametrize("failures", [2, 0.4, 0.59, 9])
@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_map_goes_on_without_items_whose_failure_is_tolerated(failures, fail_fast):
    recorder = Recorder()
    run = run_in_memory(tolerant(failures), fail_fast=fail_fast, sink=recorder)
    assert (run.status, run.result) == ("SUCCEEDED", [[0, None, 2, None, 4], [0]])
    assert (run.error, run.failed_task) == (None, None)
    assert run.task_runs["picky"].message == "2 of 5 items failed, which is tolerated"
    assert run.task_runs["picky[3]"].state == "FAILED"
    assert run.task_runs["picky[3]"].error.message == "3 is odd"
    assert recorder.of("picky[4]") == ["RUNNING 1", "SUCCEEDED 1"]


@pytest.mark.parametrize("failures", [1, 0.39, 0.2])
def test_it_fails_with_the_item_after_the_last_that_is_tolerated(failures):
    run = run_in_memory(tolerant(failures))
    assert (run.status, run.failed_task, run.error.message) == ("FAILED", "picky[3]", "3 is odd")
    assert run.task_runs["picky"].error.message == "3 is odd"
    assert run.task_runs["picky[1]"].state == "FAILED"
    assert run.task_runs["picky[4]"].state == "CANCELLED"


def test_without_fail_fast_the_items_after_that_run_too():
    run = run_in_memory(tolerant(1, items=6), fail_fast=False)
    assert (run.status, run.failed_task) == ("FAILED", "picky[3]")
    states = [run.task_runs[f"picky[{index}]"].state for index in range(6)]
    assert states == ["SUCCEEDED", "FAILED"] * 3
    assert run.task_runs["double"].state == "SUCCEEDED"


def test_an_item_fails_only_after_all_its_attempts_and_its_hooks_are_called():
    told = []

    @task(retries=1, tolerated_failures=1, on_failure=[lambda context, state: told.append(state)])
    def broken(n):
        raise OSError(n)

    @flow
    def mapped():
        return broken.map(["a"])

    run = run_in_memory(mapped)
    assert (run.result, run.task_runs["broken[0]"].attempts) == ([None], 2)
    assert [(state.type, state.message) for state in told] == [("FAILED", "OSError: a")]


@pytest.mark.parametrize(
    ("failures", "items", "allowed"),
    [(None, 9, 0), (0, 9, 0), (3, 1, 3), (0.1, 25, 2), (0.29, 100, 29), (1 / 3, 3, 1), (0.5, 0, 0)],
)
def test_a_share_is_what_it_looks_like_and_is_rounded_down(failures, items, allowed):
    assert tolerable(failures, items) == allowed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "argument 1 of map is int, not a list; wrap it in unmapped(...)"),
        ({"a": 1}, "argument 1 of map is dict, not a list"),
        ([1, 2], "differ in length: argument 1 has 2, argument 'b' has 3"),
    ],
)
def test_what_cannot_be_mapped_fails_the_map_when_it_is_known(value, message):
    @task
    def given():
        return value

    @flow
    def mapped():
        return add.map(given(), b=[1, 2, 3])

    run = run_in_memory(mapped)
    assert run.failed_task == "add"
    assert message in run.error.message


def test_what_cannot_be_mapped_is_refused_while_tracing_where_it_is_known():
    @flow
    def scalar():
        add.map(3)

    @flow
    def uneven():
        add.map([1], b=[1, 2])

    @flow
    def nothing():
        add.map(unmapped(1))

    @flow
    def once():
        add.map(iter([1]))

    @flow
    def whole():
        add.map("ab")

    for broken, message in [
        (scalar, "argument 1 of map is int, not a list"),
        (uneven, "differ in length"),
        (nothing, "all of them are unmapped"),
        (once, "argument 1 of map is list_iterator, not a list; give list(...) of it, or wrap it"),
        (whole, "argument 1 of map is str, not a list; wrap it"),
    ]:
        with pytest.raises(TraceError, match=re.escape(message)) as refusal:
            broken.build()
        assert "test_maps.py:" in str(refusal.value)


def test_a_range_is_the_list_of_its_items():
    @flow
    def mapped():
        return add.map(range(3), b=range(0, 30, 10))

    assert run_in_memory(mapped).result == add.map(range(3), b=range(0, 30, 10)) == [0, 11, 22]
    assert mapped.build().task_runs[0].args == [[0, 1, 2]]


def test_concurrency_limits_hold_for_items():
    running, most = [], []

    @task(concurrency_limit=2)
    def limited(n):
        running.append(n)
        most.append(len(running))
        double.fn(n)
        running.remove(n)

    @flow
    def mapped():
        limited.map(list(range(30)))

    assert run_in_memory(mapped, max_workers=8).status == "SUCCEEDED"
    assert max(most) <= 2


def test_a_map_is_in_the_spec_and_outside_a_flow_it_is_a_plain_loop():
    @flow
    def mapped(n: int):
        return add.map(numbers(n), b=unmapped(1))

    spec = mapped.build()
    assert (spec.task_runs[1].map_over, spec.task_runs[1].kwargs) == ([0], {"b": 1})
    assert FlowSpec.from_json(spec.to_json()) == spec
    assert mapped(3) == add.map([0, 1, 2], b=unmapped(1)) == [1, 2, 3]
