"""Lambda throttles, dies and times out at random: results stay right, and attempts are kept to."""

from collections import Counter
from itertools import chain, repeat

from hypothesis import given
from hypothesis import strategies as st
from sfnx.testing import Failure

from tests.differential import palette
from tests.differential.observe import locally, on_sfnx, spec_of
from tests.differential.programs import crossed_programs, programs
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


def kept_right(program, troubles, **options):
    here = locally(program)
    there = on_sfnx(program, "micro", troubled(troubles), **options)
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
