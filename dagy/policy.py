"""The retry policy of a task, with the meaning it has everywhere (DESIGN, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Delay = float | Sequence[float] | None


class RetryPolicy(NamedTuple):
    """How often an attempt is repeated, and after how long.

    Attributes:
        retries: retries after the first attempt, so at most `retries + 1` attempts.
        delay: seconds before each retry; a list gives the delay before retry k as item k, and the
            last item repeats; None is no delay.
    """

    retries: int
    delay: Delay = None

    def delay_after(self, attempt: int) -> float:
        """Return the seconds to wait after a failed attempt, before the next one.

        Args:
            attempt: number of the attempt that failed, from 1.

        Examples:
            >>> [RetryPolicy(4, [1, 5]).delay_after(k) for k in (1, 2, 3)]
            [1.0, 5.0, 5.0]
        """
        match self.delay:
            case None:
                return 0.0
            case int() | float():
                return float(self.delay)
            case delays:
                return float(delays[min(attempt, len(delays)) - 1]) if delays else 0.0
