"""From a graph to a tree that takes as long as the graph: joins across branches where barriers cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import graphs as drawn
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.tree import Joined, Leaf, Parallel, Series, joined_in, leaves
from dagy_compiler.weave import MAX_DEPTH, weave
from tests.compiler.test_decompose import durations, graphs, order_in, order_of


def bare(tree):
    """A tree without its joins."""
    match tree:
        case Joined(child=child):
            return child
        case Series(children=children) | Parallel(children=children):
            return type(tree)(tuple(map(bare, children)))
    return tree


def order_with_joins(tree):
    """All pairs of nodes of which one runs after the other, by the tree and by its joins."""
    pairs = order_of(bare(tree))
    pairs |= {(p, next(leaves(node))) for node in joined_in(tree) for p in node.waits_for}
    before = {node: set() for node in leaves(tree)}
    for one, two in pairs:
        before[two].add(one)
    for node in leaves(tree):
        before[node] = before[node].union(*(before[p] for p in before[node]))
    return {(one, two) for two, earlier in before.items() for one in earlier}


@st.composite
def timed_graphs(draw):
    graph = draw(graphs())
    return graph, draw(st.lists(durations, min_size=len(graph), max_size=len(graph)))


@settings(max_examples=300, deadline=None)
@given(timed_graphs())
def test_any_graph_keeps_its_tasks_and_its_order_and_takes_as_long_as_its_critical_path(timed):
    graph, seconds = timed
    tree = weave(graph, seconds)
    assert sorted(leaves(tree)) == list(range(len(graph)))
    assert order_in(graph) <= order_with_joins(tree)
    assert makespan(tree, seconds) == pytest.approx(critical_path(graph, seconds))
    assert weave(graph, seconds) == tree


@settings(max_examples=200, deadline=None)
@given(timed_graphs())
def test_what_waits_is_read_after_what_it_waits_for_and_that_is_told(timed):
    """So that the reading order is one in which all can run: nothing waits in a circle."""
    tree = weave(*timed)
    place = {node: position for position, node in enumerate(leaves(tree))}
    told = {next(leaves(node)) for node in joined_in(tree) if node.told}
    for node in joined_in(tree):
        for other in node.waits_for:
            assert place[other] < place[next(leaves(node))]
            assert other in told


@settings(max_examples=200, deadline=None)
@given(timed_graphs())
def test_nothing_waits_for_what_it_would_wait_for_anyway(timed):
    graph, seconds = timed
    tree = weave(graph, seconds)
    for node in joined_in(tree):
        for other in node.waits_for:
            fewer = without(tree, next(leaves(node)), other)
            assert (other, next(leaves(node))) not in order_with_joins(fewer)


def without(tree, waiting, other):
    """A tree in which one node does not wait for another."""
    match tree:
        case Joined(child=Leaf(unit=unit), waits_for=waits_for) if unit == waiting:
            return Joined(Leaf(unit), tuple(p for p in waits_for if p != other), tree.told)
        case Series(children=children) | Parallel(children=children):
            return type(tree)(tuple(without(child, waiting, other) for child in children))
    return tree


@settings(max_examples=200, deadline=None)
@given(timed_graphs(), st.data())
def test_a_rigid_edge_is_ordered_by_the_tree_alone(timed, data):
    graph, seconds = timed
    edges = sorted((p, node) for node, earlier in enumerate(graph) for p in earlier)
    rigid = data.draw(st.sets(st.sampled_from(edges))) if edges else set()
    tree = weave(graph, seconds, rigid, edges)
    assert rigid <= order_of(bare(tree))
    assert order_in(graph) <= order_with_joins(tree)


@pytest.mark.parametrize("uniform", [False, True])
def test_random_layered_graphs_lose_nothing(uniform):
    for seed in range(40):
        graph = drawn.layered(seed, uniform=uniform)
        woven = weave(*graph)
        assert makespan(woven, graph.durations) == pytest.approx(critical_path(*graph))


@pytest.mark.parametrize("shape", drawn.SHAPES)
def test_workflows_of_science_lose_nothing(shape):
    graph = drawn.SHAPES[shape](0)
    assert makespan(weave(*graph), graph.durations) == pytest.approx(critical_path(*graph))


def test_a_large_graph_loses_nothing():
    graph = drawn.wide(12, 50)
    woven = weave(*graph)
    assert sorted(leaves(woven)) == list(range(600))
    assert order_in(graph.predecessors) <= order_with_joins(woven)
    assert makespan(woven, graph.durations) == pytest.approx(critical_path(*graph))


@pytest.mark.parametrize("rigid", [False, True])
def test_a_long_row_of_ns_is_not_cut_off_one_after_another(rigid):
    """Nor does what walks a tree, or a state machine in it, have to go that deep."""
    graph = [[], *([max(0, node - 3), node - 1] if node % 2 else [] for node in range(1, 1_000))]
    edges = [(p, node) for node, earlier in enumerate(graph) for p in earlier] if rigid else []
    woven = weave(graph, [1 + node * 7 % 13 for node in range(1_000)], edges)
    assert sorted(leaves(woven)) == list(range(1_000))
    assert depth_of(woven) <= MAX_DEPTH


def depth_of(tree):
    """How many decompositions are within one another."""
    match tree:
        case Series(children=children) | Parallel(children=children):
            return 1 + max(map(depth_of, children))
    return 0


def test_where_a_barrier_costs_nothing_there_is_no_join():
    crossed = [[], [], [0], [0, 1]]
    assert not list(joined_in(weave(crossed, [1, 1, 9, 1])))


def test_an_n_has_one_join_where_every_barrier_costs():
    n_shape = [[], [], [0, 1], [1]]
    assert weave(n_shape, [90, 10, 10, 90]) == Parallel(
        (
            Series((Joined(Leaf(1), told=True), Leaf(3))),
            Series((Leaf(0), Joined(Leaf(2), waits_for=(1,)))),
        )
    )
