"""What the variables of an execution take together, counted in what is emitted."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.errors import LimitError
from dagy_compiler import compile_flow
from dagy_compiler.limits import CLAIM_BYTES, INLINE_ITEMS, STATE_BYTES
from dagy_compiler.passes import Split
from tests.compiler.flows import Flow, output, parameter
from tests.compiler.strategies import flows

AWS_TAKES = 10 * 1024 * 1024
WORKERS_OWN = 240_000


def base(variable):
    """A value has a variable in each scope that it comes to: `r_load`, `r1_load`."""
    return re.sub(r"^r\d*_", "", variable)


def sizes(states, found):
    """What each value may take, by the base of its variables, as the calls that make it are told."""
    for state in states.values():
        for branch in state.get("Branches", ()):
            sizes(branch["States"], found)
        inside = state.get("ItemProcessor", {}).get("States", {})
        sizes(inside, found)
        payload = state.get("Arguments", {}).get("Payload", {})
        limit = max(payload.get("limit", WORKERS_OWN), CLAIM_BYTES)
        for variable, value in (state.get("Assign") or {}).items():
            if "Payload.output" in value:
                found[base(variable)] = max(limit, found.get(base(variable), 0))
        for item in inside.values():
            told = item.get("Arguments", {}).get("Payload", {})
            if {"tasks", "item"} <= told.keys():
                each = max(told.get("limit", WORKERS_OWN), CLAIM_BYTES)
                found[base(kept(states, state["Next"]))] = INLINE_ITEMS * each
    return found


def kept(states, name):
    [variable] = states[name].get("Assign") or {"": None}
    return variable


def held(states, size):
    """All that a scope ever assigns, and all that is in branches of its widest state."""
    own = {variable for state in states.values() for variable in state.get("Assign") or ()}
    own |= {
        variable
        for state in states.values()
        for rule in state.get("Choices", ())
        for variable in rule.get("Assign") or ()
    }
    inside = [
        sum(held(branch["States"], size) for branch in state.get("Branches", ()))
        for state in states.values()
    ]
    return sum(len(name) + size.get(base(name), 5) for name in own) + max(inside, default=0)


def most(plan):
    size = {}
    for machine in plan.machines:
        sizes(machine.model_dump(by_alias=True, exclude_none=True)["States"], size)
    definitions = [m.model_dump(by_alias=True, exclude_none=True) for m in plan.machines]
    return max(held(definition["States"], size) for definition in definitions), size


def fan_out(width, **policy):
    """Tasks whose values are read in their own branches, and only told of to the end."""
    flow = Flow("wide")
    for number in range(width):
        flow.task(f"load{number}", **policy).task(f"use{number}", output(f"load{number}"))
    return flow.task("end", after=[f"use{n}" for n in range(width)]).returns(None)


def chain(length):
    flow = Flow("long").task("t0")
    for number in range(1, length):
        flow.task(f"t{number}", output(f"t{number - 1}"))
    return flow.returns(None)


def at_once(count):
    """Values that are all made before the first of them is read."""
    flow = Flow("held").task("t0")
    for number in range(1, count):
        flow.task(f"t{number}", after=[f"t{number - 1}"])
    for number in range(count):
        flow.task(
            f"u{number}",
            output(f"t{number}"),
            after=[f"t{count - 1}", f"u{number - 1}"][: 1 + (number > 0)],
        )
    return flow.returns(None)


def maps(count):
    flow = Flow("mapped").task("list")
    for number in range(count):
        flow.task(f"m{number}", output("list"), map_over=[0])
        flow.task(f"u{number}", output(f"m{number}"))
    return flow.task("end", after=[f"u{n}" for n in range(count)]).returns(None)


@pytest.mark.parametrize(
    "spec",
    [fan_out(1_000), fan_out(45), chain(200), at_once(60), maps(60), maps(250)],
    ids=["wide", "just too wide", "long", "held", "maps", "many maps"],
)
def test_the_variables_of_an_execution_never_take_more_than_aws_takes(spec):
    taken, _ = most(compile_flow(spec, mode="micro").plan)
    assert AWS_TAKES / 4 < taken <= AWS_TAKES


@settings(max_examples=30, deadline=None)
@given(flows(), st.integers(2_000, 20_000))
def test_nor_do_those_of_parts(spec, size):
    plan = Split(definition_bytes=size)(compile_flow(spec, mode="micro").plan)
    taken, _ = most(plan)
    assert taken <= AWS_TAKES


def test_a_flow_whose_values_fit_anyway_is_told_nothing():
    _, size = most(compile_flow(fan_out(20), mode="micro").plan)
    assert {size[f"load{number}"] for number in range(20)} == {WORKERS_OWN}


def test_the_share_changes_by_halves():
    _, some = most(compile_flow(fan_out(100), mode="micro").plan)
    _, more = most(compile_flow(fan_out(101), mode="micro").plan)
    assert some["load0"] == more["load0"] == 60_000


def test_the_claims_of_maps_fit_into_a_state_together():
    flow = Flow("joined").task("list")
    for number in range(40):
        flow.task(f"m{number}", output("list"), map_over=[0])
    flow.task("join", *(output(f"m{number}") for number in range(40)), output("list"))
    _, size = most(compile_flow(flow.returns(None), mode="micro").plan)
    joined = sum(size[f"m{number}"] for number in range(40)) + size["list"]
    assert joined < STATE_BYTES


def test_maps_whose_claims_do_not_fit_are_refused():
    flow = Flow("joined").task("list")
    for number in range(60):
        flow.task(f"m{number}", output("list"), map_over=[0])
    flow.task("join", *(output(f"m{number}") for number in range(60)))
    with pytest.raises(
        LimitError, match="is made by 60 task runs, 60 of them maps, of up to 40 values each"
    ):
        compile_flow(flow.returns(None), mode="micro")


def limits(spec, mode="micro"):
    written = json.dumps(compile_flow(spec, mode=mode).definition())
    return [int(most) for most in re.findall(r'"most": (\d+)', written)]


def test_the_input_is_limited_where_it_is_sent_beside_results():
    apart = Flow("apart").task("load", parameter("day")).task("save", output("load"))
    assert limits(apart.returns(None)) == []
    beside = Flow("beside").task("load", parameter("day"))
    beside.task("save", output("load"), parameter("day")).task("end", output("save"))
    assert limits(beside.returns(None)) == [120_000, 120_000]


@pytest.mark.parametrize(("mode", "found"), [("micro", [120_000]), ("nano", [])])
def test_the_input_is_limited_where_it_is_sent_beside_a_failure(mode, found):
    flow = Flow("guarded").task("load", parameter("day"))
    spec = replace(flow.returns(None), retries=1)
    assert limits(spec, mode) == found
