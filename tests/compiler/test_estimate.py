"""What an execution is estimated to take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_compiler import compile_flow
from dagy_compiler.estimate import estimate
from dagy_compiler.limits import HANDED_BYTES
from tests.compiler.cases import (
    CASES,
    branched,
    chain,
    concurrency_limit,
    decided_retry,
    diamond,
    executor_of_its_own,
    fan_out_with_join,
    guarded,
    mapped,
    n_shape,
    native_retry,
    tolerant_map,
)
from tests.compiler.flows import Flow, Worker, execute, output
from tests.compiler.strategies import flows, placed_flows


def estimated(spec, mode="micro", **options):
    return estimate(compile_flow(spec, mode=mode, **options).plan)


@pytest.mark.parametrize(
    ("case", "task_runs", "transitions"),
    [
        (chain, 3, 3),  # a state each
        (diamond, 4, 6),  # and a Parallel and a Pass for the fork
        (branched, 5, 5),  # two calls for the longer side, and a Choice
        (mapped, 3, 7),  # count, choose, Map, one item, gather
        (tolerant_map, 3, 8),  # and one that counts how many failed
        (guarded, 1, 6),
    ],
)
def test_a_transition_is_a_state_that_is_entered(case, task_runs, transitions):
    found = estimated(case())
    assert (found.task_runs, found.transitions) == (task_runs, transitions)


@given(flows())
def test_so_many_states_are_entered_as_are_estimated(spec):
    compiled = compile_flow(spec, mode="micro")
    result = execute(compiled, Worker(spec))
    assert len(result.states) == estimate(compiled.plan).transitions


def test_a_further_item_of_a_map_is_a_further_transition():
    assert estimated(mapped()).transitions_per_item == 1
    assert estimated(chain()).transitions_per_item == 0


def test_nano_is_one_transition_whatever_the_flow():
    assert [estimated(case(), "nano").transitions for case in (chain, diamond, mapped)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("case", "plain", "retried"),
    [
        (chain, 17, 17),  # 2 for the execution, 5 for a Lambda task
        (native_retry, 12, 12 + 6 * 3),  # six retries in the states they are retries of
        # Two retries: a worker lost (5), a Choice and a Wait (2 each), another attempt (5).
        (decided_retry, 12, 12 + 2 * (5 + 2 + 2 + 5)),
    ],
)
def test_retries_write_events(case, plain, retried):
    found = estimated(case())
    assert (found.history_events, found.history_events_retried) == (plain, retried)


def test_a_flow_that_runs_again_writes_all_its_events_again():
    found = estimated(guarded())
    assert found.history_events_retried > 2 * (found.history_events - 2)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_trouble_never_writes_fewer_events(case):
    found = estimated(case())
    plain, retried = found.history_events, found.history_events_retried
    assert plain <= retried < found.history_events_throttled


def test_the_makespan_is_the_tree_s_and_the_critical_path_the_graph_s():
    lost = estimated(n_shape(), measured={"a": 9, "b": 1, "c": 1, "d": 9})
    assert (lost.critical_path_seconds, lost.makespan_seconds) == (10, 11)
    assert lost.stretch == 1.1
    assert lost.known_durations == 4


def test_a_sleep_takes_its_seconds_unless_only_a_task_or_a_parameter_says_how_many():
    sleeping = {"service": {"kind": "sleep"}, "default_executor": "step-functions"}
    spec = (
        Flow()
        .task("load", expected_seconds=2)
        .task("sleep", named={"seconds": 300}, after=["load"], **sleeping)
        .task("sleep-2", named={"seconds": output("load")}, **sleeping)
        .returns()
    )
    found = estimated(spec)
    assert found.known_durations == 2
    assert found.critical_path_seconds == 302


def test_a_limit_of_concurrency_makes_the_machine_longer_than_the_graph():
    assert estimated(concurrency_limit()).stretch == 3


def test_what_waits_for_a_unit_waits_for_all_of_it():
    assert estimated(executor_of_its_own(), "nano").stretch == 5 / 4


@given(placed_flows(), st.sampled_from(["nano", "micro", "medium"]))
def test_no_order_is_shorter_than_the_critical_path(spec, mode):
    assert estimated(spec, mode).stretch >= 1


@given(placed_flows(), st.sampled_from(["nano", "micro"]), st.sampled_from(["off", "chains"]))
def test_what_is_handed_on_fits_a_state(spec, mode, fuse):
    assert estimated(spec, mode, fuse=fuse).largest_payload.size <= HANDED_BYTES


def test_the_largest_payload_says_whose_it_is():
    found = estimated(fan_out_with_join()).largest_payload
    assert found.what == "what the fork at part-1 joins"
    assert estimated(Flow().task("a").task("b", after=["a"]).returns()).largest_payload.size == 0
    flow = Flow().task("a").task("b", output("a"))
    assert estimated(flow.returns()).largest_payload.what == "what a answers"
