"""What changes in a definition when something changes in a flow: no more than has to."""

import json
import re
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from dagy_compiler import compile_flow, run_passes
from dagy_compiler.tree import Leaf, Series
from dagy_compiler.waits import waits_of
from tests.compiler.flows import Flow, output
from tests.compiler.strategies import flows


def states(spec):
    """Every state of a definition by its name, without the states inside it."""
    found = {}

    def visit(value):
        if isinstance(value, dict):
            for name, state in value.get("States", {}).items():
                apart = {key: item for key, item in state.items() if key not in INSIDE}
                found[name] = json.dumps(apart)
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                visit(item)

    visit(compile_flow(spec, mode="micro").definition())
    return found


INSIDE = ("Branches", "ItemProcessor")


def without(found, *words):
    """The states that mention none of these, which are the names of tasks, in name or in text."""
    return {
        name: state
        for name, state in found.items()
        if not any(word in name + state for word in words)
    }


def spelled(value, old, new):
    """A part of a spec in which a task has another name."""
    return json.loads(json.dumps(value).replace(f'"{old}"', f'"{new}"'))


def renamed(spec, old, new):
    tasks = {
        new if name == old else name: replace(task, name=new) if name == old else task
        for name, task in spec.tasks.items()
    }
    runs = [
        replace(
            run,
            id=new if run.id == old else run.id,
            task_name=new if run.task_name == old else run.task_name,
            depends_on=spelled(run.depends_on, old, new),
            args=spelled(run.args, old, new),
        )
        for run in spec.task_runs
    ]
    outputs, edges = spelled(spec.outputs, old, new), spelled(spec.edges, old, new)
    return replace(spec, tasks=tasks, task_runs=runs, outputs=outputs, edges=edges)


def put_before(spec, target, added):
    """A task that takes what `target` took, and gives it to that."""
    flow = Flow(spec.name)
    flow.tasks = {**spec.tasks, added: replace(spec.tasks[target], name=added)}
    for run in spec.task_runs:
        if run.id == target:
            flow.runs.append(replace(run, id=added, task_name=added))
            run = replace(run, depends_on=[added], args=[output(added)])
        flow.runs.append(run)
    return flow.returns(spec.outputs)


@st.composite
def changes(draw):
    """A random flow, and one of its tasks."""
    spec = draw(flows())
    assume(spec.task_runs)
    return spec, draw(st.sampled_from(spec.task_runs)).id


@given(changes())
def test_a_new_name_changes_only_states_that_mention_it(change):
    spec, task = change
    before, after = states(spec), states(renamed(spec, task, "other"))
    assert without(before, task) == without(after, "other")


@given(changes(), st.sampled_from([None, 1, [3, 0]]))
def test_a_retry_changes_only_the_states_of_its_task(change, delay):
    spec, task = change
    retried = replace(spec.tasks[task], retries=4, retry_delay_seconds=delay)
    after = states(replace(spec, tasks={**spec.tasks, task: retried}))
    assert without(states(spec), task) == without(after, task)


def order(spec, left_out=None):
    """The tree of a flow as nested tuples of names, as it is without one that stands in a sequence.

    One that stands beside others at once has changed the tree for them, and its gap is shown.
    """
    plan = run_passes(spec, mode="micro", after="structure")

    def kept(tree):
        if isinstance(tree, Leaf):
            return None if plan.units[tree.unit].name == left_out else plan.units[tree.unit].name
        children = [kept(child) for child in tree.children]
        if isinstance(tree, Series):
            children = [child for child in children if child is not None]
        return (type(tree).__name__, *children) if len(children) > 1 else children[0]

    return kept(plan.tree)


@given(changes())
def test_a_task_in_the_middle_changes_only_what_is_beside_it(change):
    spec, task = change
    longer = put_before(spec, task, "other")
    assume(order(spec) == order(longer, "other"))
    # What the task took is now read for the last time before it: its makers may keep it shorter.
    makers = next(run for run in spec.task_runs if run.id == task).depends_on
    words = (task, "other", *makers)
    before, after = (without(states(each), *words) for each in (spec, longer))
    assert without_limits(before) == without_limits(after)


def without_limits(found):
    """The states without the bytes that a value may take, which depend on what is joined with it."""
    return {name: re.sub(r'"limit": \d+, ', "", state) for name, state in found.items()}


@given(changes())
def test_in_a_series_parallel_order_a_task_in_the_middle_moves_no_other(change):
    spec, task = change
    assume(not any(note.for_nothing for note in waits_of(run_passes(spec, mode="micro"))))
    assert order(spec) == order(put_before(spec, task, "other"), "other")


def maps(*names):
    """Maps with nothing between them, each in a branch of its own."""
    flow = Flow()
    for name in names:
        flow.task(f"list-{name}")
        flow.task(f"each-{name}", output(f"list-{name}"), map_over=[0])
    return flow.returns()


def test_a_map_more_leaves_the_states_of_the_others():
    assert (
        without(states(maps("a", "b")), "fork", "join").items()
        <= states(maps("other", "a", "b")).items()
    )
