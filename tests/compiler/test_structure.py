"""Branches on the same value: one node of the tree, or several, one after another."""

from dataclasses import replace

import pytest

from dagy_compiler import compile_flow
from dagy_compiler.tree import Choose, leaves, steps
from tests.compiler.flows import Flow, output

CHECK = output("check")


def chosen(then, otherwise=None):
    return {"$branch": CHECK, "then": then, "otherwise": otherwise}


def branches(flow):
    """The branches of a flow after its first task, one after another: the units of each side."""
    plan = compile_flow(flow.returns(None), mode="micro").plan
    names = [unit.name for unit in plan.units]
    first, *others = steps(plan.tree)
    assert [names[unit] for unit in leaves(first)] == ["check"]
    assert all(isinstance(node, Choose) for node in others)
    return [
        tuple([names[unit] for unit in leaves(side)] for side in (node.then, node.otherwise))
        for node in others
    ]


def one_and_another(*arguments, side=False):
    """A branch, and a task on a side of a second one that is given the arguments."""
    flow = Flow("branched").task("check")
    flow.task("yes", when=[(CHECK, True)]).task("no", when=[(CHECK, False)])
    return flow.task("next", *arguments, when=[(CHECK, side)])


def test_branches_that_do_not_depend_on_each_other_are_one():
    assert branches(one_and_another()) == [(["yes"], ["no", "next"])]


def test_what_reads_its_own_side_alone_is_in_the_same_branch():
    assert branches(one_and_another(chosen(1, output("no")))) == [(["yes"], ["no", "next"])]


@pytest.mark.parametrize("side", [True, False])
def test_what_reads_the_other_side_comes_after_it(side):
    both = chosen(output("yes"), output("no"))
    after = (["next"], []) if side else ([], ["next"])
    assert branches(one_and_another(both, side=side)) == [(["yes"], ["no"]), after]


def test_what_follows_goes_on_in_the_last_of_them():
    flow = one_and_another(chosen(output("yes")))
    flow.task("beside", when=[(CHECK, True)])
    flow.task("last", chosen(output("beside"), output("next")), when=[(CHECK, True)])
    assert branches(flow) == [
        (["yes"], ["no"]),
        (["beside"], ["next"]),
        (["last"], []),
    ]


def test_a_limit_on_runs_at_once_parts_no_sides_of_which_one_alone_runs():
    flow = Flow("branched").task("check")
    flow.task("yes", concurrency_limit=1, when=[(CHECK, True)])
    flow.task("no", when=[(CHECK, False)])
    flow.runs[-1] = replace(flow.runs[-1], task_name="yes")
    assert branches(flow) == [(["yes"], ["no"])]
