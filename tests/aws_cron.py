"""What EventBridge Scheduler makes of a cron expression, written from its documentation alone.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: six fields, of which one
of the days is `?`; a time that does not exist is skipped, one that comes twice fires once.
"""

from datetime import UTC, datetime, time, timedelta

RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (1, 7)}
SLASHED = {"minute", "hour", "day", "month"}  # the documentation has no / for weekdays
MOST_CHARACTERS = 256  # of ScheduleExpression


class AwsCron:
    def __init__(self, expression):
        assert len(expression) <= MOST_CHARACTERS
        assert expression.startswith("cron(")
        assert expression.endswith(")")
        minute, hour, day, month, weekday, year = expression[5:-1].split()
        assert year == "*"
        assert (day == "?") != (weekday == "?"), "exactly one of the days is ?"
        self.minutes = self._read("minute", minute)
        self.hours = self._read("hour", hour)
        self.days = None if day == "?" else self._read("day", day)
        self.months = self._read("month", month)
        self.weekdays = None if weekday == "?" else self._read("weekday", weekday)

    def _read(self, name, text):
        low, high = RANGES[name]
        if text == "*":
            return set(range(low, high + 1))
        found = set()
        for part in text.split(","):
            span, slash, step = part.partition("/")
            first, dash, last = span.partition("-")
            assert low <= int(first) <= high
            if slash:
                assert name in SLASHED
                found |= set(range(int(first), high + 1, int(step)))
            elif dash:
                assert int(first) < int(last) <= high
                found |= set(range(int(first), int(last) + 1))
            else:
                found.add(int(first))
        return found

    def fires(self, local):
        weekday = local.isoweekday() % 7 + 1  # Sunday is 1
        return (
            local.minute in self.minutes
            and local.hour in self.hours
            and local.month in self.months
            and (self.days is None or local.day in self.days)
            and (self.weekdays is None or weekday in self.weekdays)
        )

    def between(self, start, end):
        """The local times, without a zone, that fire."""
        day = start
        while day < end:
            midnight = datetime.combine(day.date(), time())
            if self.fires(midnight.replace(hour=min(self.hours), minute=min(self.minutes))):
                for hour in self.hours:
                    for minute in self.minutes:
                        moment = midnight.replace(hour=hour, minute=minute)
                        if start <= moment < end:
                            yield moment
            day += timedelta(days=1)


def instants(locals_, zone):
    """The moments of local times: none where it does not exist, the first where it comes twice."""
    found = set()
    for local in locals_:
        offsets = {
            (local + timedelta(days=days)).replace(tzinfo=zone).utcoffset() for days in (-1, 0, 1)
        }
        moments = [(local - offset).replace(tzinfo=UTC) for offset in offsets]
        real = [m for m in moments if m.astimezone(zone).replace(tzinfo=None) == local]
        if real:
            found.add(min(real))
    return found


def walked(expressions, zone, start, end):
    """The same, minute by minute: slow, and beyond doubt."""
    crons = [AwsCron(expression) for expression in expressions]
    seen, found, moment = set(), set(), start
    while moment < end:
        local = moment.astimezone(zone).replace(tzinfo=None)
        if local not in seen and any(cron.fires(local) for cron in crons):
            found.add(moment)
        seen.add(local)
        moment += timedelta(minutes=1)
    return found
