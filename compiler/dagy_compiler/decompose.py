"""From a graph to a tree of Series and Parallel: exact where that is possible, else the quickest.

Sequence and Parallel express exactly the series-parallel orders (Valdes, Tarjan, Lawler, "The
recognition of series parallel digraphs", 1982). An order is one of these if every part of it that
has more than one node either falls into unconnected parts, or can be cut into a first part all of
which precedes all of a second. Where neither holds there is an N (a before c, b before c and d),
and a barrier must add some order that the graph does not have.

Which barrier is best shows only when both its sides have been decomposed, so several are tried, on
both sides again several, and so on, as far as an allowance goes. `python -m benchmarks structure`
measures how good the trees are and what they cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dagy_compiler.cut import best_cuts
from dagy_compiler.durations import Durations, expected, guesses
from dagy_compiler.makespan import heads, tails
from dagy_compiler.order import Predecessors, components, levels, series_cuts
from dagy_compiler.tree import EMPTY, Leaf, Tree, parallel, series

MAX_DEPTH = 100
"""Decompositions within one another, which is at most 50 Parallels; deeper parts become levels."""

_SEARCHED = 256
"""The largest part, in nodes, in which several barriers are tried."""

_WIDTHS = (1, 4, 16)
"""How many barriers are tried at each place: first the likeliest, then more while allowed."""

_ALLOWANCE = 300
_ALLOWANCE_OF_GRAPH = 12_000
"""Nodes of the parts that are looked at for each width: for each node, and for all in all."""

_BALANCED = 32
"""The largest part, in nodes, whose barriers may leave less than an eighth on one side.

