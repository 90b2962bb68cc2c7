"""retry: spread a task's attempts over task states, natively where that is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagy.errors import LimitError, NotBuiltError
from dagy.spec import TaskSpec
from dagy_compiler.limits import MAX_ATTEMPTS, RETRY_SEGMENTS, WAIT_SECONDS
from dagy_compiler.plan import Backoff, Plan, Segment, Unit


@dataclass(frozen=True)
class Retry:
    """Lower each unit's retry policy to segments: task states that follow one another on failure.

    Before: units and their policies are checked. After: every unit has at least one segment; the
    attempts of all of them, in order, are exactly those of the policy, with exactly its delays.

    A native retrier repeats a state after whole seconds of at least 1 that grow by a constant
    factor (developer guide, "Handling errors"). So the longest such run of delays at the end of the
    policy is one segment with a Backoff, and every attempt before it a segment of one attempt.
    Other delays, zero among them, stand between segments: a Wait, or nothing. In nano the worker
    retries by itself.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `segments`.

        Raises:
            LimitError: more segments than a definition should hold, or too long a delay.
            NotBuiltError: a delay is not of whole seconds.
        """
        assert plan.units is not None
        return replace(plan, segments=tuple(_segments(plan, unit) for unit in plan.units))


def _segments(plan: Plan, unit: Unit) -> tuple[Segment, ...]:
    if unit.whole_flow:
        return (Segment(),)
    return segments_of(plan.task_of(unit.task_runs[0]))


def segments_of(task: TaskSpec) -> tuple[Segment, ...]:
    """Return the segments of a task's policy.

    Raises:
        LimitError: too many, or too long a delay.
        NotBuiltError: a delay is not of whole seconds.
    """
    if task.retries == 0:
        return (Segment(),)
    if task.retries > MAX_ATTEMPTS:
        raise LimitError(
            f"task {task.name!r}: retries is {task.retries:,}, and Step Functions makes at most "
            f"{MAX_ATTEMPTS:,}; use fewer"
        )
    given = task.retry_delay_seconds
    listed = given if isinstance(given, (list, tuple)) else [given or 0]
    delays = _whole(task, (listed or [0])[: task.retries])
    # The last delay repeats this often; it is not written out, for there may be a million.
    repeats = task.retries - len(delays)
    start = _native_from(delays, repeats)
    waits = delays[:start] if start < len(delays) else delays + [delays[-1]] * min(repeats, 99)
    last = _backoff(delays[start:], repeats)
    if len(waits) + 1 > RETRY_SEGMENTS:
        raise LimitError(
            f"task {task.name!r}: its {task.retries:,} retries need more than {RETRY_SEGMENTS} "
            "states, because Step Functions does not repeat a state after such delays by itself; "
            "use a retry_delay_seconds of a whole number of at least 1, or fewer retries"
        )
    segments = [Segment()]
    segments += [Segment(number, wait) for number, wait in enumerate(waits, start=2)]
    segments[-1] = replace(segments[-1], backoff=last)
    return tuple(segments)


def _whole(task: TaskSpec, delays: Sequence[Any]) -> list[int]:
    for delay in delays:
        if delay != int(delay):
            raise NotBuiltError(
                f"task {task.name!r}: retry_delay_seconds has {delay}, and Step Functions waits for"
                " whole seconds only; use a whole number, or --execution-mode nano"
            )
        if delay > WAIT_SECONDS:
            raise LimitError(
                f"task {task.name!r}: retry_delay_seconds has {delay:,}, and Step Functions waits "
                f"for at most {WAIT_SECONDS:,} seconds; use a shorter delay"
            )
    return [int(delay) for delay in delays]


def _native_from(delays: list[int], repeats: int) -> int:
    """Return where the longest run of delays begins that a retrier can make, at the end."""
    start = len(delays)
    rate = 1 if repeats else None
    while start > 0 and delays[start - 1] >= 1:
        if start < len(delays):
            ratio, rest = divmod(delays[start], delays[start - 1])
            if rest or ratio == 0 or (rate is not None and ratio != rate):
                break
            rate = ratio
        start -= 1
    return start


def _backoff(delays: list[int], repeats: int) -> Backoff | None:
    if not delays:
        return None
    rate = delays[1] // delays[0] if len(delays) > 1 else 1
    return Backoff(delays[0], rate, len(delays) + repeats)
