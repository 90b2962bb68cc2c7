"""More values than fit into a state, even where each is only named."""

import pytest

from dagy.errors import LimitError
from dagy_compiler import run_passes
from dagy_compiler.passes import Dataflow
from dagy_compiler.program import Call, every
from tests.compiler.flows import Flow, output

SLEEP = {"service": {"kind": "sleep"}, "named": {"seconds": 1}}


def fan_in(width, **policy):
    flow = Flow()
    for number in range(width):
        flow.task(f"t{number}", **policy)
    return flow.task("join", [output(f"t{number}") for number in range(width)])


def lowered(flow, room=240_000):
    plan = Dataflow(room)(run_passes(flow.returns(), mode="micro", after="retry"))
    return {step.unit: step for step in every(plan.program.body.steps) if isinstance(step, Call)}


def test_as_long_as_they_fit_values_move_by_variables():
    calls = lowered(fan_in(100))
    assert not any(call.stores for call in calls.values())
    assert len(calls[100].inputs.results) == 100


def test_more_are_stored_by_those_that_make_them_and_read_by_their_ids():
    calls = lowered(fan_in(2_000))
    ids = tuple(f"t{number}" for number in range(2_000))
    assert [calls[unit].stores for unit in range(2_000)] == [(name,) for name in ids]
    assert (calls[2_000].inputs.joined, calls[2_000].inputs.results) == (ids, ())


def test_only_what_meets_in_a_crowd_is_stored():
    flow = fan_in(6)
    flow.task("apart", after=["join"]).task("after", output("apart"), output("t0"))
    calls = lowered(flow, room=600)
    assert {name for call in calls.values() for name in call.stores} == {f"t{n}" for n in range(6)}
    assert [name for name, _ in calls[8].inputs.results] == ["apart"]
    assert calls[8].inputs.joined == ("t0",)


def test_each_attempt_of_the_flow_has_its_own():
    flow = fan_in(2_000)
    definition = run_passes(flow.returns(retries=1), mode="micro").machine.to_json()
    [body] = definition["States"]["flow (body)"]["Branches"]
    joined = body["States"]["join"]["Arguments"]["Payload"]
    assert joined["flow_attempt"] == "{% $flow_attempt %}"


def test_of_what_no_single_call_makes_no_more_can_join_than_fit_and_that_is_said():
    with pytest.raises(LimitError) as caught:
        lowered(fan_in(2_000, **SLEEP))
    assert str(caught.value) == (
        "flow 'daily': what a fork joins is made by 2,000 task runs, and at most 1,835 of them can "
        "join in one state; join them in groups, with a task for each group"
    )
    assert lowered(fan_in(1_835, **SLEEP))


def test_more_ids_than_fit_into_a_call_are_refused_too():
    with pytest.raises(LimitError, match="at most 2 of them can join in one state"):
        lowered(fan_in(3), room=12)
