"""Hard limits of AWS, and the time that large flows take."""

import json
import time

import pytest

from dagy.errors import LimitError
from dagy_compiler import compile_flow, run_passes
from dagy_compiler.asl import StateMachine
from dagy_compiler.events import history_events
from dagy_compiler.passes.limits import Limits, definition_bytes
from tests.compiler.cases import CASES, diamond
from tests.compiler.flows import Flow, output


def chain_of(size):
    flow = Flow("long")
    flow.task("t0")
    for number in range(1, size):
        flow.task(f"t{number}", output(f"t{number - 1}"))
    return flow.returns(output(f"t{size - 1}"))


def test_a_definition_that_is_too_large_is_refused_with_the_way_out():
    plan = run_passes(chain_of(2_000), mode="micro", after="emit")
    with pytest.raises(LimitError) as caught:
        Limits()(plan)
    message = str(caught.value)
    assert message.startswith("flow 'long': its definition takes 1,")
    assert "accepts 1,048,576" in message
    assert "--execution-mode nano" in message


def test_a_history_that_is_too_long_is_refused_with_the_way_out():
    plan = run_passes(chain_of(5_000), mode="micro", after="emit")
    with pytest.raises(LimitError) as caught:
        Limits()(plan)
    assert str(caught.value) == (
        "flow 'long': an execution in which nothing is retried writes 25,002 events to its history, "
        "and Step Functions ends it after 25,000; use --execution-mode nano (the whole flow in one "
        "Lambda invocation), or split the flow"
    )


def test_nano_takes_any_number_of_tasks():
    assert len(compile_flow(chain_of(5_000)).definition()["States"]) == 1


def test_the_size_counts_the_function_that_the_deployment_fills_in():
    definition = compile_flow(diamond(), mode="micro").definition()
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:" + "f" * 120
    filled = json.dumps(definition, separators=(",", ":")).replace("${WorkerFunctionArn}", arn)
    assert definition_bytes(definition) == len(filled)


def test_history_counts_five_for_a_task_four_for_a_parallel_two_for_a_pass():
    machine = compile_flow(diamond(), mode="micro").machine
    assert history_events(machine.states, machine.start_at) == 4 * 5 + 4 + 2


def test_the_limits_are_options_of_the_pass():
    plan = run_passes(diamond(), mode="micro", after="emit")
    with pytest.raises(LimitError, match="accepts 100;"):
        Limits(definition_bytes=100)(plan)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_definition_is_deterministic_and_can_be_read_back(case):
    definition = compile_flow(case(), mode="micro").definition()
    again = compile_flow(case(), mode="micro").definition()
    assert json.dumps(definition) == json.dumps(again)
    assert StateMachine.model_validate(definition).to_json() == definition


def test_ten_thousand_states_take_little_time():
    spec = chain_of(10_000)
    started = time.process_time()
    plan = run_passes(spec, mode="micro", after="emit")
    json.dumps(plan.machine.to_json())
    assert time.process_time() - started < 5


def test_the_deepest_nesting_of_parallels_can_be_read_back():
    flow = Flow("deep").task("s0")
    for number in range(1, 80):
        flow.task(f"s{number}", output(f"s{number - 1}"))
        flow.task(f"side{number}", output(f"s{number - 1}"))
    last = [run.id for run in flow.runs if run.id not in {f"s{n}" for n in range(79)}]
    spec = flow.task("end", after=last).returns()
    definition = compile_flow(spec, mode="micro").definition()
    assert StateMachine.model_validate(definition).to_json() == definition


def patient(count, attempts, **policy):
    flow = Flow("patient")
    for number in range(count):
        flow.task(f"t{number}", retries=attempts, delay=1)
    return flow.task("last", retries=9 * attempts, delay=1).returns(**policy)


def test_a_history_that_retries_may_make_too_long_is_warned_of():
    with pytest.warns(UserWarning, match="flow 'patient': if every task uses all") as caught:
        compile_flow(patient(80, 100), mode="micro")
    assert [str(each.message) for each in caught] == [
        "flow 'patient': if every task uses all its attempts, an execution writes 27,113 events to "
        "its history, and Step Functions ends it after 25,000; last alone writes 2,705: give it "
        "fewer retries, or use --execution-mode nano, where the worker makes all attempts"
    ]


def test_the_flows_own_retries_count_where_they_run_all_of_it_again(recwarn):
    compile_flow(patient(20, 100), mode="micro")
    assert not recwarn.list
    with pytest.warns(UserWarning, match="give it fewer retries, or the flow fewer, or use"):
        compile_flow(patient(20, 100, retries=5), mode="micro")
