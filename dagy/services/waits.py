"""How long a wait takes, as Step Functions counts: whole seconds, and times to the second."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from dagy.errors import service_error

LONGEST_SECONDS = 99_999_999
"""The most that a Wait takes (developer guide, "Wait workflow state")."""


def end_of_sleep(now: float, *, seconds: Any) -> float:
    """Return when a wait ends that takes a number of seconds, rounded up to a whole one.

    Args:
        now: when it begins, in seconds since the epoch.
        seconds: from 0 to LONGEST_SECONDS.

    Raises:
        ServiceError: that is no such number; named as Step Functions names it.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise service_error(
            "States.QueryEvaluationError", f"sleep needs a number of seconds, not {seconds!r}"
        )
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise service_error(
            "States.Runtime", f"sleep takes from 0 to {LONGEST_SECONDS:,} seconds, not {seconds!r}"
        )
    return now + math.ceil(seconds)


def end_of_sleep_until(now: float, *, time: Any) -> float:
    """Return when a wait ends that ends at a time; what has passed already is no wait.

    Args:
        now: when it begins, in seconds since the epoch.
        time: ISO 8601 text with a time zone, or an aware datetime.

    Raises:
        ServiceError: that is no such time; named as Step Functions names it.
    """
    try:
        text = timestamp(time)
    except ValueError as error:
        raise service_error("States.Runtime", str(error)) from error
    return max(now, datetime.fromisoformat(text).timestamp())


def timestamp(time: Any) -> str:
    """Return a time as a Wait takes it: UTC, to the second.

    Raises:
        ValueError: it is no time, or has no time zone.

    Examples:
        >>> timestamp("2026-01-31T12:00:00.5+02:00")
        '2026-01-31T10:00:00Z'
    """
    try:
        found = time if isinstance(time, datetime) else datetime.fromisoformat(time)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{time!r} is not ISO 8601, such as 2026-01-31T12:00:00Z") from error
    if found.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone; end it with Z or +01:00, or use timezone.utc")
    try:
        here = found.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    except OverflowError as error:
        raise ValueError(f"{time!r} is in no year from 1 to 9999") from error
    return f"{here.isoformat()}Z"
