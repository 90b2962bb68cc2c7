"""When a cron expression fires, as EventBridge Scheduler reads the clock.

Where clocks go forward, a time that does not exist is skipped; where they go back, a time that
comes twice fires once, the first time
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html, on daylight saving).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dagy.schedules.cron import Cron

_MOST_DAYS = 366 * 9  # the 29th of February is missing for 8 years around 2100


def times(cron: Cron, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Yield the times after a moment, in their order, for nine years.

    Args:
        cron: when.
        zone: whose clocks it means.
        after: with a time zone.
    """
    first = after.astimezone(zone).date()
    for number in range(_MOST_DAYS):
        day = first + timedelta(days=number)
        if fires_on(cron, day):
            yield from (moment for moment in _of_day(cron, zone, day) if moment > after)


def fires_on(cron: Cron, day: date) -> bool:
    """Tell whether a day is one of a cron expression's."""
    if day.month not in cron.months:
        return False
    by_day, by_weekday = day.day in cron.days, day.isoweekday() % 7 in cron.weekdays
    return by_day or by_weekday if cron.either else by_day and by_weekday


def _of_day(cron: Cron, zone: tzinfo, day: date) -> Iterator[datetime]:
    for hour in sorted(cron.hours):
        for minute in sorted(cron.minutes):
            local = datetime.combine(day, time(hour, minute), zone)
            if local.astimezone(UTC).astimezone(zone).replace(fold=0) == local:
                yield local
