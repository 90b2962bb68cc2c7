"""Siblings that are alike become one Map: which are, and that nothing of them is lost."""

from dataclasses import replace

import pytest

from dagy_compiler import compile_flow, estimate, explain
from dagy_compiler.asl import Map, Parallel
from dagy_compiler.owners import owners
from tests.compiler.cases import siblings
from tests.compiler.flows import Worker, execute, expected, output

INPUT = {"day": "monday"}


def kinds(spec):
    machine = compile_flow(spec, mode="micro").plan.machine
    return {type(state) for state in machine.states.values()} & {Map, Parallel}


def with_fields(spec, run_id, **fields):
    runs = [replace(run, **fields) if run.id == run_id else run for run in spec.task_runs]
    return replace(spec, task_runs=runs)


@pytest.mark.parametrize("count", [4, 40])
def test_siblings_are_one_map(count):
    assert kinds(siblings(count)) == {Map}


@pytest.mark.parametrize("count", [3, 41])
def test_few_are_not_and_more_than_run_at_once_are_not(count):
    assert kinds(siblings(count)) == {Parallel}


def test_those_that_read_something_else_are_not():
    spec = with_fields(siblings(), "fetch-3", args=[1], kwargs={})
    assert kinds(spec) == {Parallel}


def test_those_with_a_place_of_their_own_are_not():
    assert kinds(with_fields(siblings(), "fetch-3", executor="ecs")) == {Parallel}


def test_each_has_its_own_arguments_attempts_and_output():
    spec = siblings()
    worker = Worker(spec, {"fetch-2": 2, "fetch-4": 1})
    execution = execute(compile_flow(spec, mode="micro"), worker, INPUT)
    assert execution.output == expected(spec, INPUT)
    made = {name: [n for other, n in worker.attempts if other == name] for name in worker.runs}
    assert (made["fetch"], made["fetch-2"], made["fetch-4"]) == ([1], [1, 2, 3], [1, 2])


def test_the_failure_of_one_is_that_of_the_flow():
    spec = siblings()
    execution = execute(compile_flow(spec, mode="micro"), Worker(spec, {"fetch-2": 9}), INPUT)
    assert execution.error == "ValueError"


def test_outputs_that_nobody_reads_make_no_difference():
    spec = siblings()
    runs = [*spec.task_runs[:-1], replace(spec.task_runs[-1], args=[output("fetch-2")])]
    spec = replace(spec, task_runs=runs)
    assert kinds(spec) == {Map}
    worker = Worker(spec)
    assert execute(compile_flow(spec, mode="micro"), worker, INPUT).output == expected(spec, INPUT)


def test_the_estimate_counts_each_and_the_explanation_names_all():
    plan = compile_flow(siblings(), mode="micro").plan
    found = estimate(plan)
    assert found.transitions == 1 + (1 + 5 + 1) + 1
    [note] = [note for note in explain(plan).states if note.state == "fetch (each)"]
    assert note.task_runs == ("fetch", "fetch-2", "fetch-3", "fetch-4", "fetch-5")
    assert owners(plan)["fetch (each)"] == 1


def test_the_definition_hardly_grows_with_their_number():
    sizes = [len(str(compile_flow(siblings(n), mode="micro").definition())) for n in (10, 40)]
    assert sizes[1] < 2 * sizes[0]
