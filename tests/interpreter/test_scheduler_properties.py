"""Every execution of a random graph, with random failures, obeys a small model of the semantics."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from dagy import FlowSpec, RunContext, TaskRunSpec, TaskSpec
from dagy.code import Code
from dagy.interpreter import execute
from dagy.state import TERMINAL, TRANSITIONS
from tests.interpreter.recording import LeapingClock, Recorder


@dataclass
class Node:
    """A task run of a random graph: it fails so many times, and may be retried so often."""

    depends_on: list[int]
    failures: int
    retries: int
    delay: float | list[float] | None


@st.composite
def graphs(draw):
    nodes = []
    for index in range(draw(st.integers(1, 9))):
        earlier = st.sampled_from(range(index)) if index else st.nothing()
        nodes.append(
            Node(
                depends_on=draw(st.lists(earlier, unique=True, max_size=3)) if index else [],
                failures=draw(st.sampled_from([0, 0, 0, 1, 2, 9])),
                retries=draw(st.integers(0, 2)),
                delay=draw(st.sampled_from([None, 0, 2.5, [1, 3]])),
            )
        )
    return nodes


def spec_of(nodes):
    task_runs = [
        TaskRunSpec(f"t{i}", f"t{i}", [f"t{d}" for d in node.depends_on],
                    [[{"$task": f"t{d}"} for d in node.depends_on]], {}, None)
        for i, node in enumerate(nodes)
    ]  # fmt: skip
    tasks = {
        f"t{i}": TaskSpec(f"t{i}", "m:f", None, None, node.retries, node.delay, None, None)
        for i, node in enumerate(nodes)
    }
    edges = [[d, run.id] for run in task_runs for d in run.depends_on]
    outputs = [{"$task": run.id} for run in task_runs]
    return FlowSpec("random", "1", "", tasks, task_runs, edges, outputs, [])


def function_of(nodes):
    def functions(name):
        node = nodes[int(name[1:])]

        def body(inputs):
            if RunContext.get().attempt <= node.failures:
                raise ValueError(name)
            return [name, inputs]

        return Code(body)

    return functions


def expected_states(nodes):
    """What each task run ends as when nothing stops the rest."""
    states = []
    for node in nodes:
        if any(states[d] != "SUCCEEDED" for d in node.depends_on):
            states.append("SKIPPED")
        else:
            states.append("FAILED" if node.failures > node.retries else "SUCCEEDED")
    return states


def expected_value(nodes, index):
    return [f"t{index}", [expected_value(nodes, d) for d in nodes[index].depends_on]]


@settings(max_examples=300, deadline=None)
@given(graphs(), st.integers(1, 4), st.booleans())
def test_every_execution_obeys_the_model(nodes, max_workers, fail_fast):
    spec = spec_of(nodes)
    recorder = Recorder()
    result = execute(
        spec, function_of(nodes), {}, sink=recorder, clock=LeapingClock(),
        max_workers=max_workers, fail_fast=fail_fast,
    )  # fmt: skip
    model = expected_states(nodes)
    ended = [str(run.state) for run in result.task_runs.values()]

    assert_order_is_legal(spec, recorder.transitions, max_workers, fail_fast)
    for index, (node, task_run) in enumerate(zip(nodes, result.task_runs.values(), strict=True)):
        if task_run.state in ("SUCCEEDED", "FAILED") and not (fail_fast and "FAILED" in model):
            assert task_run.attempt == min(node.failures, node.retries) + 1
        assert task_run.attempt <= node.retries + 1
        del index
    if "FAILED" not in model:
        assert result.status == "SUCCEEDED"
        assert result.output == [expected_value(nodes, i) for i in range(len(nodes))]
    else:
        assert result.status == "FAILED"
    if not fail_fast:
        assert ended == model


def assert_order_is_legal(spec, transitions, max_workers, fail_fast):
    states = {run.id: "PENDING" for run in spec.task_runs}
    dependencies = {run.id: run.depends_on for run in spec.task_runs}
    failed = False
    for transition in transitions[1:-1]:
        name, state = transition.task_run_id, transition.state
        assert state in TRANSITIONS[states[name]]
        states[name] = state
        if state == "RUNNING":
            assert all(states[d] == "SUCCEEDED" for d in dependencies[name])
            assert not (fail_fast and failed)
        assert sum(1 for s in states.values() if s == "RUNNING") <= max_workers
        failed = failed or state == "FAILED"
    assert all(state in TERMINAL for state in states.values())
    assert transitions[0].task_run_id is transitions[-1].task_run_id is None
