"""fuse: which task runs share an invocation. Units are convex, and what fusing costs nobody pays."""

import re
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.errors import CompileError
from dagy_compiler import compile_flow
from dagy_compiler.durations import known_durations
from dagy_compiler.passes import Fuse, Place
from dagy_compiler.plan import Plan
from tests.compiler.flows import Flow, output
from tests.compiler.strategies import placed_flows


def plan_of(spec, mode, fuse="off", durations=MappingProxyType({})):
    return Fuse()(Place()(Plan(spec, mode, durations, fuse)))


def units(spec, mode, fuse="off"):
    return plan_of(spec, mode, fuse).units


def grouped(spec, mode, fuse="off"):
    return [unit.task_runs for unit in units(spec, mode, fuse)]


def two_ranks():
    """`train` has an executor of its own; `report` comes after it, all else need not wait."""
    flow = Flow("Two ranks")
    flow.task("extract")
    flow.task("clean", output("extract"))
    flow.task("train", output("clean"), executor="ecs")
    flow.task("audit", output("clean"))
    flow.task("report", output("train"), output("audit"))
    return flow.returns(output("report"))


@pytest.mark.parametrize("mode", ["nano", "small", "xlarge"])
def test_a_flow_in_which_nobody_asks_for_anything_is_one_unit(mode):
    flow = Flow("Daily load").task("a").task("b", output("a"))
    [unit] = units(flow.returns(output("b")), mode)
    assert (unit.name, unit.task_runs, unit.whole_flow) == ("Daily-load", ("a", "b"), True)


@pytest.mark.parametrize("mode", ["nano", "medium"])
def test_what_asks_for_nothing_shares_a_unit_with_all_of_its_rank(mode):
    first, own, second = units(two_ranks(), mode)
    assert first.task_runs == ("extract", "clean", "audit")
    assert (own.task_runs, own.after) == (("train",), (0,))
    assert (second.task_runs, second.after) == (("report",), (0, 1))
    assert [unit.outputs for unit in (first, own, second)] == [
        ("clean", "audit"),
        ("train",),
        ("report",),
    ]
    assert not any(unit.whole_flow for unit in (first, own, second))


def test_units_are_placed_and_named_after_their_task_runs():
    first, own, _ = units(two_ranks(), "nano")
    assert (first.name, first.placement) == ("extract, clean, audit", "WorkerFunction")
    assert (own.name, own.placement) == ("train", "TaskDefinitionSmall")
    flow = Flow().task("own", executor="lambda")
    for name in "abcde":
        flow.task(name)
    assert units(flow.returns(), "nano")[0].name == "a, b, c, +2"


def test_needs_that_differ_from_the_modes_are_a_unit_too_and_needs_that_do_not_are_not():
    flow = Flow().task("a", memory_mb=4096).task("b", memory_mb=1024).task("c")
    assert grouped(flow.returns(), "nano") == [("b", "c"), ("a",)]


def test_one_task_with_an_executor_of_its_own_is_not_the_whole_flow():
    [unit] = units(Flow().task("a", executor="ecs").returns(output("a")), "nano")
    assert (unit.whole_flow, unit.outputs) == (False, ("a",))


def test_a_flow_without_tasks():
    [unit] = units(Flow("empty").returns(1), "large")
    assert (unit.task_runs, unit.whole_flow, unit.placement) == ((), True, "TaskDefinitionLarge")
    assert units(Flow("empty").returns(1), "micro") == ()


def test_micro_has_a_unit_for_each_task_run():
    assert grouped(two_ranks(), "micro") == [
        ("extract",), ("clean",), ("train",), ("audit",), ("report",)
    ]  # fmt: skip


def chain(*, returned=None, between=None, **policy):
    flow = Flow("chain").task("a")
    flow.task("b", output("a"), **policy)
    flow.task("c", output("b"))
    if between:
        flow.task("d", output(between))
    return flow.returns(output(returned or "c"))


def test_chains_are_fused_on_demand():
    assert grouped(chain(), "micro") == [("a",), ("b",), ("c",)]
    [unit] = units(chain(), "micro", "chains")
    assert (unit.task_runs, unit.outputs, unit.whole_flow) == (("a", "b", "c"), ("c",), False)


@pytest.mark.parametrize(
    "policy",
    [
        {"retries": 1},
        {"concurrency_limit": 2},
        {"hooks": {"on_failure": ["page"]}},
        {"cache": {}},
        {"memory_mb": 2048},
        {"default_executor": "lambda"},
    ],
)
def test_a_task_that_needs_states_or_a_place_of_its_own_is_never_fused(policy):
    assert grouped(chain(**policy), "micro", "chains") == [("a",), ("b",), ("c",)]


