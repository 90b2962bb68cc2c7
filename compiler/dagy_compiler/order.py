"""What the order of a graph is made of: parts with no order between them, and series cuts.

A graph is given as the nodes directly before each node, all of smaller index; edges that others
imply do not matter. Sets of ancestors are bits of one Python integer for each node, so 10,000 nodes
take a fraction of a second and about 12 MB.
"""

from __future__ import annotations

from collections.abc import Sequence

Predecessors = Sequence[Sequence[int]]


def components(before: Predecessors) -> list[list[int]]:
    """Return the weakly connected parts, by their first node."""
    root = list(range(len(before)))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for node, earlier in enumerate(before):
        for other in earlier:
            one, two = find(node), find(other)
            root[max(one, two)] = min(one, two)  # the root is the first node of its part
    parts: dict[int, list[int]] = {}
    for node in range(len(before)):
        parts.setdefault(find(node), []).append(node)
    return list(parts.values())


def series_cuts(before: Predecessors) -> list[list[int]] | None:
    """Return the parts between all series cuts, or None if there is no cut.

    A cut A|B has all of A before all of B. Sorted by their number of ancestors, the nodes of A come
    first: each has fewer than |A|, and each of B at least |A|. So a cut is a position k such that
    every node from k on has all the nodes before k among its ancestors; that is, the lowest
    position missing among its ancestors is at least k.
    """
    counts = [ancestors.bit_count() for ancestors in ancestors_of(before)]
    order = sorted(range(len(before)), key=lambda node: counts[node])
    position = [0] * len(order)
    for place, node in enumerate(order):
        position[node] = place
    ancestors = _ancestors(before, position)
    parts: list[list[int]] = []
    missing = end = len(order)
    for k in reversed(range(len(order))):
        found = ancestors[order[k]]
        missing = min(missing, (~found & (found + 1)).bit_length() - 1)
        if missing >= k:
            parts.append(sorted(order[k:end]))
            end = k
    return parts[::-1] if len(parts) > 1 else None


def ancestors_of(before: Predecessors) -> list[int]:
    """Return each node's ancestors as bits."""
    return _ancestors(before, range(len(before)))


def descendants_of(before: Predecessors) -> list[int]:
    """Return each node's descendants as bits."""
    found = [0] * len(before)
    for node in reversed(range(len(before))):
        for other in before[node]:
            found[other] |= found[node] | 1 << node
    return found


def _ancestors(before: Predecessors, position: Sequence[int]) -> list[int]:
    """Return each node's ancestors as bits, a node standing at its position."""
    found: list[int] = []
    for earlier in before:
        bits = 0
        for other in earlier:
            bits |= found[other] | (1 << position[other])
        found.append(bits)
    return found


def levels(before: Predecessors) -> list[list[int]]:
    """Return the nodes by the number of nodes on the longest path that leads to them."""
    level: list[int] = []
    groups: list[list[int]] = []
    for node, earlier in enumerate(before):
        level.append(1 + max([level[other] for other in earlier], default=-1))
        if level[node] == len(groups):
            groups.append([])
        groups[level[node]].append(node)
    return groups
