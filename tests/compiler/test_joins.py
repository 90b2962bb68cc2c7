"""Flows that wait across branches: when they do, what of it is in a stack, and what it takes."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.errors import CompileError
from dagy.worker.joins import KEPT_SECONDS
from dagy_compiler import compile_flow, estimate
from dagy_compiler.compile import run_passes
from dagy_compiler.join_states import LOOK_SECONDS, LOOKS, RESOURCE
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.passes import Limits, Split, Structure
from dagy_compiler.program import Await, Tell, every
from dagy_compiler.tree import joined_in
from tests.compiler.cases import crossed
from tests.compiler.flows import Flow, output
from tests.compiler.stacks import of_type, plainly, stack_of
from tests.compiler.strategies import flows
from tests.compiler.test_template import allowed


def made(spec, **options):
    return plainly(stack_of(compile_flow(spec, mode="micro", **options).plan))


def of_seconds(*seconds):
    """A flow of the shape of `crossed` whose tasks take other times."""
    spec = crossed()
    tasks = {
        name: replace(task, expected_seconds=each)
        for (name, task), each in zip(spec.tasks.items(), seconds, strict=True)
    }
    return replace(spec, tasks=tasks)


def joins(spec, **options):
    plan = compile_flow(spec, mode="micro", joins="auto", **options).plan
    return [step for step in every(plan.program.body.steps) if isinstance(step, Await | Tell)]


def test_by_default_nothing_waits_across_branches():
    plan = compile_flow(crossed(), mode="micro").plan
    assert not plan.has_joins
    assert "JoinTable" not in made(crossed())["Resources"]


def test_there_are_joins_where_the_best_tree_loses_much():
    assert joins(crossed())


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        ((90, 10, 90, 10), "a barrier costs nothing"),
        ((900, 10, 10, 900), "the best barrier costs less than 5 %"),
        ((9, 1, 1, 9), "what is lost is less than what joins may take"),
        ((90, 10, 10, None), "one duration is not known"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_and_none_where(seconds, why):
    assert not joins(of_seconds(*seconds)), why


def test_there_is_no_other_way_to_join():
    with pytest.raises(CompileError, match="no 'auot' for joins; did you mean 'auto'"):
        compile_flow(crossed(), mode="micro", joins="auot")


def test_what_is_measured_counts_as_what_is_expected():
    measured = {"download": 900.0, "settings": 10.0, "clean": 10.0, "train": 900.0}
    assert not joins(crossed(), measured=measured)


def test_a_service_is_given_nothing_across_branches():
    """Its state opens the value itself, and could not open a claim."""
    spec = crossed()
    service = {"kind": "call", "resource": "lambda:invoke"}
    tasks = spec.tasks | {"clean": replace(spec.tasks["clean"], service=service)}
    plan = run_passes(replace(spec, tasks=tasks), mode="micro", joins="auto", after="structure")
    assert all(node.child.unit != 2 or not node.waits_for for node in joined_in(plan.tree))


def test_only_the_function_that_is_asked_may_write_to_the_table_and_send_tokens():
    spec = crossed()
    tasks = spec.tasks | {"train": replace(spec.tasks["train"], memory_mb=4096)}
    stack = made(replace(spec, tasks=tasks), joins="auto")
    functions = of_type(stack, "AWS::Lambda::Function")
    by_role = {
        name: allowed(stack)[function["Role"]["Fn::GetAtt"][0]]
        for name, function in functions.items()
    }
    meets = {("dynamodb:UpdateItem", "JoinTable.Arn"), ("states:SendTaskSuccess", "StateMachine")}
    assert meets <= by_role["WorkerFunction"]
    assert not meets & by_role["WorkerFunction4096Mb"]
    variables = functions["WorkerFunction"]["Environment"]["Variables"]
    assert variables["DAGY_JOINS_TABLE"] == {"Ref": "JoinTable"}
    assert "DAGY_JOINS_TABLE" not in json.dumps(functions["WorkerFunction4096Mb"])


def test_items_are_kept_for_longer_than_anything_waits():
    [table] = of_type(made(crossed(), joins="auto"), "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert LOOK_SECONDS * (LOOKS + 1) < KEPT_SECONDS


def test_no_execution_begins_before_its_tokens_can_be_sent():
    resources = made(crossed(), joins="auto")["Resources"]
    assert resources["StateMachineVersion"]["DependsOn"] == ["LetWaitingGoOn"]


def test_the_estimate_says_what_joins_are_for_and_what_they_take():
    found = estimate(compile_flow(crossed(), mode="micro", joins="auto").plan)
    without = estimate(compile_flow(crossed(), mode="micro").plan)
    assert (found.joins, found.join_transitions) == (1, 2)
    assert found.transitions == without.transitions + 2
    assert found.makespan_seconds == found.critical_path_seconds == 100
    assert found.makespan_without_joins_seconds == without.makespan_seconds == 110
    # What waits writes one more than other tasks: that it has been submitted.
    assert found.history_events == without.history_events + 5 + 6


FORCED = Structure(loss=1.0, join_seconds=0)


@settings(max_examples=200, deadline=None)
@given(flows(), st.randoms(use_true_random=False))
def test_no_flow_takes_longer_than_its_critical_path(spec, random):
    durations = {run.id: random.uniform(1, 10) for run in spec.task_runs}
    plan = run_passes(spec, mode="micro", joins="auto", measured=durations, after="fuse")
    plan = FORCED(plan)
    seconds = [durations[unit.task_runs[0]] for unit in plan.units]
    least = critical_path([unit.after for unit in plan.units], seconds)
    assert makespan(plan.tree, seconds) == pytest.approx(least)


def wide_cross(width):
    """Many of the shape of `crossed`, each in its own part of the flow."""
    flow = Flow("wide")
    for number in range(width):
        d, s, c, t = (f"{what}-{number}" for what in "dsct")
        flow.task(d, expected_seconds=90).task(s, expected_seconds=10)
        flow.task(c, output(d), output(s), expected_seconds=10)
        flow.task(t, output(s), expected_seconds=90)
    return flow.returns(None)


def test_joins_reach_into_the_parts_of_a_split_flow():
    plan = run_passes(wide_cross(20), mode="micro", joins="auto", after="emit")
    split = Limits()(Split(definition_bytes=12_000)(plan))
    assert len(split.parts) > 1
    waiting = [name for name, part in split.parts.items() if RESOURCE in part.model_dump_json()]
    assert waiting
    stack = plainly(stack_of(split))
    [send] = [
        statement["Resource"]
        for policy in of_type(stack, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == ["states:SendTaskSuccess"]
    ]
    assert len(send) >= len(waiting)
