"""Calls of the worker in containers: what they are told, and how their states end."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfnx.testing import Failure

from dagy_compiler import compile_flow
from dagy_compiler.container_states import CONTAINER_ERRORS, RUN_TASK, jsonata
from tests.asl_lint import problems
from tests.compiler.cases import PLACED, SIMPLE, executor_of_its_own, plain_chain
from tests.compiler.flows import Flow, Worker, execute, expected, output, parameter, surface
from tests.compiler.strategies import placed_flows

INPUT = {"day": "monday"}
MODES = ["nano", "micro", "small"]


def containers(definition):
    """The states that run a container, by name."""
    states = definition["States"]
    return {name: state for name, state in states.items() if state.get("Resource") == RUN_TASK}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", [*SIMPLE, *PLACED], ids=lambda case: case.__name__)
def test_a_flow_returns_what_it_returns_without_a_state_machine(case, mode):
    spec = case()
    compiled = compile_flow(spec, mode=mode)
    assert problems(compiled.definition()) == ""
    assert execute(compiled, Worker(spec), INPUT).output == expected(spec, INPUT)


@settings(max_examples=100, deadline=None)
@given(placed_flows(), st.sampled_from(MODES), st.sampled_from(["off", "chains"]), st.data())
def test_any_flow_with_places_of_its_own_runs_every_task_once_in_order(spec, mode, fuse, data):
    compiled = compile_flow(spec, mode=mode, fuse=fuse)
    alone = {unit.task_runs[0] for unit in compiled.plan.units if len(unit.task_runs) == 1}
    failing = {
        run.id: data.draw(st.integers(0, spec.tasks[run.id].retries))
        for run in spec.task_runs
        if run.id in alone and not compiled.plan.units[0].whole_flow
    }
    worker = Worker(spec, failing)

    assert execute(compiled, worker, INPUT).output == expected(spec, INPUT)
    assert sorted(worker.order) == sorted(run.id for run in spec.task_runs)
    for source, target in spec.edges:
        assert worker.order.index(source) < worker.order.index(target)
    for run in spec.task_runs:
        if run.id in failing:
            numbers = [attempt for name, attempt in worker.attempts if name == run.id]
            assert numbers == list(range(1, failing[run.id] + 2))
    placed = compiled.plan.placements
    contained = {name for name in placed if placed[name].executor == "ecs"}
    assert set(worker.contained) == contained


def test_a_call_that_is_sent_nothing_is_in_the_overrides_as_a_whole():
    spec = Flow().task("load", executor="ecs").returns()
    worker = Worker(spec)
    execution = execute(compile_flow(spec, mode="micro"), worker)
    assert (execution.states, worker.kept) == (("load",), {})


def test_what_a_call_is_sent_is_kept_under_a_key_however_large_it_is():
    spec = Flow().task("load", parameter("day"), executor="ecs").returns(output("load"))
    day = "x" * 100_000
    worker = Worker(spec)
    execution = execute(compile_flow(spec, mode="micro"), worker, {"day": day})
    assert execution.output == {"task": "load", "args": [day]}
    [(key, _)] = worker.kept.items()
    assert key.endswith("/calls/load")


def test_a_call_that_names_many_task_runs_is_kept_since_overrides_are_small():
    flow = Flow().task("last", executor="lambda")
    for number in range(600):
        flow = flow.task(f"load-{number}")
    worker = Worker(flow.returns())
    execution = execute(compile_flow(worker.spec, mode="small"), worker)
    assert execution.error is None
    [(key, _)] = worker.kept.items()
    assert key.endswith("/calls/load-0")


@pytest.mark.parametrize(("timeout", "seconds"), [(None, None), (7200.0, 7500), (0.5, 301)])
def test_every_state_of_a_container_ends_by_its_heartbeats_and_by_the_timeout_of_its_task(
    timeout, seconds
):
    spec = Flow().task("load", executor="ecs", timeout_seconds=timeout).returns()
    [state] = containers(compile_flow(spec, mode="micro").definition()).values()
    assert (state["HeartbeatSeconds"], state.get("TimeoutSeconds")) == (300, seconds)


def test_the_network_is_a_list_whatever_its_size():
    spec = Flow().task("load", executor="ecs").returns()
    seen = []

    def run(call):
        seen.append(call.arguments["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"])
        return {"Payload": {"output": "1"}}

    execute(compile_flow(spec, mode="micro"), run)
    assert seen == [["${SubnetIds}"]]


@pytest.mark.parametrize("error", CONTAINER_ERRORS)
def test_a_container_that_finds_no_place_is_tried_again_and_is_no_attempt(error):
    spec = Flow().task("load", executor="ecs", retries=1, delay=1).returns()

    def nowhere(call):
        raise Failure(error, "Capacity is unavailable at this time")

    execution = execute(compile_flow(spec, mode="micro"), nowhere)
    assert (execution.error, len(execution.calls)) == (error, 8)


@pytest.mark.parametrize("error", ["States.HeartbeatTimeout", "Runtime.ExitError"])
@pytest.mark.parametrize("delay", [1, 0])
def test_a_container_that_is_gone_was_an_attempt(error, delay):
    spec = Flow().task("load", executor="ecs", retries=1, delay=delay).returns()
    attempts = []

    def gone(call):
        surface(call)
        [container] = call.arguments["Overrides"]["ContainerOverrides"]
        told = json.loads(container["Environment"][1]["Value"])
        if "lost" in told:
            return {
                "Payload": {
                    "again": told["attempt"] == 1,
                    "attempt": 2,
                    "wait": 0,
                    "rest": 0,
                    "error": told["lost"]["Error"],
                    "cause": "",
                }
            }
        attempts.append(told["attempt"])
        raise Failure(error, "")

    execution = execute(compile_flow(spec, mode="micro"), gone)
    assert (attempts, execution.error) == ([1, 2], error)


def test_the_function_that_is_asked_between_tasks_is_there_in_every_mode():
    plan = compile_flow(plain_chain(), mode="large").plan
    assert list(plan.places) == ["WorkerFunction", "TaskDefinitionLarge"]
    plan = compile_flow(executor_of_its_own(), mode="large").plan
    assert "WorkerFunction" in plan.places


def test_an_expression_with_expressions_in_it():
    assert jsonata({"a": [1, None, True], "b": "it's", "c": "{% $n + 1 %}"}) == (
        '{"a": [1, null, true], "b": "it\'s", "c": $n + 1}'
    )
