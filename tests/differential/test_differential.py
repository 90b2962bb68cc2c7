"""What a random flow does on the laptop it does as a state machine, call by call.

`make fuzz` draws many more; a flow on which the two differed becomes a test of its own below.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential.observe import locally, on_moto, on_sfnx
from tests.differential.programs import failing_programs, programs

EXAMPLES = int(os.environ.get("DAGY_FUZZ_EXAMPLES", "40"))


def drawing(share):
    return settings(
        max_examples=max(3, int(EXAMPLES * share)),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGY_DATA_DIR", str(tmp_path))


@drawing(1)
@given(programs())
def test_flows_that_succeed_on_sfnx(program):
    here = locally(program)
    assert here.status == "SUCCEEDED"
    assert on_sfnx(program, "micro") == here


@drawing(0.1)
@given(programs())
def test_flows_that_succeed_in_one_invocation(program):
    assert on_sfnx(program, "nano") == locally(program)


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


@drawing(0.1)
@given(programs())
def test_flows_that_succeed_on_moto(program):
    assert on_moto(program, "micro") == locally(program)


@drawing(0.1)
@given(failing_programs())
def test_flows_that_fail_on_moto(program):
    assert on_moto(program, "micro") == locally(program)


@drawing(0.1)
@given(programs(), SIZES)
def test_split_flows_that_succeed_on_moto(program, size):
    assert on_moto(program, "micro", size) == locally(program)


@drawing(0.1)
@given(failing_programs(), SIZES)
def test_split_flows_that_fail_on_moto(program, size):
    assert on_moto(program, "micro", size) == locally(program)
