"""The time between two looks at something on AWS."""

from __future__ import annotations

import time

_GROWTH = 1.5


class Pause:
    """Short at first, for what ends soon, and longer while nothing happens.

    Args:
        shortest: seconds.
        longest: seconds; AWS throttles who looks more often than this for long.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._seconds = shortest

    def next(self) -> float:
        """Return the seconds to wait now; the next ones are more."""
        seconds = self._seconds
        self._seconds = min(seconds * _GROWTH, self._longest)
        return seconds

    def wait(self) -> None:
        """Wait for the next of them."""
        time.sleep(self.next())

    def restart(self) -> None:
        """Something has happened, so what comes next may come soon."""
        self._seconds = self._shortest