In larger ones that would peel off the ends, one after another, which takes long and finds little.
"""

_BETTER = 1 - 1e-9
"""What is quicker only by rounding is not."""


def decompose(predecessors: Predecessors, durations: Sequence[float | None] | None = None) -> Tree:
    """Return a tree whose order contains the order of a graph, and equals it if a tree can.

    Args:
        predecessors: for each node, the nodes directly before it, all of smaller index.
        durations: seconds by node, None where not known; None if none is.

    Returns:
        A tree with every node as one leaf. Of a node that precedes another in the graph, the tree
        says the same. With all durations known it takes no longer than level after level would. It
        is the same for the same arguments.

    Examples:
        >>> decompose([[], [], [0]])
        Parallel(children=(Series(children=(Leaf(unit=0), Leaf(unit=2))), Leaf(unit=1)))
    """
    if not predecessors:
        return EMPTY
    known = [None] * len(predecessors) if durations is None else durations
    problem = _Problem(predecessors, expected(known), guesses(known))
    return _Decomposition(problem).part(tuple(range(len(predecessors))), MAX_DEPTH).tree


@dataclass(frozen=True)
class _Problem:
    """A graph, how long each node is expected to take, and by which guesses trees are judged."""

    predecessors: Predecessors
    durations: Durations
    guesses: list[Durations]


class _Timed(NamedTuple):
    """A tree and how long it takes by each guess, in seconds."""

    tree: Tree
    spans: tuple[float, ...]


def _in_series(parts: Iterable[_Timed]) -> _Timed:
    trees, spans = zip(*parts, strict=True)
    return _Timed(series(trees), tuple(map(sum, zip(*spans, strict=True))))


def _at_once(parts: Iterable[_Timed]) -> _Timed:
    trees, spans = zip(*parts, strict=True)
    return _Timed(parallel(trees), tuple(map(max, zip(*spans, strict=True))))


class _Search:
    """Decomposes parts of a graph, trying so many barriers wherever one is needed.

    A part is its nodes, ascending, and convex: whatever lies between two of them is among them. So
    its order is that of the edges among them, and nothing outside has to be looked at.

    Args:
        problem: the graph.
        width: how many barriers to try at each place.
        allowance: when parts with as many nodes in all have been looked at, one barrier is tried.
    """

    def __init__(self, problem: _Problem, width: int, allowance: int) -> None:
        self.problem = problem
        self.width = width
        self.allowance = allowance
        self.found: dict[tuple[int, ...], _Timed] = {}

    def part(self, nodes: tuple[int, ...], depth: int) -> _Timed:
        """Decompose a part."""
        if len(nodes) == 1:
            return self.leaf(nodes[0])
        if nodes in self.found:
            return self.found[nodes]
        index = {node: position for position, node in enumerate(nodes)}
        before = [
            [index[other] for other in self.problem.predecessors[node] if other in index]
            for node in nodes
        ]
        if depth == 0:
            found = self.levels(nodes, before)
        elif len(unconnected := components(before)) > 1:
            found = _at_once(self.split(nodes, unconnected, depth))
        elif (successive := series_cuts(before)) is not None:
            found = _in_series(self.split(nodes, successive, depth))
        else:
            found = self.core(nodes, before, depth)
        if len(nodes) <= _SEARCHED:
            self.found[nodes] = found
        return found

    def leaf(self, node: int) -> _Timed:
        """Return a part of one node."""
        return _Timed(Leaf(node), tuple([guess[node] for guess in self.problem.guesses]))

    def levels(self, nodes: tuple[int, ...], before: Predecessors) -> _Timed:
        """Put a barrier between all levels of a part."""
        return _in_series(
            _at_once([self.leaf(nodes[local]) for local in level]) for level in levels(before)
        )

    def split(
        self, nodes: tuple[int, ...], parts: Iterable[Sequence[int]], depth: int
    ) -> list[_Timed]:
        """Decompose parts of a part."""
        return [self.part(tuple([nodes[local] for local in part]), depth - 1) for part in parts]

    def core(self, nodes: tuple[int, ...], before: Predecessors, depth: int) -> _Timed:
        """Decompose a part that needs a barrier: the best of those tried, and of levels."""
        self.allowance -= len(nodes)
        durations = [[guess[node] for node in nodes] for guess in self.problem.guesses]
        ends = [heads(before, each) for each in durations]
        left = [tails(before, each) for each in durations]
        best = self.levels(nodes, before)
        for first in best_cuts(
            before,
            [self.problem.durations[node] for node in nodes],
            count=self.width if self.allowance > 0 else 1,
            margin=len(nodes) // 8 if len(nodes) > _BALANCED else 0,
        ):
            goal = sum(best.spans) * _BETTER
            if sum(map(max, ends)) >= goal:
                break  # nothing is quicker than the critical path
            second = sorted(set(range(len(nodes))) - set(first))
            rest = sum(max([each[local] for local in second]) for each in left)
            if sum(max([each[local] for local in first]) for each in ends) + rest >= goal:
                continue
            (one,) = self.split(nodes, [first], depth)
            if sum(one.spans) + rest >= goal:
                continue
            (two,) = self.split(nodes, [second], depth)
            if sum(one.spans) + sum(two.spans) < goal:
                best = _in_series([one, two])
        return best


class _Decomposition(_Search):
    """Decomposes a whole graph: large parts by the likeliest barrier, small ones by search."""

    def __init__(self, problem: _Problem) -> None:
        super().__init__(problem, width=1, allowance=0)

    def core(self, nodes: tuple[int, ...], before: Predecessors, depth: int) -> _Timed:
        """Decompose a part that needs a barrier, ever more broadly if it is small."""
        if len(nodes) > _SEARCHED:
            return super().core(nodes, before, depth)
        each = min(_ALLOWANCE, _ALLOWANCE_OF_GRAPH // len(self.problem.predecessors))
        best = None
        for width in _WIDTHS:
            search = _Search(self.problem, width, each * len(nodes))
            found = search.core(nodes, before, depth)
            if best is None or sum(found.spans) < sum(best.spans) * _BETTER:
                best = found
            if search.allowance <= 0:
                break
        assert best is not None, "there is a first width"
        return best
