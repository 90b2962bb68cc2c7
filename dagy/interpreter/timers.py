"""What is to happen at a time to come."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Timer:
    """One thing to happen; `cancelled` when it no longer is to."""

    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False


class Timers:
    """Actions by the time they are due. Not thread-safe: its owner's lock guards it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()  # so that two timers never compare actions

    def add(self, due: float, action: Callable[[], None]) -> Timer:
        """Have an action called at a time, in seconds since the epoch."""
        timer = Timer(action)
        heapq.heappush(self._heap, (due, next(self._numbers), timer))
        return timer

    def next_due(self) -> float | None:
        """Return when the next action is due, or None if there is none."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire(self, now: float) -> None:
        """Call every action that is due, in order of time."""
        while (due := self.next_due()) is not None and due <= now:
            heapq.heappop(self._heap)[2].action()