def pair(first, second):
    """A chain of two, with what each says of its time."""
    flow = Flow("pair").task("a", **first)
    return flow.task("b", output("a"), **second).returns()


FUSED, APART = [("a", "b")], [("a",), ("b",)]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({}, {}, FUSED),
        ({"timeout_seconds": 300}, {"timeout_seconds": 299}, FUSED),
        ({"timeout_seconds": 300}, {"timeout_seconds": 300}, APART),
        ({"expected_seconds": 400}, {}, FUSED),
        ({"expected_seconds": 400}, {"expected_seconds": 400}, APART),
        ({"timeout_seconds": 300}, {"expected_seconds": 200}, FUSED),
        ({"timeout_seconds": 300}, {"expected_seconds": 300}, APART),
        ({"timeout_seconds": 590}, {}, APART),
        ({}, {"timeout_seconds": 1}, APART),
    ],
)
def test_a_chain_takes_less_time_than_an_invocation_has(first, second, found):
    spec = pair(first, second)
    plan = plan_of(spec, "micro", "chains", known_durations(spec, {}))
    assert [unit.task_runs for unit in plan.units] == found


def test_a_flow_that_is_not_expected_to_fit_an_invocation_is_warned_of():
    long = {"expected_seconds": 300.0}
    spec = pair(long, long)
    with pytest.warns(UserWarning, match=r"'pair': pair is one Lambda .* take 600; use --exec"):
        plan_of(spec, "nano", "off", known_durations(spec, {}))


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_nobody_is_warned_where_there_is_time(mode, recwarn):
    long = {"expected_seconds": 300.0}
    spec = pair(long, long)
    plan_of(spec, mode, "off", known_durations(spec, {}))
    assert not recwarn.list


def test_an_output_that_is_needed_elsewhere_ends_a_chain():
    assert grouped(chain(between="b"), "micro", "chains") == [("a", "b"), ("c",), ("d",)]
    assert grouped(chain(returned="b"), "micro", "chains") == [("a", "b"), ("c",)]


def test_auto_fuses_only_what_a_hint_says_is_short():
    assert grouped(chain(), "micro", "auto") == [("a",), ("b",), ("c",)]
    units = plan_of(chain(), "micro", "auto", {"a": 0.2, "b": 0.9, "c": 1.0}).units
    assert [unit.task_runs for unit in units] == [("a", "b"), ("c",)]


def test_an_unknown_way_to_fuse():
    with pytest.raises(CompileError, match="there is no such way to fuse; did you mean 'chains'"):
        units(chain(), "micro", "chain")


@settings(max_examples=300, deadline=None)
@given(
    placed_flows(), st.sampled_from(["nano", "micro", "small"]), st.sampled_from(["off", "chains"])
)
def test_units_are_a_convex_partition_in_an_order_that_can_be_run(spec, mode, fuse):
    plan = plan_of(spec, mode, fuse)
    unit_of = {run: index for index, unit in enumerate(plan.units) for run in unit.task_runs}
    assert sorted(unit_of) == sorted(plan.runs)
    assert sum(len(unit.task_runs) for unit in plan.units) == len(plan.runs)
    for index, unit in enumerate(plan.units):
        # Every unit comes after those it depends on, so the graph of units has no cycle, and no
        # path can leave a unit and come back.
        assert all(before < index for before in unit.after)
        depended = {unit_of[other] for run in unit.task_runs for other in plan.runs[run].depends_on}
        assert set(unit.after) == depended - {index}
        assert len({plan.placements[run].name for run in unit.task_runs} | {unit.placement}) == 1


@pytest.mark.parametrize(
    ("mode", "options", "warning"),
    [
        ("nano", {"fuse": "off"}, "--fuse off changes nothing in mode nano"),
        ("small", {"fuse": "chains"}, "--fuse chains changes nothing in mode small"),
        ("nano", {"joins": "auto"}, "--joins auto changes nothing here: in mode nano flow 'daily'"),
    ],
)
def test_an_option_that_changes_nothing_is_warned_of(mode, options, warning):
    spec = Flow().task("a").task("b", output("a")).returns()
    with pytest.warns(UserWarning, match=re.escape(warning)):
        compile_flow(spec, mode=mode, **options)


def test_joins_of_one_task_run_are_warned_of_as_that():
    spec = Flow("daily").task("a").returns()
    with pytest.warns(UserWarning, match="flow 'daily' is one task run, which waits for nothing"):
        compile_flow(spec, mode="micro", joins="auto")


def test_what_is_left_out_or_has_a_meaning_is_not_warned_of(recwarn):
    spec = Flow().task("a").task("b", output("a"), executor="ecs").returns()
    compile_flow(spec, mode="nano", joins="auto")
    compile_flow(spec, mode="micro", fuse="off", joins="auto")
    compile_flow(spec)
    assert not recwarn.list
