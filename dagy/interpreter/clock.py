"""Time, as the scheduler sees it: the only place where it reads a clock or waits."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and waits until something happens or time has passed."""

    def now(self) -> float:
        """Return seconds since the epoch; never less than before."""
        ...

    def wait(self, condition: threading.Condition, timeout: float | None, *, busy: bool) -> None:
        """Wait on a condition whose lock is held; it may return early.

        Args:
            condition: notified when there is something to see.
            timeout: seconds to wait at most, or None for no limit.
            busy: whether something is under way that will notify. A clock that only pretends to
                wait lets no time pass meanwhile.
        """
        ...


class SystemClock:
    """The machine's clock, which steps back for nobody.

    Wall time is read once and then advanced by the monotonic clock, so that a run's durations are
    right even when the machine's time is set while it runs.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._offset + time.monotonic()

    def wait(self, condition: threading.Condition, timeout: float | None, *, busy: bool) -> None:
        """Wait on a condition whose lock is held; see `Clock.wait`."""
        del busy
        condition.wait(None if timeout is None else min(timeout, threading.TIMEOUT_MAX))
