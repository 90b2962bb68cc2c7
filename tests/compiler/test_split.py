"""What does not fit into one state machine becomes several, nested in each other."""

import json

import pytest
from sfnx.testing import Failure, run

from dagy_compiler import compile_flow, describe
from dagy_compiler.asl import StateMachine
from dagy_compiler.bundle import FlowSource, write_bundle
from dagy_compiler.lines import definition_lines
from dagy_compiler.nested_states import part_id
from dagy_compiler.passes.limits import definition_bytes
from dagy_compiler.render import outline
from tests.compiler.flows import Flow, compile_split, output, parameter, surface
from tests.compiler.stacks import plainly
from tests.engines.sfnx import nesting


def layers(count, width=3, name="layered"):
    """Each task of a layer reads two of the layer before it."""
    flow = Flow(name)
    for index in range(width):
        flow.task(f"load-{index}", parameter("day"))
    before = [f"load-{index}" for index in range(width)]
    for layer in range(1, count):
        here = [f"step-{layer}-{index}" for index in range(width)]
        for index, task in enumerate(here):
            flow.task(task, output(before[index]), output(before[(index + 1) % width]))
        before = here
    return flow.returns([output(task) for task in before])


def test_a_flow_that_fits_is_one_machine():
    assert compile_flow(layers(5), mode="micro").parts() == {}


@pytest.mark.parametrize("size", [10_000, 15_000, 25_000])
def test_every_machine_keeps_to_the_limit(size):
    flow = compile_split(layers(20), size)
    sizes = [definition_bytes(each) for each in (flow.definition(), *flow.parts().values())]
    assert len(sizes) > 2
    assert max(sizes) <= size


def test_a_history_that_would_be_too_long_is_split_too():
    """5,000 tasks in a chain are 25,002 events."""
    chain = Flow("long").task("t0")
    for number in range(1, 5_000):
        chain.task(f"t{number}", output(f"t{number - 1}"))
    flow = compile_flow(chain.returns(output("t4999")), mode="micro")
    assert 3 <= len(flow.parts()) <= 8


def test_a_part_has_the_name_of_its_first_task_and_begins_with_what_it_is_given():
    flow = compile_split(layers(20), 15_000)
    for name, part in flow.parts().items():
        given = next(iter(part["States"]))
        assert given == f"part {name} (given)"
        assert part["StartAt"] == given
        assert name.startswith("from-")


def test_parts_are_nested_in_each_other_where_one_level_is_not_enough():
    spec = layers(60, width=2)
    flow = compile_split(spec, 8_000)
    started = {
        name: [other for other in flow.parts() if f"${{{part_id(other)}Arn}}" in json.dumps(part)]
        for name, part in flow.parts().items()
    }
    assert any(started.values())
    called = []

    def task(call):
        called.extend(call.arguments["Payload"].get("tasks", ()))
        return {"Payload": {"output": "1"}}

    execution = run(flow.definition(), {"day": "monday"}, nesting(task, flow.parts()))
    assert execution.error is None
    assert sorted(called) == sorted(run.id for run in spec.task_runs)


def test_a_change_moves_only_the_cuts_near_it():
    before = compile_split(layers(60), 25_000)
    longer = layers(60)
    flow = Flow(longer.name)
    flow.tasks, flow.runs = dict(longer.tasks), list(longer.task_runs)
    flow.task("more", output("load-0"))
    after = compile_split(flow.returns(longer.outputs), 25_000)
    same = [name for name, part in before.parts().items() if after.parts().get(name) == part]
    assert len(same) >= len(before.parts()) // 2


def test_the_same_flow_is_split_in_the_same_way():
    first, second = (compile_split(layers(20), 15_000) for _ in range(2))
    assert json.dumps([first.definition(), first.parts()]) == json.dumps(
        [second.definition(), second.parts()]
    )


def failing(cause):
    """How a flow ends whose part fails with an error and a cause."""
    flow = compile_split(layers(8), 15_000)

    def task(call):
        if call.state.startswith("step-5"):
            raise Failure("KeyError", cause)
        surface(call)
        return {"Payload": {"output": "1"}}

    return run(flow.definition(), {"day": "x" * 50}, nesting(task, flow.parts()))


