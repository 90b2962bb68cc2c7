"""What is said of each state."""

from dataclasses import asdict

import pytest
from hypothesis import given

from dagy_compiler import compile_flow, explain, explanation_text
from dagy_compiler.owners import owners
from tests.compiler.cases import (
    CASES,
    PLACED,
    branched,
    concurrency_limit,
    executor_of_its_own,
    live_values_only,
    n_shape,
    native_retry,
    plain_chain,
)
from tests.compiler.flows import Flow, compile_split, output
from tests.compiler.strategies import placed_flows


def explained(spec, mode="micro", **options):
    return explain(compile_flow(spec, mode=mode, **options).plan)


def notes(spec, mode="micro", **options):
    return {note.state: note for note in explained(spec, mode, **options).states}


def states_in(value):
    """The names of all states of a definition."""
    if isinstance(value, dict):
        return [
            *value.get("States", {}),
            *(name for item in value.values() for name in states_in(item)),
        ]
    return [name for item in value for name in states_in(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("mode", ["nano", "micro", "medium"])
@pytest.mark.parametrize("case", [*CASES, *PLACED], ids=lambda case: case.__name__)
def test_every_state_is_explained_and_every_task_run_is_in_one(case, mode):
    compiled = compile_flow(case(), mode=mode)
    found = explain(compiled.plan)
    assert sorted(note.state for note in found.states) == sorted(states_in(compiled.definition()))
    first = [note for note in found.states if note.place and not note.further]
    runs = [task_run for note in first for task_run in note.task_runs]
    assert sorted(runs) == sorted(run.id for run in compiled.spec.task_runs)


@given(placed_flows())
def test_a_state_belongs_to_the_task_run_that_its_call_names(spec):
    plan = compile_flow(spec, mode="micro").plan
    found = owners(plan)
    assert {plan.units[unit].name for unit in found.values()} == {run.id for run in spec.task_runs}
    for state, unit in found.items():
        assert state == plan.units[unit].name or state.startswith(f"{plan.units[unit].name} (")


def test_a_fork_does_not_belong_to_a_task_called_f():
    flow = Flow().task("f").task("g", output("f")).task("h", output("f"))
    found = notes(flow.returns([output("g"), output("h")]))
    assert found["fork: g, h"].task_runs == ()


def test_a_task_says_what_it_waits_for_without_need():
    found = notes(n_shape())
    assert (found["d"].waits_for, found["d"].for_nothing) == (("a", "b"), ("a",))
    assert (found["c"].waits_for, found["c"].for_nothing) == (("a", "b"), ())


def test_a_task_says_what_it_waits_for_because_of_a_limit():
    found = notes(concurrency_limit())
    assert (found["part-3"].for_limit, found["part-3"].for_nothing) == (("part-1",), ())


def test_after_a_branch_the_ends_of_both_sides_are_waited_for():
    assert notes(branched())["report"].waits_for == ("store", "note")


def test_a_fork_waits_for_the_last_of_each_branch():
    found = notes(live_values_only())
    assert found["fork: raw, other"].joins == ("log", "model", "other")
    assert found["report"].waits_for == ("log", "model", "other")


def test_a_place_is_explained():
    found = notes(executor_of_its_own())
    assert found["audit"].place == "on lambda, 1024 MB, by mode micro"
    assert found["train"].place.endswith("by its executor, its memory_mb, its vcpu")


@pytest.mark.parametrize(
    ("spec", "mode", "fuse", "state", "why"),
    [
        (plain_chain(), "micro", "off", "parse", "a call of its own: --fuse off"),
        (plain_chain(), "micro", "chains", "parse, clean, count", "one call for a chain"),
        (plain_chain(), "micro", "chains", "load", "the flow returns the output of count"),
        (plain_chain(), "micro", "auto", "clean", "parse is not known to take less than 1 s"),
        (native_retry(), "micro", "chains", "grow", "fetch has retries"),
        (n_shape(), "micro", "chains", "c", "it follows several tasks"),
        (n_shape(), "micro", "chains", "d", "others follow b too"),
        (plain_chain(), "nano", "off", "plain-chain", "one call for the whole flow: mode nano"),
        (executor_of_its_own(), "nano", "off", "train", "it has its own place, in mode nano"),
        (executor_of_its_own(), "nano", "off", "report", "one call for all that has no place"),
    ],
)
def test_a_unit_is_explained(spec, mode, fuse, state, why):
    assert why in notes(spec, mode, fuse=fuse)[state].unit


def test_what_is_true_of_all_tasks_is_said_once():
    text = explanation_text(explained(n_shape()))
    assert text.count("--fuse off") == 1
    assert "waits for a without need" in text


def test_a_long_name_stands_apart_from_what_is_said_of_it():
    flow = Flow()
    for letter in "abc":
        flow.task(letter * 40)
    name = f"fork: {'a' * 19}…, {'b' * 19}…, {'c' * 19}…"
    assert f"{name}  runs 3 branches at once" in explanation_text(explained(flow.returns()))


def test_an_explanation_is_plain_data():
    found = asdict(explained(n_shape()))
    assert found["estimate"]["transitions"] == 8
    assert found["states"][0]["joins"] == ("a", "b")


def test_each_machine_of_a_flow_that_is_split_is_explained_under_its_name():
    flow = Flow()
    for number in range(20):
        flow.task(f"t{number}", *([output(f"t{number - 1}")] if number else []))
    compiled = compile_split(flow.returns(output("t19")), 6_000)
    found = explain(compiled.plan)
    assert [part.name for part in found.parts] == list(compiled.parts())
    noted = [*found.states, *(note for part in found.parts for note in part.states)]
    begun = [name for note in noted if note.place for name in note.task_runs]
    assert sorted(begun) == sorted(f"t{number}" for number in range(20))
    entered = len(noted) - sum(note.does.startswith("fails: ") for note in noted)
    assert found.estimate.transitions == entered
    text = explanation_text(found)
    for part in found.parts:
        told = f"Part {part.name}, a state machine of its own, of which an execution takes"
        assert f"{told}\n  {part.history_events:,} of 25,000 history events" in text
        assert f"runs part {part.name} of the flow" in text
