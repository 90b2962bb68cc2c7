"""How long a tree takes, with as many workers as it can use."""

from dagy.spec import ParameterReference
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.tree import EMPTY, Choose, Leaf, Parallel, Series

FIRST_THEN_LAST = Series((Parallel((Leaf(0), Leaf(1))), Leaf(2)))


def test_steps_add_up_and_of_what_runs_at_once_the_longest_counts():
    assert makespan(FIRST_THEN_LAST, [5, 3, 2]) == 7
    assert makespan(EMPTY, []) == 0


def test_a_branch_takes_as_long_as_its_longer_side():
    choose = Choose(ParameterReference("day"), FIRST_THEN_LAST, EMPTY)
    assert makespan(Series((choose, Leaf(3))), [5, 3, 2, 1]) == 8
    assert makespan(Choose(ParameterReference("day"), EMPTY, Leaf(0)), [4]) == 4


def test_the_critical_path_is_the_longest_way_through_the_graph():
    assert critical_path([[], [], [0], [0, 1]], [1, 9, 7, 2]) == 11
    assert critical_path([], []) == 0
