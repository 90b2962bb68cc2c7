"""Where to put a barrier in a part of a graph that no tree can express.

A barrier A|B lets all of B wait for all of A. Alone it makes the part take the critical path of A
plus that of B, and that is least, over all barriers there are, for an A of all that can have ended
by some time. (Whatever has ended by the time that A's last node ends may join A: it does not
lengthen A, and can only shorten B.) Many barriers are equally good by that measure, the more so
where durations are not known. Then the one wins at which the fewest wait for others than their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from dagy_compiler.makespan import heads, tails

_PRECISION = 9
"""Digits to which shares of a critical path are compared, so that rounding decides nothing."""

_Graph = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Times:
    """When the nodes of a part run that is one of several.

    Attributes:
        ends: when each ends at the earliest.
        left: how long is left when each starts.
        longest: what a way through may take without making anything longer.
    """

    ends: Sequence[float]
    left: Sequence[float]
    longest: float


def best_cuts(
    before: _Graph,
    durations: Sequence[float],
    *,
    count: int,
    margin: int,
    times: Times | None = None,
) -> list[list[int]]:
    """Return what is before each of the best barriers, the best barrier first.

    Args:
        before: for each node, the nodes directly before it, all of smaller index.
        durations: seconds by node, above 0.
        count: how many barriers to return at most.
        margin: how many nodes each side must have at least, if there is such a barrier.
        times: when the nodes run; None if there are no others than these.
    """
    if times is None:
        rests = tails(before, durations)
        times = Times(heads(before, durations), rests, max(rests))
    ranks = [times.ends, [-rest for rest in times.left]]
    if min(durations) < max(durations):
        ones = [1.0] * len(before)
        ranks += [
            [end - duration for end, duration in zip(times.ends, durations, strict=True)],
            heads(before, ones),
            [-rest for rest in tails(before, ones)],
        ]
    orders = [sorted(range(len(before)), key=rank.__getitem__) for rank in ranks]
    scored = sorted(
        (
            max(margin - min(size, len(before) - size), 0),
            excess,
            waits,
            abs(len(before) - 2 * size),
            number,
            size,
        )
        for number, (rank, order) in enumerate(zip(ranks, orders, strict=True))
        for size, excess, waits in _prefixes(before, times, rank, order)
    )
    found: dict[tuple[int, ...], None] = {}
    for *_, number, size in scored:
        found[tuple(sorted(orders[number][:size]))] = None
        if len(found) == count:
            break
    return [list(first) for first in found]


def _prefixes(
    before: _Graph,
    times: Times,
    rank: Sequence[float],
    order: list[int],
) -> Iterator[tuple[int, float, int]]:
    """Score the barriers between nodes of one rank and those of the next.

    Args:
        before: as for `best_cuts`.
        times: likewise.
        rank: never falls along an edge.
        order: the nodes by rank.

    Yields:
        The size of the first side, by how much of the critical path the barrier lengthens it, and
        how many pairs of a last node of the first side and a first one of the second have no edge.
    """
    count = len(order)
    longest_first = list(accumulate((times.ends[node] for node in order), max))
    longest_second = list(accumulate((times.left[node] for node in reversed(order)), max))[::-1]
    waits = _waits(before, order)
    for size in range(1, count):
        if rank[order[size]] > rank[order[size - 1]]:
            total = longest_first[size - 1] + longest_second[size]
            yield size, max(0.0, round(total / times.longest - 1, _PRECISION)), waits[size]


def _waits(before: _Graph, order: list[int]) -> list[int]:
    """Return for each prefix of an order how many pairs of neighbours of its end have no edge."""
    count = len(order)
    place = [0] * count
    for position, node in enumerate(order):
        place[node] = position
    last_predecessor = [max([place[p] for p in earlier], default=-1) for earlier in before]
    first_successor = [count] * count
    for node, earlier in enumerate(before):
        for other in earlier:
            first_successor[other] = min(first_successor[other], place[node])
    lasts, firsts, edges = ([0] * (count + 2) for _ in range(3))
    for node, earlier in enumerate(before):
        # Prefixes of these sizes have the node as one of their last, or as a first one after them.
        lasts[place[node] + 1] += 1
        lasts[first_successor[node] + 1] -= 1
        firsts[last_predecessor[node] + 1] += 1
        firsts[place[node] + 1] -= 1
        for other in set(earlier):
            if last_predecessor[node] < first_successor[other]:
                edges[last_predecessor[node] + 1] += 1
                edges[first_successor[other] + 1] -= 1
    return [
        last * first - joined
        for last, first, joined in zip(
            accumulate(lasts), accumulate(firsts), accumulate(edges), strict=True
        )
    ]
