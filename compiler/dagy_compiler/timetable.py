"""When the nodes of a graph run at the earliest, as barriers are put between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from dagy_compiler.cut import Times
from dagy_compiler.makespan import heads, tails
from dagy_compiler.order import Predecessors


class Timetable:
    """When each node ends at the earliest, and how long is left when it starts.

    A barrier is a node too, of no duration: what it lets wait shows in the times of all nodes.

    Args:
        before: for each node, the nodes directly before it, all of smaller index.
        durations: seconds by node, above 0.

    Attributes:
        longest: what a way through takes at most, in seconds.
    """

    def __init__(self, before: Predecessors, durations: Sequence[float]) -> None:
        self._durations = list(durations)
        self._before = [list(earlier) for earlier in before]
        self._after: list[list[int]] = [[] for _ in before]
        for node, earlier in enumerate(before):
            for other in earlier:
                self._after[other].append(node)
        self._ends = heads(before, durations)
        self._left = tails(before, durations)
        self.longest = max(self._ends, default=0)

    def times(self, nodes: Sequence[int]) -> Times:
        """Return when some nodes run."""
        ends = [self._ends[node] for node in nodes]
        return Times(ends, [self._left[node] for node in nodes], self.longest)

    def put_barrier(self, lasts: Collection[int], firsts: Collection[int]) -> None:
        """Let all nodes of some wait for all of others, and so what comes after them."""
        barrier = len(self._durations)
        self._durations.append(0.0)
        self._before.append(list(lasts))
        self._after.append(list(firsts))
        self._ends.append(max(self._ends[node] for node in lasts))
        self._left.append(max(self._left[node] for node in firsts))
        for node in lasts:
            self._after[node].append(barrier)
        for node in firsts:
            self._before[node].append(barrier)
        self._spread(self._ends, self._after, barrier)
        self._spread(self._left, self._before, barrier)
        self.longest = max(self.longest, self._ends[barrier] + self._left[barrier])

    def _spread(self, times: list[float], next_to: list[list[int]], changed: int) -> None:
        """Let a node's time lengthen those of the nodes next to it, and so on."""
        pending = deque([changed])
        while pending:
            node = pending.popleft()
            for other in next_to[node]:
                if times[node] + self._durations[other] > times[other]:
                    times[other] = times[node] + self._durations[other]
                    pending.append(other)
