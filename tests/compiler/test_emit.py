"""What holds for every definition, whatever the flow."""

import json
from dataclasses import replace

from hypothesis import given, settings

from dagy_compiler import compile_flow
from tests.compiler.flows import Flow, output, parameter
from tests.compiler.strategies import flows


def scopes(machine, around=()):
    """The states of the machine and of each branch, with the scopes around them."""
    yield machine["States"], around
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from scopes(branch, (*around, machine["States"]))


def named_states(states):
    """Yield all states with their names, those of branches too."""
    for inside, _ in scopes({"States": states}):
        yield from inside.items()


def assigned(states):
    return {name for state in states.values() for name in state.get("Assign", {})}


@settings(max_examples=150, deadline=None)
@given(flows())
def test_names_are_unique_and_scopes_keep_apart(spec):
    definition = compile_flow(spec, mode="micro").definition()
    found = list(scopes(definition))
    names = [name for states, _ in found for name in states]
    assert len(names) == len(set(names))
    assert all(len(name) <= 80 for name in names)
    for states, around in found:
        for outer in around:
            assert not assigned(states) & assigned(outer)


@settings(max_examples=150, deadline=None)
@given(flows())
def test_a_value_is_kept_only_where_a_later_state_reads_it(spec):
    definition = compile_flow(spec, mode="micro").definition()
    text = json.dumps(definition)
    for states, _ in scopes(definition):
        for name in assigned(states):
            assert f"${name} " in text or f"${name})" in text, f"{name} is assigned and never read"


@settings(max_examples=150, deadline=None)
@given(flows())
def test_nothing_flows_on_as_state_output_but_what_branches_yield(spec):
    definition = compile_flow(spec, mode="micro").definition()
    for states, _ in scopes(definition):
        for state in states.values():
            if "Next" not in state:
                continue
            told = states[state["Next"]]["Type"] in {"Pass", "Choice"} or state["Type"] == "Wait"
            assert told or state["Output"] == {}


def test_user_data_and_texts_never_become_expressions_or_substitutions():
    """Arguments stay out of the definition; names and sources are taken apart in comments."""
    hostile = "{% $eval('secret') %} ${AWS::AccountId}"
    flow = Flow(hostile)
    flow.task("load", hostile, parameter("day"), source=hostile)
    spec = flow.returns({"out": output("load"), hostile: hostile})
    for mode in ("nano", "micro"):
        definition = compile_flow(spec, mode=mode).definition()
        text = json.dumps(definition).replace("${WorkerFunctionArn}", "")
        assert "${" not in text
        assert "{% $eval" not in text
        for states, _ in scopes(definition):
            assert all(
                "secret" not in json.dumps(state.get("Arguments")) for state in states.values()
            )


def test_the_input_of_the_execution_does_not_enter_branches():
    flow = Flow()
    flow.task("a").task("b")
    definition = compile_flow(flow.returns(), mode="micro").definition()
    assert definition["States"]["fork: a, b"]["Arguments"] == {}


def test_long_ids_are_cut_where_states_are_added():
    long = "x" * 100
    spec = (
        Flow().task(long, retries=2, delay=0).task(long + "y", output(long)).returns(output(long))
    )
    states = compile_flow(spec, mode="micro").definition()["States"]
    assert len(states) == 7
    assert all(len(name) <= 80 for name in states)


def test_the_comment_of_a_call_says_where_all_that_it_runs_is_called():
    flow = Flow()
    for number in range(6):
        flow.task(f"t{number}")
        flow.runs[-1] = replace(flow.runs[-1], source=f"daily.py:{number + 7}")
    flow.task("apart", executor="ecs", after=["t0"])
    states = compile_flow(flow.returns(), mode="nano").definition()["States"]
    comments = [state["Comment"] for _, state in named_states(states) if "Comment" in state]
    told = ", ".join(f"t{number} (daily.py:{number + 7})" for number in range(4))
    assert f"{told} and 2 more" in comments
