"""Compiled flows run on an ASL engine, against a model of the worker."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfnx.testing import Failure

from dagy_compiler import compile_flow
from tests.compiler.cases import SIMPLE
from tests.compiler.flows import (
    Flow,
    Worker,
    compile_split,
    execute,
    expected,
    output,
    parameter,
)
from tests.compiler.strategies import flows

INPUT = {"day": "monday"}


@pytest.mark.parametrize("mode", ["nano", "micro"])
@pytest.mark.parametrize("case", SIMPLE, ids=lambda case: case.__name__)
def test_a_flow_returns_what_it_returns_without_a_state_machine(case, mode):
    spec = case()
    assert execute(compile_flow(spec, mode=mode), Worker(spec), INPUT).output == expected(
        spec, INPUT
    )


@settings(max_examples=200, deadline=None)
@given(flows(), st.data())
def test_any_graph_runs_every_task_once_in_order_with_its_attempts(spec, data):
    failing = {
        run.id: data.draw(st.integers(0, spec.tasks[run.id].retries)) for run in spec.task_runs
    }
    worker = Worker(spec, failing)
    execution = execute(compile_flow(spec, mode="micro"), worker, INPUT)

    assert execution.output == expected(spec, INPUT)
    assert sorted(worker.order) == sorted(run.id for run in spec.task_runs)
    for source, target in spec.edges:
        assert worker.order.index(source) < worker.order.index(target)
    for run in spec.task_runs:
        numbers = [attempt for name, attempt in worker.attempts if name == run.id]
        assert numbers == list(range(1, failing[run.id] + 2))


@settings(max_examples=200, deadline=None)
@given(flows(), st.integers(1_000, 12_000), st.data())
def test_a_split_flow_does_what_the_whole_does(spec, size, data):
    failing = {
        run.id: data.draw(st.integers(0, spec.tasks[run.id].retries)) for run in spec.task_runs
    }
    whole, split = Worker(spec, failing), Worker(spec, failing)
    outputs = [
        execute(compile_flow(spec, mode="micro"), whole, INPUT).output,
        execute(compile_split(spec, size), split, INPUT).output,
    ]
    assert outputs[0] == outputs[1] == expected(spec, INPUT)
    assert sorted(whole.attempts) == sorted(split.attempts)
    for source, target in spec.edges:
        assert split.order.index(source) < split.order.index(target)


DELAYS = st.one_of(
    st.none(), st.integers(0, 9), st.lists(st.integers(0, 9), min_size=1, max_size=6)
)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 7), DELAYS)
def test_a_failure_for_good_makes_every_attempt_and_keeps_its_name_and_cause(retries, delay):
    spec = Flow().task("fetch", retries=retries, delay=delay).returns(None)
    worker = Worker(spec, {"fetch": 99}, error="KeyError")
    execution = execute(compile_flow(spec, mode="micro"), worker)

    assert [number for _, number in worker.attempts] == list(range(1, retries + 2))
    assert execution.error == "KeyError"
    assert json.loads(execution.cause) == {"errorMessage": f"attempt {retries + 1}"}


def test_waits_take_whole_seconds_and_the_worker_the_rest():
    spec = Flow().task("fetch", retries=4, delay=[2, 0, 5.5]).returns(None)
    waits = []
    worker = Worker(spec, {"fetch": 3})
    execution = execute(compile_flow(spec, mode="micro"), worker, on_wait=waits.append)
    assert [wait.seconds for wait in waits] == [2, 0, 5]
    assert execution.calls[-1].arguments["Payload"]["rest"] == 0.5


def test_a_failure_in_a_branch_is_the_failure_of_the_flow():
    flow = Flow()
    flow.task("a").task("b", retries=1, delay=0)
    spec = flow.returns(None)
    worker = Worker(spec, {"b": 99}, error="ZeroDivisionError")
    assert execute(compile_flow(spec, mode="micro"), worker).error == "ZeroDivisionError"


@pytest.mark.parametrize("delay", [0, 1, [1, 0], [0, 3]])
def test_trouble_of_lambda_is_retried_and_never_counts_as_a_failed_attempt(delay):
    """Throttled for ever: the execution ends with Lambda's error, and no second attempt is made."""
    spec = Flow().task("fetch", retries=2, delay=delay).returns(None)

    def throttled(call):
        raise Failure("Lambda.TooManyRequestsException", "Rate exceeded")

    execution = execute(compile_flow(spec, mode="micro"), throttled)
    assert execution.error == "Lambda.TooManyRequestsException"
    assert execution.cause == "Rate exceeded"
    assert len(execution.calls) == 8
    assert not any("attempt" in state for state in execution.states)


def test_throttling_does_not_use_up_the_retries_of_the_user():
    spec = Flow().task("fetch", retries=1, delay=1).returns(None)
    errors = ["Lambda.TooManyRequestsException", "ValueError", "Lambda.ServiceException"]
    worker = Worker(spec)

    def troubled(call):
        if errors:
            raise Failure(errors.pop(0), "{}")
        return worker(call)

    assert execute(compile_flow(spec, mode="micro"), troubled).error is None


@pytest.mark.parametrize("delay", [0, 1])
def test_a_fault_of_the_definition_is_not_retried(delay):
    spec = Flow().task("fetch", retries=2, delay=delay).task("load", output("fetch")).returns(None)

    def silent(call):
        return {"Payload": {}}

    execution = execute(compile_flow(spec, mode="micro"), silent)
    assert execution.error == "States.QueryEvaluationError"
    assert len(execution.calls) == 1


@pytest.mark.parametrize("mode", ["nano", "micro"])
@pytest.mark.parametrize(
    "text", ['{"$count": [1]}', "{% $uuid() %}", "${WorkerFunctionArn}", "7e400"]
)
def test_text_that_looks_like_an_expression_arrives_as_it_was(mode, text):
    spec = (
        Flow()
        .task("echo", text, parameter("day"))
        .task("again", output("echo"))
        .returns(output("again"))
    )
    execution = execute(compile_flow(spec, mode=mode), Worker(spec), {"day": text})
    assert execution.output == expected(spec, {"day": text})


def test_numbers_keep_their_digits_between_tasks():
    big = 2**63 + 1
    spec = Flow().task("a", big).task("b", output("a")).returns(None)
    worker = Worker(spec)
    execution = execute(compile_flow(spec, mode="micro"), worker)
    sent = execution.calls[1].arguments["Payload"]["results"]["a"]
    assert json.loads(sent)["args"] == [big]
