"""What a schedule means, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagy.schedules.cron import DAY, HOUR, MINUTE, MONTH, WEEKDAY, Cron
from dagy.schedules.eventbridge import runs

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MOST_TIMES = 6


def meaning(cron: Cron) -> str:
    """Return what a cron expression means.

    Examples:
        >>> from dagy.schedules.cron import parse_cron
        >>> meaning(parse_cron("30 9,17 * * mon-fri"))
        'at 09:30 and 17:30, on Monday to Friday'
        >>> meaning(parse_cron("*/15 * 1 jan,jul sun"))
        'every 15 minutes, on the 1st or on Sunday, in January and July'
    """
    parts = [_clock(cron), _days(cron)]
    if cron.months != MONTH.all:
        parts.append(f"in {_named(cron.months, _MONTHS, 1)}")
    return ", ".join(parts)


def _clock(cron: Cron) -> str:
    minutes, hours = sorted(cron.minutes), sorted(cron.hours)
    if len(minutes) * len(hours) <= _MOST_TIMES:
        return f"at {_and([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    of_minutes = _minutes(minutes)
    if cron.hours == HOUR.all:
        return of_minutes
    every = _step(hours, HOUR.high)
    if every and minutes == [0]:
        return f"every {every} hours from {hours[0]:02}:00"
    spans = [f"{run[0]:02}:00 to {run[-1]:02}:59" for run in runs(hours)]
    return f"{of_minutes} from {_and(spans)}"


def _minutes(minutes: Sequence[int]) -> str:
    if len(minutes) == len(MINUTE.all):
        return "every minute"
    every = _step(minutes, MINUTE.high)
    if every and minutes[0] == 0:
        return f"every {every} minutes"
    if minutes == [0]:
        return "every hour"
    return f"at minute {_numbers(minutes)} of every hour"


def _step(values: Sequence[int], high: int) -> int | None:
    """The step in which values go through a whole field, if they do."""
    if len(values) < 2:
        return None
    step = values[1] - values[0]
    return step if list(values) == list(range(values[0], high + 1, step)) else None


def _days(cron: Cron) -> str:
    days = f"on {_and([_ordinals(run) for run in runs(cron.days)])}"
    weekdays = f"on {_named(cron.weekdays, _WEEKDAYS, 0)}"
    if cron.either:
        return f"{days} or {weekdays}"
    if cron.weekdays != WEEKDAY.all:
        return weekdays
    return "every day" if cron.days == DAY.all else days


def _ordinals(run: Sequence[int]) -> str:
    first, last = (f"the {day}{_suffix(day)}" for day in (run[0], run[-1]))
    if len(run) == 1:
        return first
    return f"{first} {'and' if len(run) == 2 else 'to'} {last}"


def _suffix(number: int) -> str:
    if number in {11, 12, 13}:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _named(values: Iterable[int], names: Sequence[str], first: int) -> str:
    parts: list[str] = []
    for run in runs(values):
        words = [names[value - first] for value in run]
        parts += [f"{words[0]} to {words[-1]}"] if len(words) > 2 else words
    return _and(parts)


def _numbers(values: Iterable[int]) -> str:
    parts: list[str] = []
    for run in runs(values):
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    return _and(parts)


def _and(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
