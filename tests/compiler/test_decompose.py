"""From a graph to a tree: every task once, every dependency kept, nothing added where that is possible."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import graphs as drawn
from dagy_compiler.decompose import decompose
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.order import levels
from dagy_compiler.tree import EMPTY, Leaf, Parallel, Series, leaves


def order_of(tree):
    """All pairs of nodes of which a tree runs one after the other."""
    if isinstance(tree, Leaf):
        return set()
    pairs = set().union(*(order_of(child) for child in tree.children))
    if isinstance(tree, Series):
        sets = [list(leaves(child)) for child in tree.children]
        for position, later in enumerate(sets):
            for earlier in sets[:position]:
                pairs |= {(one, two) for one in earlier for two in later}
    return pairs


def order_in(predecessors):
    """All pairs of nodes of which one precedes the other in a graph."""
    before = []
    for direct in predecessors:
        before.append(set(direct).union(*(before[node] for node in direct)))
    return {(one, two) for two, earlier in enumerate(before) for one in earlier}


def shape(tree):
    """Whether a tree is flat: no Series directly in a Series, no Parallel in a Parallel."""
    if isinstance(tree, Leaf):
        return True
    flat = all(type(child) is not type(tree) and shape(child) for child in tree.children)
    return flat and len(tree.children) > 1


@st.composite
def graphs(draw, largest=14):
    size = draw(st.integers(1, largest))
    return [
        sorted(draw(st.sets(st.integers(0, node - 1), max_size=4))) if node else []
        for node in range(size)
    ]


@st.composite
def series_parallel_graphs(draw, largest=14):
    """The order of a random tree, its nodes shuffled as far as that allows, some edges left out."""

    def build(size):
        if size == 1:
            return [[]]
        split = draw(st.integers(1, size - 1))
        first, second = build(split), build(size - split)
        shifted = [[node + split for node in direct] for direct in second]
        if draw(st.booleans()):
            shifted = [[*range(split), *direct] for direct in shifted]
        return first + shifted

    graph = build(draw(st.integers(1, largest)))
    pairs = order_in(graph)
    rank = draw(st.permutations(range(len(graph))))
    order = sorted(
        range(len(graph)), key=lambda node: (sum(two == node for _, two in pairs), rank[node])
    )
    place = {node: position for position, node in enumerate(order)}
    implied = {
        (one, two)
        for one, two in pairs
        if any((one, between) in pairs and (between, two) in pairs for between in range(len(graph)))
    }
    left_out = draw(st.sets(st.sampled_from(sorted(implied)))) if implied else set()
    kept = {(place[one], place[two]) for one, two in pairs - left_out}
    return [sorted(one for one, other in kept if other == two) for two in range(len(graph))]


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_any_graph_keeps_its_tasks_and_its_order(graph):
    tree = decompose(graph)
    assert sorted(leaves(tree)) == list(range(len(graph)))
    assert order_in(graph) <= order_of(tree)
    assert shape(tree)
    assert decompose(graph) == tree


@settings(max_examples=300, deadline=None)
@given(series_parallel_graphs())
def test_a_series_parallel_graph_gets_no_order_that_it_does_not_have(graph):
    assert order_of(decompose(graph)) == order_in(graph)


def test_no_tasks_make_an_empty_tree():
    assert decompose([]) == EMPTY


def test_redundant_edges_do_not_matter():
    chain = Series((Leaf(0), Leaf(1), Leaf(2)))
    assert decompose([[], [0], [0, 1]]) == decompose([[], [0], [1]]) == chain


def test_an_n_gets_the_barrier_that_adds_the_least():
    """Two ns share a chain: the barrier goes where fewer have to wait for one another."""
    n_then_wide = [[], [], [0, 1], [1], [2, 3]]
    assert decompose(n_then_wide) == Series(
        (Parallel((Leaf(0), Leaf(1))), Parallel((Leaf(2), Leaf(3))), Leaf(4))
    )


def test_deep_nesting_becomes_levels_and_stays_correct():
    """Each node forks off one more branch that ends only at the very end."""
    graph = [[]]
    for _ in range(120):
        last = len(graph) - 1
        spine = last - (last % 2)
        graph += [[spine], [spine]]
    graph.append(list(range(len(graph))))
    tree = decompose(graph)
    assert sorted(leaves(tree)) == list(range(len(graph)))
    assert order_in(graph) <= order_of(tree)


def crossed():
    """Two chains, a -> c and b -> d, of which d also waits for a: an N."""
    return [[], [], [0], [0, 1]]


def test_durations_decide_which_barrier_costs_nothing():
    together = Series((Parallel((Leaf(0), Leaf(1))), Parallel((Leaf(2), Leaf(3)))))
    assert decompose(crossed(), [1, 1, 9, 1]) == together
    c_before_b_ends = Series((Parallel((Series((Leaf(0), Leaf(2))), Leaf(1))), Leaf(3)))
    assert decompose(crossed(), [1, 9, 7, 2]) == c_before_b_ends


durations = st.floats(0.1, 100)


@settings(max_examples=200, deadline=None)
@given(graphs(), st.data())
def test_with_durations_known_it_takes_no_longer_than_level_after_level(graph, data):
    seconds = data.draw(st.lists(durations, min_size=len(graph), max_size=len(graph)))
    tree = decompose(graph, seconds)
    assert sorted(leaves(tree)) == list(range(len(graph)))
    assert order_in(graph) <= order_of(tree)
    assert shape(tree)
    assert decompose(graph, seconds) == tree
    by_level = sum(max(seconds[node] for node in level) for level in levels(graph))
    least = critical_path(graph, seconds)
    assert least <= makespan(tree, seconds) * (1 + 1e-9)
    assert makespan(tree, seconds) <= by_level * (1 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(graphs(), st.data())
def test_any_durations_may_be_unknown(graph, data):
    unknown = st.none() | durations
    seconds = data.draw(st.lists(unknown, min_size=len(graph), max_size=len(graph)))
    tree = decompose(graph, seconds)
    assert sorted(leaves(tree)) == list(range(len(graph)))
    assert order_in(graph) <= order_of(tree)
    assert decompose(graph, seconds) == tree


def test_units_of_length_nothing_keep_their_order():
    graph = crossed()
    assert order_in(graph) <= order_of(decompose(graph, [0, 0, 0, 0]))


def mean_and_worst(graphs, known):
    ratios = [
        makespan(decompose(*graph) if known else decompose(graph.predecessors), graph.durations)
        / critical_path(*graph)
        for graph in graphs
    ]
    return sum(ratios) / len(ratios), max(ratios)


LAYERED = [drawn.layered(seed, uniform=seed % 2 == 1) for seed in range(40)]


def test_random_layered_graphs_lose_little_where_durations_are_known():
    mean, worst = mean_and_worst(LAYERED, known=True)
    assert mean <= 1.05
    assert worst <= 1.25


def test_and_not_much_where_they_are_not():
    mean, _ = mean_and_worst(LAYERED, known=False)
    assert mean <= 1.15


@pytest.mark.parametrize("shape", drawn.SHAPES)
def test_workflows_of_science_lose_little(shape):
    graphs = [drawn.SHAPES[shape](seed) for seed in range(3)]
    mean, worst = mean_and_worst(graphs, known=True)
    assert mean <= 1.05
    assert worst <= 1.25


LARGE = {
    "chain": [[node - 1] if node else [] for node in range(10_000)],
    "fan-out": [[] for _ in range(10_000)],
    "fan-out-and-join": [[], *([0] for _ in range(9_998)), list(range(1, 9_999))],
    "ladder": [
        [] if node < 2 else [node - 2] if node % 2 else [node - 2, node - 1]
        for node in range(10_000)
    ],
    "layers": drawn.wide(200, 50).predecessors,
}


@pytest.mark.parametrize("name", LARGE)
def test_ten_thousand_tasks_are_decomposed(name):
    assert sum(1 for _ in leaves(decompose(LARGE[name]))) == 10_000
