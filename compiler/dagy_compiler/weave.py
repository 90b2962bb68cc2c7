"""From a graph to a tree that takes no longer than the graph: barriers where they cost nothing.

Where a barrier would make the whole take longer, its two sides run at once instead, and each task
of the second waits for those of the first that it depends on: a join across branches, which takes a
few calls of the worker. The first side is one that nothing in the second comes before. So every
wait is for something earlier in the tree's reading order, and that is an order in which all can
run: there is no deadlock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from dagy_compiler.cut import Times, best_cuts
from dagy_compiler.durations import expected
from dagy_compiler.makespan import heads, tails
from dagy_compiler.order import Predecessors, components, series_cuts
from dagy_compiler.tree import (
    Joined,
    Leaf,
    Parallel,
    Series,
    Tree,
    leaves,
    parallel,
    replaced,
    series,
)

MAX_NODES = 500
"""The largest graph that is woven; the search takes time by the square of that."""

_CUTS = 64
"""How many of the likeliest cuts are looked at wherever one is needed."""

_LONGER = 1 + 1e-9
"""What is longer only by rounding is not."""

Edge = tuple[int, int]
"""A node, and one that comes after it."""


def weave(
    before: Predecessors,
    durations: Sequence[float],
    rigid: Collection[Edge] = (),
    reads: Collection[Edge] = (),
) -> Tree:
    """Return a tree that takes as long as the critical path of a graph, if `rigid` lets it.

    Args:
        before: for each node, the nodes directly before it, all of smaller index.
        durations: seconds by node.
        rigid: edges that no join may stand for.
        reads: edges along which values pass.

    Returns:
        A tree with every node once, as a Leaf or as a Joined one. Of an edge, either the tree says
        that one comes before the other, or a chain of joins does; it is the same for the same
        arguments.

    Examples:
        >>> tree = weave([[], [], [0, 1], [1]], [9, 1, 1, 9])
        >>> [node.waits_for for node in tree.children if isinstance(node, Joined)]
        [(), (1,)]
    """
    tree = _Loom(before, expected(durations), rigid).part(tuple(range(len(before))))
    return _joined(tree, before, frozenset(reads))


class _Loom:
    """Decomposes a graph, from the whole to its parts.

    A part is its nodes, ascending, and convex, as in `decompose`. Barriers are nodes too, of no
    duration, once they are there: what they let wait shows in the times of all nodes.
    """

    def __init__(
        self, before: Predecessors, durations: Sequence[float], rigid: Collection[Edge]
    ) -> None:
        self._graph = before
        self._rigid = frozenset(rigid)
        self._before = [list(earlier) for earlier in before]
        self._durations = list(durations)
        self._order = list(range(len(before)))  # each node after all those before it
        self._longest = max(heads(before, durations), default=0)

    def part(self, nodes: tuple[int, ...]) -> Tree:
        """Decompose a part."""
        if len(nodes) == 1:
            return Leaf(nodes[0])
        index = {node: position for position, node in enumerate(nodes)}
        before = [[index[p] for p in self._graph[node] if p in index] for node in nodes]
        if len(unconnected := components(before)) > 1:
            return parallel(map(self.part, self._sorted(nodes, unconnected)))
        if (successive := series_cuts(before)) is not None:
            return series(map(self.part, self._sorted(nodes, successive)))
        times = self._times(nodes)
        cuts = _cuts(before, times, [self._durations[node] for node in nodes])
        free = [cut for cut in cuts if _through(cut, times) <= self._longest * _LONGER]
        if free:
            return self._barrier(nodes, min(free, key=lambda cut: _waits(before, cut)))
        loose = [cut for cut in cuts if not self._is_rigid(nodes, before, cut)]
        if not loose:
            cut = min(cuts, key=lambda cut: (_through(cut, times), _waits(before, cut)))
            self._longest = max(self._longest, _through(cut, times))
            return self._barrier(nodes, cut)
        first = min(loose, key=lambda cut: _joins(before, cut))
        return parallel(map(self.part, self._sorted(nodes, self._sides(nodes, first))))

    def _barrier(self, nodes: tuple[int, ...], first: Collection[int]) -> Tree:
        one, two = self._sorted(nodes, self._sides(nodes, first))
        barrier = len(self._before)
        self._before.append(list(one))
        self._durations.append(0.0)
        self._order.insert(self._order.index(one[-1]) + 1, barrier)
        for node in two:
            self._before[node].append(barrier)
        return series([self.part(one), self.part(two)])

    def _sides(self, nodes: tuple[int, ...], first: Collection[int]) -> list[list[int]]:
        return [sorted(first), sorted(set(range(len(nodes))).difference(first))]

    def _sorted(
        self, nodes: tuple[int, ...], parts: Sequence[Sequence[int]]
    ) -> list[tuple[int, ...]]:
        """Return parts of a part, once they stand one after another in the order of all nodes."""
        found = [tuple(nodes[local] for local in part) for part in parts]
        start = self._order.index(nodes[0])
        self._order[start : start + len(nodes)] = chain.from_iterable(found)
        return found

    def _times(self, nodes: tuple[int, ...]) -> Times:
        place = {node: position for position, node in enumerate(self._order)}
        before = [[place[p] for p in self._before[node]] for node in self._order]
        durations = [self._durations[node] for node in self._order]
        ends, left = heads(before, durations), tails(before, durations)
        own = [place[node] for node in nodes]
        return Times([ends[at] for at in own], [left[at] for at in own], self._longest)

    def _is_rigid(
        self, nodes: tuple[int, ...], before: Predecessors, first: Collection[int]
    ) -> bool:
        return any((nodes[p], nodes[node]) in self._rigid for p, node in _crossing(before, first))


def _cuts(before: Predecessors, times: Times, durations: Sequence[float]) -> list[frozenset[int]]:
    """Return first sides that a cut may have: by time, and what is before or not after a node."""
    found = dict.fromkeys(
        map(frozenset, best_cuts(before, durations, count=_CUTS, margin=0, times=times))
    )
    ancestors: list[set[int]] = []
    for node, earlier in enumerate(before):
        ancestors.append({node}.union(*(ancestors[p] for p in earlier)))
    every = range(len(before))
    for node in every:
        found[frozenset(ancestors[node])] = None
        found[frozenset(other for other in every if node not in ancestors[other])] = None
    return [cut for cut in found if 0 < len(cut) < len(before)]


def _through(first: Collection[int], times: Times) -> float:
    """Return how long the longest way through a barrier takes."""
    second = set(range(len(times.ends))).difference(first)
    return max(times.ends[node] for node in first) + max(times.left[node] for node in second)


def _crossing(before: Predecessors, first: Collection[int]) -> Iterator[Edge]:
    for node, earlier in enumerate(before):
        if node not in first:
            yield from ((p, node) for p in earlier if p in first)


def _waits(before: Predecessors, first: Collection[int]) -> tuple[int, int]:
    """Return how many pairs of nodes a barrier orders for nothing, and how uneven it is."""
    lasts = set(first).difference(p for node in first for p in before[node])
    firsts = [n for n in range(len(before)) if n not in first and set(before[n]) <= set(first)]
    edges = sum(p in lasts for node in firsts for p in set(before[node]))
    return len(lasts) * len(firsts) - edges, abs(len(before) - 2 * len(first))


def _joins(before: Predecessors, first: Collection[int]) -> float:
    """Return how many states joins take in place of a barrier, for each node of the smaller side.

    The fewest states alone would cut off one node after another.
    """
    crossing = list(_crossing(before, first))
    told, waiting = {p for p, _ in crossing}, {node for _, node in crossing}
    return (len(told) + len(waiting)) / min(len(first), len(before) - len(first))


def _joined(tree: Tree, before: Predecessors, reads: Collection[Edge]) -> Tree:
    """Return a tree in which each node waits for what the tree does not put before it."""
    ordered = dict(_ordered(tree, 0))
    known: dict[int, int] = {}  # what is before a node, by the tree or by joins, as bits
    waits: dict[int, tuple[int, ...]] = {}
    told: set[int] = set()
    for node in leaves(tree):
        across = [p for p in before[node] if not ordered[node] >> p & 1]
        known[node] = _with_ancestors(ordered[node], known)
        through = {p: _with_ancestors(1 << p, known) for p in across}
        waits[node] = tuple(
            p
            for p in across
            if not known[node] >> p & 1
            and not any(found >> p & 1 for other, found in through.items() if other != p)
        )
        for p in waits[node]:
            known[node] |= through[p]
        told.update(waits[node])
        told.update(p for p in across if (p, node) in reads)

    def leaf(node: int) -> Tree:
        return Joined(Leaf(node), waits[node], node in told)

    return replaced(tree, lambda node: leaf(node) if waits[node] or node in told else Leaf(node))


def _ordered(tree: Tree, before: int) -> Iterator[tuple[int, int]]:
    """Yield each node with those that a tree puts before it, as bits; `before` is before all."""
    match tree:
        case Leaf(unit=node):
            yield node, before
        case Parallel(children=children):
            for child in children:
                yield from _ordered(child, before)
        case Series(children=children):
            for child in children:
                yield from _ordered(child, before)
                before |= sum(1 << node for node in leaves(child))


def _with_ancestors(nodes: int, known: Mapping[int, int]) -> int:
    """Return nodes and all that is before them, as bits."""
    found = nodes
    while nodes:
        node = nodes.bit_length() - 1
        nodes ^= 1 << node
        found |= known[node]
    return found