@pytest.mark.parametrize("cause", ['{"errorMessage": "\'x\'"}', "", '"ExecutionArn":', "{% 1 %}"])
def test_a_failure_surfaces_under_its_own_name_and_cause(cause):
    execution = failing(cause)
    assert (execution.error, execution.cause) == ("KeyError", cause)


def test_what_a_part_was_given_may_be_longer_than_a_cause():
    """The cause of the state is cut after 32,768 characters, within the input of the part."""
    spec = layers(8)
    flow = compile_split(spec, 15_000)

    def task(call):
        if call.state.startswith("step-5"):
            raise Failure("KeyError", "no such key")
        surface(call)
        return {"Payload": {"output": json.dumps("x" * 20_000)}}

    execution = run(flow.definition(), {"day": "x"}, nesting(task, flow.parts()))
    assert (execution.error, execution.cause) == ("KeyError", "no such key")


def test_values_share_what_fits_beside_each_other_in_the_answer_of_a_part():
    """Input and output of a part come back together, in 262,144 bytes."""
    flow = compile_split(layers(8), 15_000)
    last = [
        [state for state in part["States"].values() if state["Type"] == "Parallel"][-1]
        for part in flow.parts().values()
    ]
    limits = {
        state["Arguments"]["Payload"]["limit"]
        for fork in last
        for branch in fork["Branches"]
        for state in branch["States"].values()
    }
    assert max(limits) * 3 * 2 <= 240_000


def test_what_a_reader_sees(golden):
    flow = compile_split(layers(6), 12_000)
    golden("split/layered.md", "\n".join(pages(flow)))


def pages(flow):
    yield "# layered\n\nSix layers of three tasks, in machines of at most 12,000 bytes.\n"
    yield f"## split\n\n```text\n{describe(flow.plan, 'split')}\n```\n"
    yield f"## outline\n\n```text\n{outline(flow.definition(), flow.parts())}\n```\n"
    first = next(iter(flow.parts()))
    state = flow.definition()["States"][f"part {first}"]
    yield f"## the state that runs a part\n\n```json\n{json.dumps(state, indent=2)}\n```\n"


@pytest.fixture
def bundle(tmp_path):
    """The bundle of a flow whose definitions are too large for a template."""
    (tmp_path / "flows.py").write_text("")
    source = FlowSource(tmp_path, (tmp_path / "flows.py",))
    flow = compile_flow(layers(90, width=15), mode="micro")
    return write_bundle(flow, source, tmp_path, python_version="3.12")


def test_definitions_that_are_too_large_for_a_template_are_files_of_their_own(bundle):
    stack = json.loads((bundle.path / "template.json").read_bytes())
    machines = bundle.manifest["state_machines"]
    assert next(iter(machines)) == "StateMachine"
    assert len(machines) == len(bundle.parts) + 1 > 1
    for machine, file in machines.items():
        location = stack["Resources"][machine]["Properties"]["DefinitionS3Location"]
        assert location == {"Bucket": {"Ref": "ArtifactBucket"}, "Key": {"Ref": f"{machine}Key"}}
        assert f"{machine}Key" in stack["Parameters"]
        text = (bundle.path / file).read_text(encoding="utf-8")
        assert StateMachine.model_validate(json.loads(text))
        assert text == definition_lines(json.loads(text)) + "\n"


def test_a_machine_may_start_the_parts_in_it_and_nothing_else(bundle):
    stack = plainly(json.loads((bundle.path / "template.json").read_bytes()))["Resources"]
    parts = [machine for machine in bundle.manifest["state_machines"] if machine != "StateMachine"]
    policies = {
        policy["PolicyName"]: policy["PolicyDocument"]["Statement"]
        for policy in stack["StateMachineRole"]["Properties"]["Policies"]
    }
    start, watch, rule = policies["RunParts"]
    assert start["Action"] == ["states:StartExecution"]
    assert start["Resource"] == [{"Ref": part} for part in parts]
    assert watch["Action"] == ["states:DescribeExecution", "states:StopExecution"]
    assert len(watch["Resource"]) == len(parts)
    assert "StepFunctionsGetEventsForStepFunctionsExecutionRule" in json.dumps(rule["Resource"])
    for part in parts:
        names = [each["PolicyName"] for each in stack[f"{part}Role"]["Properties"]["Policies"]]
        assert names == ["InvokeWorker"]
