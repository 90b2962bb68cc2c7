"""A schedule: when, and by whose clocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from dagy.errors import ScheduleError
from dagy.options import nearest
from dagy.schedules.cron import Cron, parse_cron
from dagy.schedules.eventbridge import expressions
from dagy.schedules.meaning import meaning
from dagy.schedules.rate import Rate, parse_rate
from dagy.schedules.times import times

UTC = "UTC"


@dataclass(frozen=True)
class Schedule:
    """When a flow is to start.

    Attributes:
        text: as it was written, with one space between fields.
        when: what it says.
        timezone: whose clocks it means, as `Europe/Berlin`.
    """

    text: str
    when: Cron | Rate
    timezone: str = UTC

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """What EventBridge Scheduler is given: an expression for each of its schedules."""
        if isinstance(self.when, Rate):
            return (f"rate({self.when.value} {self.when.units})",)
        return expressions(self.when)

    @property
    def is_rate(self) -> bool:
        """Whether it is counted from the deployment."""
        return isinstance(self.when, Rate)

    @property
    def meaning(self) -> str:
        """What it means, in a sentence without its end."""
        if isinstance(self.when, Rate):
            every = f"{self.when.value} " if self.when.value > 1 else ""
            return f"every {every}{self.when.units}, counted from the deployment"
        return f"{meaning(self.when)} ({self.timezone})"

    def next_times(self, after: datetime, count: int) -> list[datetime]:
        """Return the next times after a moment, by the clocks it means.

        Args:
            after: with a time zone. A rate is counted from here.
            count: how many.
        """
        zone = ZoneInfo(self.timezone)
        if isinstance(self.when, Cron):
            return list(islice(times(self.when, zone, after), count))
        return list(islice(_counted(self.when, after.astimezone(zone)), count))


def _counted(rate: Rate, after: datetime) -> Iterator[datetime]:
    zone, moment = after.tzinfo, after.astimezone(ZoneInfo(UTC))
    while True:
        moment += rate.period
        yield moment.astimezone(zone)


def parse_schedule(text: str, timezone: str = UTC) -> Schedule:
    """Return what a schedule says.

    Args:
        text: five fields of cron, a nickname such as `@daily`, or `rate(15 minutes)`.
        timezone: whose clocks it means, by the name that the time zone database has.

    Raises:
        ScheduleError: it says nothing, never fires, or there is no such time zone.

    Examples:
        >>> parse_schedule("0 9 * * 1-5", "Europe/Berlin").meaning
        'at 09:00, on Monday to Friday (Europe/Berlin)'
        >>> parse_schedule("rate(2 hours)").expressions
        ('rate(2 hours)',)
    """
    written = " ".join(text.split())
    if written.lower().startswith("cron("):
        raise ScheduleError(
            f"schedule {written[:80]!r}: that is AWS's own form, of six fields; write cron's five, "
            "as '0 9 * * 1-5' for 09:00 from Monday to Friday"
        )
    is_rate = written.lower().startswith("rate")
    when = parse_rate(written) if is_rate else parse_cron(written)
    _check_zone(timezone)
    return Schedule(written, when, timezone)


def _check_zone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (LookupError, ValueError, OSError) as error:
        names = {name.lower(): name for name in available_timezones()}
        known = names.get(timezone.lower())
        hint = f"; did you mean {known!r}?" if known else nearest(timezone, names.values())
        raise ScheduleError(
            f"there is no time zone {timezone[:80]!r}{hint}; write one as Europe/Berlin"
        ) from error
