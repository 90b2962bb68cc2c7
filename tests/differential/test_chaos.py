"""Lambda throttles, dies and times out at random: results stay right, and attempts are kept to."""

from collections import Counter
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sfnx.testing import Failure

from tests.differential import palette
from tests.differential.observe import locally, on_sfnx, spec_of
from tests.differential.programs import Call, Drawn, crossed_programs, programs
from tests.differential.test_differential import SEEDS, WITHOUT_CONTAINERS, drawing

THROTTLED = ("Lambda.TooManyRequestsException", "Lambda.ServiceException")
LOST = ("Lambda.Unknown", "Sandbox.Timedout", "States.Timeout", "Runtime.ExitError")

TROUBLES = st.lists(
    st.one_of(
        st.none(),
        st.none(),
        st.tuples(st.just("refused"), st.sampled_from(THROTTLED)),
        st.tuples(st.just("lost before"), st.sampled_from(LOST)),
        st.tuples(st.just("lost after"), st.sampled_from(LOST)),
    ),
    max_size=40,
)


def troubled(troubles):
    """What is done to each invocation in turn; nothing once they have run out."""
    pending = chain(troubles, repeat(None))

    def around(invoke):
        match next(pending):
            case None:
                return invoke()
            case ("lost after", name):
                invoke()
            case (_, name):
                pass
        raise Failure(name, "{}")

    return around


@drawing(1)
@given(programs(), TROUBLES)
def test_nothing_that_lambda_does_changes_a_result_or_adds_an_attempt(program, troubles):
    kept_right(program, troubles)


@drawing(0.5)
@given(crossed_programs(), TROUBLES, SEEDS)
def test_nor_does_it_where_tasks_wait_across_branches(program, troubles, seed):
    kept_right(program, troubles, joins=seed)


# Here the interpreter makes attempts of tasks within a worker, and its delays take their time.
@pytest.mark.parametrize("mode", ["nano", "small"])
@drawing(0.1)
@given(program=programs(), troubles=TROUBLES)
def test_nor_does_it_where_one_worker_runs_the_whole_flow(program, troubles, mode):
    kept_right(program, troubles, mode)


def kept_right(program, troubles, mode="micro", **options):
    here = locally(program)
    there = on_sfnx(program, mode, troubled(troubles), **options)
    if there.status == "SUCCEEDED":  # some items may have been lost for good, where some may
        assert there.output == here.output or program.tolerates()
    else:
        assert there.error in {*LOST, *THROTTLED, *palette.ERRORS}
    spec = spec_of(program)
    allowed = {run.id: spec.tasks[run.task_name].retries + 1 for run in spec.task_runs}
    made = Counter(what[1] for what in there.called.elements() if what[0] == "call")
    for task_run_id, attempts in made.items():
        whole_flow = spec.retries + 1
        assert attempts <= allowed[task_run_id.partition("[")[0]] * whole_flow


@drawing(0.5)
@given(programs(WITHOUT_CONTAINERS), st.lists(st.sampled_from(THROTTLED), max_size=7))
def test_throttling_is_never_noticed(program, errors):
    troubles = [("refused", name) for name in errors]
    there = on_sfnx(program, "micro", troubled(troubles))
    here = locally(program)
    assert (there.status, there.output) == (here.status, here.output)


def hooks_of(there):
    return sorted((what[1], what[3]) for what in there.called if what[:3:2] == ("hook", "drawn"))


HANDED = {"nano": [], "small": [None]}
"""What comes before the worker of a whole flow: that of a container is handed its call."""


@pytest.mark.parametrize("mode", ["nano", "small"])
@pytest.mark.parametrize("delay", [1, 0.5])
def test_a_whole_flow_whose_worker_dies_makes_another_attempt(mode, delay):
    policy = {"retries": 1, "retry_delay_seconds": delay, **palette.HOOKS}
    program = Drawn((Call(0, {"fails": 0, "value": 7}),), (0,), policy)
    troubles = [*HANDED[mode], ("lost after", "Lambda.Unknown")]
    there = on_sfnx(program, mode, troubled(troubles))
    assert there.output == 7
    begun = [("on_retry", 2), ("on_running", 1), ("on_running", 2)]
    assert hooks_of(there) == [("on_completion", 1), ("on_completion", 2), *begun]


@pytest.mark.parametrize("mode", ["nano", "small"])
@pytest.mark.parametrize("retries", [0, 1])
def test_its_hooks_are_called_when_the_last_worker_died(mode, retries):
    program = Drawn((Call(0, {"fails": 0}),), (0,), {"retries": retries, **palette.HOOKS})
    lost, asked = ("lost before", "Runtime.OutOfMemory"), None
    there = on_sfnx(program, mode, troubled(HANDED[mode] + [lost, asked] * (retries + 1)))
    assert (there.status, there.error) == ("FAILED", "Runtime.OutOfMemory")
    assert hooks_of(there) == [("on_failure", retries + 1)]


@pytest.mark.parametrize("mode", ["nano", "small"])
def test_a_whole_flow_that_is_retried_natively_does_not_retry_within(mode):
    order = {"fails": 99, "error": "KeyError", "says": "x"}
    program = Drawn((Call(0, order),), (0,), {"retries": 2, "retry_delay_seconds": 1})
    there = on_sfnx(program, mode)
    assert (there.error, there.called) == ("KeyError", {("call", "plain", 1): 3})
