"""The retry policy of a task or flow, with the meaning it has everywhere (DESIGN, section 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dagy.options import is_seconds

Delay = float | Sequence[float] | Callable[[int], float] | None


class Decision(NamedTuple):
    """What follows a failed attempt.

    Attributes:
        retry: whether there is another attempt.
        delay: seconds to wait before it, jitter included.
        message: why there is none although the policy has one left, if that is so.
    """

    retry: bool
    delay: float = 0.0
    message: str | None = None


class RetryPolicy(NamedTuple):
    """How often an attempt is repeated, and after how long.

    Attributes:
        retries: retries after the first attempt, so at most `retries + 1` attempts.
        delay: seconds before each retry; a list gives the delay before retry k as item k, and the
            last item repeats; a callable is given the number of the attempt that failed, from 1;
            None is no delay.
        jitter: f in `delay * (1 + U(0, f))`, from 0 to 1; None is 0.
        condition: given the exception, tells whether to retry; None always does.
    """

    retries: int = 0
    delay: Delay = None
    jitter: float | None = None
    condition: Callable[[Exception], bool] | None = None

    def decide(self, attempt: int, error: BaseException, draw: Callable[[], float]) -> Decision:
        """Say what follows a failed attempt. Calls the user's code, and never raises for it.

        Args:
            attempt: number of the attempt that failed, from 1.
            error: what it raised.
            draw: gives a number from U(0, 1), for the jitter.
        """
        if attempt > self.retries:
            return Decision(False)
        # What the user wrote may raise anything; the task's own error must survive it.
        try:
            if self.condition is not None and not self.condition(error):  # type: ignore[arg-type] # SystemExit and its like are shown to it too
                return Decision(False, message="not retried: retry_condition_fn said no")
        except BaseException as second:
            return Decision(False, message=_broken("retry_condition_fn", second))
        try:
            stretch = 1 + self.jitter * draw() if self.jitter else 1
            return Decision(True, self.delay_after(attempt) * stretch)
        except BaseException as second:
            return Decision(False, message=_broken(f"retry_delay_seconds({attempt})", second))

    def delay_after(self, attempt: int) -> float:
        """Return the seconds to wait after a failed attempt, before the next one, without jitter.

        Args:
            attempt: number of the attempt that failed, from 1.

        Raises:
            ValueError: a callable returned what is not a number of seconds of at least 0.

        Examples:
            >>> [RetryPolicy(4, [1, 5]).delay_after(k) for k in (1, 2, 3)]
            [1.0, 5.0, 5.0]
        """
        match self.delay:
            case None:
                return 0.0
            case int() | float():
                return float(self.delay)
            case Sequence() as delays:
                return float(delays[min(attempt, len(delays)) - 1]) if delays else 0.0
            case compute:
                return _seconds(compute(attempt))


def _seconds(value: Any) -> float:
    if not is_seconds(value):
        raise ValueError(f"it returned {value!r}, which is not a number of seconds of at least 0")
    return float(value)


def _broken(what: str, error: BaseException) -> str:
    return f"not retried: {what} raised {type(error).__name__}: {error}"
