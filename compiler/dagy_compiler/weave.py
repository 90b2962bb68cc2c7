"""From a graph to a tree that takes no longer than the graph: barriers where they cost nothing.

Where a barrier would make the whole take longer, its two sides run at once instead, and each task
of the second waits for those of the first that it depends on: a join across branches, which takes a
few calls of the worker. The first side is one that nothing in the second comes before. So every
wait is for something earlier in the tree's reading order, and that is an order in which all can
run: there is no deadlock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_

from dagy_compiler.cut import Times, best_cuts
from dagy_compiler.durations import expected
from dagy_compiler.order import (
    Predecessors,
    ancestors_of,
    components,
    descendants_of,
    levels,
    series_cuts,
)
from dagy_compiler.timetable import Timetable
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

MAX_DEPTH = 100
"""Parts within one another, as for `decompose`; what is deeper runs at once, with joins."""

_EVEN_DEPTH = 50
"""Where no deeper parts than these are left, cuts are even, so that none gets that deep."""

_CUTS = 64
"""How many of the likeliest cuts are looked at wherever one is needed."""

_SEARCHED = 256
"""The largest part, in nodes, in which what comes before or after a node is looked at as well."""

_LONGER = 1 + 1e-9
"""What is longer only by rounding is not."""

Edge = tuple[int, int]
"""A node, and one that comes after it."""

_Cut = int
"""The first side of a cut: the nodes whose bits are set."""


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
    nodes = tuple(range(len(before)))
    tree = _Loom(before, expected(durations), rigid).part(nodes, MAX_DEPTH)
    return _Joins(before, frozenset(reads)).joined(tree)


class _Loom:
    """Decomposes a graph, from the whole to its parts.

    A part is its nodes, ascending, and convex, as in `decompose`.
    """

    def __init__(
        self, before: Predecessors, durations: Sequence[float], rigid: Collection[Edge]
    ) -> None:
        self._before = before
        self._durations = durations
        self._rigid = frozenset(rigid)
        self._timetable = Timetable(before, durations)

    def part(self, nodes: tuple[int, ...], depth: int) -> Tree:
        """Decompose a part, with parts within one another down to a depth."""
        if len(nodes) == 1:
            return Leaf(nodes[0])
        index = {node: position for position, node in enumerate(nodes)}
        before = [[index[p] for p in self._before[node] if p in index] for node in nodes]
        if depth == 0:
            return self._levels(nodes, before)
        if len(unconnected := components(before)) > 1:
            return parallel(self._parts(nodes, unconnected, depth))
        if (successive := series_cuts(before)) is not None:
            return series(self._parts(nodes, successive, depth))
        return self._core(nodes, before, depth)

    def _parts(
        self, nodes: tuple[int, ...], parts: Iterable[Sequence[int]], depth: int
    ) -> Iterator[Tree]:
        for part in parts:
            yield self.part(tuple([nodes[local] for local in part]), depth - 1)

    def _levels(self, nodes: tuple[int, ...], before: Predecessors) -> Tree:
        """Let the nodes of a part wait for each other by joins alone, if they can."""
        apart = [range(len(nodes))] if not self._rigid_within(nodes) else levels(before)
        return series(parallel(Leaf(nodes[local]) for local in level) for level in apart)

    def _core(self, nodes: tuple[int, ...], before: Predecessors, depth: int) -> Tree:
        """Decompose a part that needs a barrier, or where each costs time, joins."""
        times = self._timetable.times(nodes)
        part = _Part(before, times)
        durations = [self._durations[node] for node in nodes]
        cuts = _cuts(before, durations, times, even=depth <= _EVEN_DEPTH)
        free = [cut for cut in cuts if part.through(cut) <= times.longest * _LONGER]
        if free:
            return self._barrier(nodes, part, min(free, key=part.waits), depth)
        rigid = self._rigid_within(nodes)
        loose = [cut for cut in cuts if not any(cut >> p & ~cut >> node & 1 for p, node in rigid)]
        if loose:
            return parallel(self._parts(nodes, part.sides(min(loose, key=part.joins)), depth))
        cut = min(cuts, key=lambda cut: (part.through(cut), part.waits(cut)))
        return self._barrier(nodes, part, cut, depth)

    def _barrier(self, nodes: tuple[int, ...], part: _Part, cut: _Cut, depth: int) -> Tree:
        lasts, firsts = ([nodes[local] for local in side] for side in part.ends(cut))
        self._timetable.put_barrier(lasts, firsts)
        return series(self._parts(nodes, part.sides(cut), depth))

    def _rigid_within(self, nodes: tuple[int, ...]) -> list[Edge]:
        """Return the edges of a part that no join may stand for, by the places of its nodes."""
        if not self._rigid:
            return []
        index = {node: position for position, node in enumerate(nodes)}
        return [(index[p], index[node]) for p, node in self._rigid if p in index and node in index]


class _Part:
    """A part as one graph, of which cuts are judged.

    Args:
        before: for each of its nodes, the nodes directly before it, all of smaller index.
        times: when its nodes run.
    """

    def __init__(self, before: Predecessors, times: Times) -> None:
        self._before = [_bits(earlier) for earlier in before]
        self._nodes = range(len(before))
        self._times = times
        self._last_first = sorted(self._nodes, key=times.ends.__getitem__, reverse=True)
        self._longest_first = sorted(self._nodes, key=times.left.__getitem__, reverse=True)

    def sides(self, cut: _Cut) -> tuple[list[int], list[int]]:
        """Return the nodes of both sides."""
        first = [node for node in self._nodes if cut >> node & 1]
        return first, [node for node in self._nodes if not cut >> node & 1]

    def ends(self, cut: _Cut) -> tuple[list[int], list[int]]:
        """Return the last nodes of the first side, and the first ones of the second."""
        first, second = self.sides(cut)
        inner = reduce(or_, (self._before[node] for node in first))
        lasts = [node for node in first if not inner >> node & 1]
        return lasts, [node for node in second if not self._before[node] & ~cut]

    def through(self, cut: _Cut) -> float:
        """Return how long the longest way through a barrier there takes."""
        last = next(node for node in self._last_first if cut >> node & 1)
        first = next(node for node in self._longest_first if not cut >> node & 1)
        return self._times.ends[last] + self._times.left[first]

    def waits(self, cut: _Cut) -> tuple[int, int]:
        """Return how many pairs of nodes a barrier orders for nothing, and how uneven it is."""
        lasts, firsts = self.ends(cut)
        last = _bits(lasts)
        edges = sum((self._before[node] & last).bit_count() for node in firsts)
        return len(lasts) * len(firsts) - edges, abs(len(self._nodes) - 2 * cut.bit_count())

    def joins(self, cut: _Cut) -> float:
        """Return how many states joins take in place of a barrier, by nodes of the smaller side.

        The fewest states alone would cut off one node after another.
        """
        _, second = self.sides(cut)
        across = [found for node in second if (found := self._before[node] & cut)]
        states = len(across) + reduce(or_, across).bit_count()
        return states / min(cut.bit_count(), len(second))


def _cuts(
    before: Predecessors, durations: Sequence[float], times: Times, *, even: bool
) -> list[_Cut]:
    """Return cuts that are likely to take little time, or to cut few edges.

    Args:
        before: as for `_Part`.
        durations: seconds by node, above 0.
        times: when the nodes run.
        even: whether each side must have an eighth of the nodes at least, if there is such a cut.
    """
    count, every = len(before), (1 << len(before)) - 1
    margins = {count // 8} if even else {0, count // 8 if count > _SEARCHED else 0}
    found = [
        _bits(first)
        for margin in sorted(margins)
        for first in best_cuts(before, durations, count=_CUTS, margin=margin, times=times)
    ]
    if count <= _SEARCHED:
        earlier = ancestors_of(before)
        found += [ancestors | 1 << node for node, ancestors in enumerate(earlier)]
        later = descendants_of(before)
        found += [every & ~after & ~(1 << node) for node, after in enumerate(later)]
    cuts = [cut for cut in dict.fromkeys(found) if 0 < cut < every]
    if not even:
        return cuts
    least = count // 8
    return [cut for cut in cuts if least <= cut.bit_count() <= count - least] or cuts


def _bits(nodes: Iterable[int]) -> int:
    """Return nodes as bits."""
    return reduce(lambda bits, node: bits | 1 << node, nodes, 0)


class _Joins:
    """Lets nodes wait for what a tree does not put before them."""

    def __init__(self, before: Predecessors, reads: Collection[Edge]) -> None:
        self._before = before
        self._reads = reads
        self._known: dict[int, int] = {}  # what is before a node, by the tree or by joins, as bits
        self._waits: dict[int, tuple[int, ...]] = {}
        self._told: set[int] = set()

    def joined(self, tree: Tree) -> Tree:
        """Return the tree with joins."""
        self._walk(tree, 0, 0)
        return replaced(tree, self._leaf)

    def _leaf(self, node: int) -> Tree:
        waits, told = self._waits[node], node in self._told
        return Joined(Leaf(node), waits, told) if waits or told else Leaf(node)

    def _walk(self, tree: Tree, ordered: int, known: int) -> None:
        """Find what the nodes of a tree wait for, in its reading order.

        Args:
            tree: the whole, or a part.
            ordered: what the whole tree puts before the part, as bits.
            known: that, and what is before it by joins too.
        """
        match tree:
            case Leaf(unit=node):
                self._join(node, ordered, known)
            case Parallel(children=children):
                for child in children:
                    self._walk(child, ordered, known)
            case Series(children=children):
                for child in children:
                    self._walk(child, ordered, known)
                    inside = list(leaves(child))
                    ordered |= _bits(inside)
                    known |= reduce(or_, (self._known[node] for node in inside), ordered)

    def _join(self, node: int, ordered: int, known: int) -> None:
        across = [p for p in self._before[node] if not ordered >> p & 1]
        through = {p: self._known[p] | 1 << p for p in across}
        self._waits[node] = tuple(
            p
            for p in across
            if not known >> p & 1
            and not any(found >> p & 1 for other, found in through.items() if other != p)
        )
        self._known[node] = reduce(or_, (through[p] for p in self._waits[node]), known)
        self._told.update(self._waits[node])
        self._told.update(p for p in across if (p, node) in self._reads)
