"""How long a graph and a tree take, with as many workers as they can use."""

from __future__ import annotations

from collections.abc import Sequence

from dagy_compiler.tree import Apart, Choose, Leaf, Series, Tree


def makespan(tree: Tree, durations: Sequence[float]) -> float:
    """Return how long a tree takes, in seconds.

    Args:
        tree: at most a few hundred levels deep, as `decompose` makes them.
        durations: seconds by unit.

    Examples:
        >>> from dagy_compiler.tree import Parallel
        >>> makespan(Series((Parallel((Leaf(0), Leaf(1))), Leaf(2))), [5, 3, 2])
        7
    """
    if isinstance(tree, Leaf):
        return durations[tree.unit]
    if isinstance(tree, Choose):  # whichever side is taken
        return max(makespan(tree.then, durations), makespan(tree.otherwise, durations))
    if isinstance(tree, Apart):
        return makespan(tree.child, durations)
    spans = [makespan(child, durations) for child in tree.children]
    return sum(spans) if isinstance(tree, Series) else max(spans)


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
