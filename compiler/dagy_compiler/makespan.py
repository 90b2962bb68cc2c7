"""How long a graph and a tree take, with as many workers as they can use."""

from __future__ import annotations

from collections.abc import Sequence

from dagy_compiler.tree import Apart, Choose, Joined, Leaf, Parallel, Series, Tree, leaves


def makespan(tree: Tree, durations: Sequence[float], join_seconds: float = 0) -> float:
    """Return how long a tree takes, in seconds.

    Args:
        tree: at most a few hundred levels deep, as `decompose` makes them.
        durations: seconds by unit.
        join_seconds: what each wait across branches takes beside the wait itself.

    Examples:
        >>> from dagy_compiler.tree import Parallel
        >>> makespan(Series((Parallel((Leaf(0), Leaf(1))), Leaf(2))), [5, 3, 2])
        7
    """
    return _Clock(durations, join_seconds).end(tree, 0)


class _Clock:
    """One walk over a tree in its reading order, in which nothing waits for what is read later."""

    def __init__(self, durations: Sequence[float], join_seconds: float) -> None:
        self._durations = durations
        self._join_seconds = join_seconds
        self._told: dict[int, float] = {}  # when each that others wait for has ended

    def end(self, tree: Tree, start: float) -> float:
        """Return when a tree ends that may start at a time."""
        match tree:
            case Leaf(unit=unit):
                return start + self._durations[unit]
            case Choose(then=then, otherwise=otherwise):  # whichever side is taken
                return max(self.end(then, start), self.end(otherwise, start))
            case Apart(child=child):
                return self.end(child, start)
            case Joined(child=child, waits_for=waits_for, told=told):
                if waits_for:
                    last = max(self._told[other] for other in waits_for)
                    start = max(start, last) + self._join_seconds
                ended = self.end(child, start)
                if told:
                    self._told[next(leaves(child))] = ended
                return ended
            case Series(children=children):
                for child in children:
                    start = self.end(child, start)
                return start
            case Parallel(children=children):
                return max(self.end(child, start) for child in children)


def critical_path(predecessors: Sequence[Sequence[int]], durations: Sequence[float]) -> float:
    """Return the length of the longest path through a graph, in seconds: no order takes less.

    Args:
        predecessors: for each node, the nodes directly before it, all of smaller index.
        durations: seconds by node.
    """
    return max(heads(predecessors, durations), default=0)


def heads(predecessors: Sequence[Sequence[int]], durations: Sequence[float]) -> list[float]:
    """Return when each node ends at the earliest: the longest path up to and with it."""
    ends: list[float] = []
    for duration, earlier in zip(durations, predecessors, strict=True):
        ends.append(duration + max([ends[other] for other in earlier], default=0))
    return ends


def tails(predecessors: Sequence[Sequence[int]], durations: Sequence[float]) -> list[float]:
    """Return for each node how long is left when it starts: the longest path from it on."""
    left: list[float] = list(durations)
    for node in reversed(range(len(left))):
        for other in predecessors[node]:
            left[other] = max(left[other], durations[other] + left[node])
    return left
