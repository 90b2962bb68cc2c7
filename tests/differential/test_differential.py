"""What a random flow does on the laptop it does as a state machine, call by call.

`make fuzz` draws many more; a flow on which the two differed becomes a test of its own below.
"""

import os
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dagy.errors import LimitError
from tests.differential.observe import (
    compiled,
    in_doubles,
    locally,
    on_ministack,
    on_moto,
    on_sfnx,
    spec_of,
)
from tests.differential.palette import TASKS
from tests.differential.programs import (
    Call,
    Drawn,
    branching_programs,
    crossed_programs,
    failing_programs,
    programs,
    repeating_programs,
)

WITHOUT_CONTAINERS = len(TASKS) - 1  # moto's engine has none
WITHOUT_NATIVE_RETRIES = len(TASKS) - 3  # ministack's branches share their retry counts
EXAMPLES = int(os.environ.get("DAGY_FUZZ_EXAMPLES", "30"))


def drawing(share):
    return settings(
        max_examples=max(3, int(EXAMPLES * share)),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@drawing(1)
@given(programs())
def test_flows_that_succeed_on_sfnx(program):
    here = locally(program)
    assert here.status == "SUCCEEDED"
    assert on_sfnx(program, "micro") == here


@pytest.mark.parametrize("fuse", ["chains", "auto"])
@drawing(0.3)
@given(program=programs())
def test_flows_of_fused_chains_on_sfnx(program, fuse):
    assert on_sfnx(program, "micro", fuse=fuse) == locally(program)


# Here the interpreter makes attempts within a worker, and its delays take their time.
@pytest.mark.parametrize("mode", ["nano", "small"])
@drawing(0.1)
@given(program=programs())
def test_flows_of_shared_invocations_on_sfnx(program, mode):
    assert on_sfnx(program, mode) == locally(program)


@drawing(0.1)
@given(failing_programs())
def test_flows_that_fail_in_containers(program):
    assert on_sfnx(program, "small") == locally(program)


@drawing(0.5)
@given(failing_programs())
def test_flows_that_fail_on_sfnx(program):
    here = locally(program)
    assert here.status == "FAILED"
    there = on_sfnx(program, "micro")
    assert there == here


SIZES = st.integers(1_000, 30_000)


@drawing(0.5)
@given(programs(), SIZES)
def test_split_flows_that_succeed_on_sfnx(program, size):
    assert on_sfnx(program, "micro", size=size) == locally(program)


@drawing(0.5)
@given(failing_programs(), SIZES)
def test_split_flows_that_fail_on_sfnx(program, size):
    assert on_sfnx(program, "micro", size=size) == locally(program)


@pytest.mark.parametrize("fuse", ["off", "auto"])
@drawing(0.5)
@given(program=branching_programs(), size=st.none() | SIZES)
def test_flows_that_branch_on_the_same_value_on_sfnx(program, size, fuse):
    size = size if fuse == "off" else None
    assert on_sfnx(program, "micro", fuse=fuse, size=size) == locally(program)


@drawing(0.3)
@given(failing_programs(drawn=branching_programs))
def test_flows_that_branch_on_the_same_value_and_fail_on_sfnx(program):
    assert on_sfnx(program, "micro") == locally(program)


@drawing(0.1)
@given(branching_programs(WITHOUT_CONTAINERS))
def test_flows_that_branch_on_the_same_value_on_moto(program):
    assert in_doubles(on_moto(program, "micro")) == in_doubles(locally(program))


@drawing(0.5)
@given(repeating_programs(), st.none() | SIZES)
def test_flows_with_siblings_that_are_alike_on_sfnx(program, size):
    assert on_sfnx(program, "micro", size=size) == locally(program)


@drawing(0.2)
@given(failing_programs(drawn=repeating_programs))
def test_flows_with_siblings_that_fail_on_sfnx(program):
    assert on_sfnx(program, "micro") == locally(program)


@drawing(0.1)
@given(repeating_programs(WITHOUT_CONTAINERS))
def test_flows_with_siblings_that_are_alike_on_moto(program):
    assert in_doubles(on_moto(program, "micro")) == in_doubles(locally(program))


@drawing(0.1)
@given(repeating_programs(WITHOUT_NATIVE_RETRIES))
def test_flows_with_siblings_that_are_alike_on_ministack(ministack, program):
    assume(not program.is_distributed())
    program = replace(program, policy={})
    here = locally(program)
    assume(here.output is not None)  # it reads `$parse("null")` as no value
    there = on_ministack(ministack, program)
    assert (there.status, there.output) == (here.status, here.output)


SEEDS = st.integers(0, 99)


@drawing(0.3)
@given(branching_programs(), SEEDS)
def test_flows_that_branch_on_the_same_value_with_joins_on_sfnx(program, seed):
    assert on_sfnx(program, "micro", joins=seed) == locally(program)


@drawing(0.5)
@given(crossed_programs(), st.none() | SIZES, SEEDS)
def test_flows_with_joins_that_succeed_on_sfnx(program, size, seed):
    assert on_sfnx(program, "micro", size=size, joins=seed) == locally(program)


@drawing(0.3)
@given(failing_programs(drawn=crossed_programs), st.none() | SIZES, SEEDS)
def test_flows_with_joins_that_fail_on_sfnx(program, size, seed):
    assert on_sfnx(program, "micro", size=size, joins=seed) == locally(program)


@drawing(0.1)
@given(crossed_programs(WITHOUT_CONTAINERS), SEEDS)
def test_flows_with_joins_that_succeed_on_moto(program, seed):
    assert in_doubles(on_moto(program, "micro", joins=seed)) == in_doubles(locally(program))


@drawing(0.1)
@given(failing_programs(WITHOUT_CONTAINERS, crossed_programs), SEEDS)
def test_flows_with_joins_that_fail_on_moto(program, seed):
    assert in_doubles(on_moto(program, "micro", joins=seed)) == in_doubles(locally(program))


def least_room(program, joins=None):
    """Return how little room the values of a flow can do with; most that meet are stored then."""
    room = 100
    while True:
        with suppress(LimitError):
            compiled(spec_of(program), "micro", joins=joins, room=room)
            return room
        room += room // 8


@drawing(0.5)
@given(st.one_of(programs(), crossed_programs()), st.none() | SEEDS)
def test_flows_of_more_values_than_fit_into_states_on_sfnx(program, seed):
    room = least_room(program, seed)
    assert on_sfnx(program, "micro", joins=seed, room=room) == locally(program)


@drawing(0.3)
@given(st.one_of(repeating_programs(), failing_programs()))
def test_siblings_and_failures_of_more_values_than_fit_into_states_on_sfnx(program):
    assert on_sfnx(program, "micro", room=least_room(program)) == locally(program)


@drawing(0.1)
@given(programs(WITHOUT_CONTAINERS))
def test_flows_of_more_values_than_fit_into_states_on_moto(program):
    there = on_moto(program, "micro", room=least_room(program))
    assert in_doubles(there) == in_doubles(locally(program))


@drawing(0.1)
@given(programs(WITHOUT_CONTAINERS))
def test_flows_that_succeed_on_moto(program):
    assert in_doubles(on_moto(program, "micro")) == in_doubles(locally(program))


@drawing(0.1)
@given(failing_programs(WITHOUT_CONTAINERS))
def test_flows_that_fail_on_moto(program):
    assert in_doubles(on_moto(program, "micro")) == in_doubles(locally(program))


@drawing(0.1)
@given(programs(WITHOUT_CONTAINERS), SIZES)
def test_split_flows_that_succeed_on_moto(program, size):
    assert in_doubles(on_moto(program, "micro", size)) == in_doubles(locally(program))


@drawing(0.1)
@given(failing_programs(WITHOUT_CONTAINERS), SIZES)
def test_split_flows_that_fail_on_moto(program, size):
    assert in_doubles(on_moto(program, "micro", size)) == in_doubles(locally(program))


@drawing(0.15)
@given(st.one_of(programs(WITHOUT_NATIVE_RETRIES), failing_programs(WITHOUT_NATIVE_RETRIES)))
def test_flows_on_ministack_with_the_worker_of_the_artifact(ministack, program):
    assume(not program.is_distributed())  # it does not evaluate ItemSelector there
    program = replace(program, policy={})  # the worker is another process, and finds no drawn flow
    here = locally(program)
    assume(here.output is not None or here.error is not None)  # it reads `$parse("null")` as none
    there = on_ministack(ministack, program)
    assert (there.status, there.output) == (here.status, here.output)
    if here.error is not None:
        assert (there.error, there.error_message) == (here.error, here.message)


@drawing(0.1)
@given(crossed_programs(WITHOUT_NATIVE_RETRIES), SEEDS)
def test_flows_with_joins_on_ministack_with_its_table_and_tokens(ministack, program, seed):
    assume(not program.is_distributed())
    program = replace(program, policy={})
    here = locally(program)
    assume(here.output is not None)  # it reads `$parse("null")` as no value
    there = on_ministack(ministack, program, joins=seed)
    assert (there.status, there.output) == (here.status, here.output)


@pytest.mark.parametrize("observe", [on_sfnx, on_moto])
def test_characters_beyond_the_basic_plane_arrive(observe):
    # One output is opened where it is returned, the other is written as a variable.
    order = {"fails": 0, "value": "a\U0001f680b"}
    for statements in ((Call(0, order, ()),), (Call(0, order, ()), Call(0, order, (0,)))):
        program = Drawn(statements, (0,), default="\U0001f680")
        assert in_doubles(observe(program, "micro")) == in_doubles(locally(program))
