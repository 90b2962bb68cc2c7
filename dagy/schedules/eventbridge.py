"""From cron to the six fields of EventBridge Scheduler.

They are not cron's (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html):
Sunday is 1, there is a year, and one of the two day fields must be `?`. So a schedule that fires on
either of its days becomes two.
"""

from __future__ import annotations

from collections.abc import Iterable

from dagy.schedules.cron import DAY, HOUR, MINUTE, MONTH, WEEKDAY, Cron, Field

_SHORTEST_RUN = 3


def expressions(cron: Cron) -> tuple[str, ...]:
    """Return the expressions that fire when a cron expression does: one, or two for either day.

    On a day that is one of both, two of them fire at the same time: whoever takes them must start
    one execution for a time.

    Examples:
        >>> from dagy.schedules.cron import parse_cron
        >>> expressions(parse_cron("0 9 * * 1-5"))
        ('cron(0 9 ? * 2-6 *)',)
        >>> expressions(parse_cron("0 9 1 * mon"))
        ('cron(0 9 1 * ? *)', 'cron(0 9 ? * 2 *)')
    """
    clock = f"{_written(cron.minutes, MINUTE)} {_written(cron.hours, HOUR)}"
    months = _written(cron.months, MONTH)
    by_day = f"cron({clock} {_written(cron.days, DAY)} {months} ? *)"
    weekdays = _listed(day + 1 for day in cron.weekdays)
    by_weekday = f"cron({clock} ? {months} {weekdays} *)"
    if cron.either:
        return (by_day, by_weekday) if cron.day_exists else (by_weekday,)
    return (by_day,) if cron.weekdays == WEEKDAY.all else (by_weekday,)


def _written(values: frozenset[int], field: Field) -> str:
    if values == field.all:
        return "*"
    numbers = sorted(values)
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
    stepped = list(range(numbers[0], field.high + 1, step)) if step > 1 else []
    return f"{numbers[0]}/{step}" if numbers == stepped else _listed(numbers)


def _listed(values: Iterable[int]) -> str:
    parts = []
    for run in runs(values):
        if len(run) >= _SHORTEST_RUN:
            parts.append(f"{run[0]}-{run[-1]}")
        else:
            parts += map(str, run)
    return ",".join(parts)


def runs(values: Iterable[int]) -> list[list[int]]:
    """Return numbers in their order, in groups without a gap.

    Examples:
        >>> runs([5, 1, 2])
        [[1, 2], [5]]
    """
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][-1] + 1:
            found[-1].append(value)
        else:
            found.append([value])
    return found
