"""Five-field Unix cron: what it says, taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dagy.errors import ScheduleError
from dagy.options import nearest

FORM = "minute hour day-of-month month day-of-week"

NICKNAMES: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


@dataclass(frozen=True)
class Field:
    """One of the five fields.

    Attributes:
        name: for people.
        low: the least value.
        high: the greatest.
        names: that stand for numbers.
    """

    name: str
    low: int
    high: int
    names: Mapping[str, int]

    @property
    def all(self) -> frozenset[int]:
        """Every value of the field."""
        return frozenset(range(self.low, self.high + 1))


MINUTE = Field("minute", 0, 59, {})
HOUR = Field("hour", 0, 23, {})
DAY = Field("day of the month", 1, 31, {})
MONTH = Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)})
WEEKDAY = Field("weekday", 0, 6, {name: number for number, name in enumerate(_WEEKDAYS)})
_FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


@dataclass(frozen=True)
class Cron:
    """A cron expression, taken apart.

    Attributes:
        minutes: in which it fires.
        hours: in which it fires.
        days: of the month, from 1.
        months: from 1.
        weekdays: 0 is Sunday.
        either: whether a day need be only one of `days` and `weekdays`: so it is when both are
            restricted. Otherwise one of them is every day.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @property
    def day_exists(self) -> bool:
        """Whether one of the months ever has one of the days."""
        return any(min(self.days) <= _LONGEST_MONTHS.get(month, 31) for month in self.months)


def parse_cron(text: str) -> Cron:
    """Return what a cron expression says.

    The rules are those of Vixie's cron (crontab(5)): names and numbers, lists, ranges and steps;
    Sunday is 0 and 7; where day of the month and weekday are both restricted, one of them is
    enough; a field that begins with `*` is not restricted, even with a step.

    Args:
        text: five fields, or a nickname such as `@daily`.

    Raises:
        ScheduleError: it says nothing, never fires, or cannot be done by EventBridge Scheduler.

    Examples:
        >>> sorted(parse_cron("0 9 * * mon-fri").weekdays)
        [1, 2, 3, 4, 5]
    """
    words = _words(text)
    minutes, hours, days, months, weekdays = (
        _values(field, word.lower(), text) for field, word in zip(_FIELDS, words, strict=True)
    )
    free = [word.startswith("*") for word in (words[2], words[4])]
    every_day = days == DAY.all, weekdays == WEEKDAY.all
    if any(free) and not any(every_day):
        raise _wrong(
            text,
            f"a day of the month {words[2]!r} and a weekday {words[4]!r} must both hold in cron, "
            "as one begins with *; EventBridge Scheduler cannot do that; write the days out "
            "(then one of them is enough), or decide in the flow",
        )
    either = not any(free) and not any(every_day)
    if not any(free) and any(every_day):
        days, weekdays = DAY.all, WEEKDAY.all  # one of them is enough, and holds every day
    cron = Cron(minutes, hours, days, months, weekdays, either)
    if not either and not cron.day_exists:
        raise _wrong(text, "it never fires: those months have no such day")
    return cron


def _words(text: str) -> list[str]:
    words = text.split()
    if len(words) == 1 and words[0].startswith("@"):
        name = words[0].lower()
        if name == "@reboot":
            raise _wrong(text, "there is no machine here that boots; write when it is to start")
        if name not in NICKNAMES:
            hint = nearest(name, NICKNAMES)
            raise _wrong(text, f"there is no {name}{hint}; there are {', '.join(NICKNAMES)}")
        return NICKNAMES[name].split()
    if len(words) != len(_FIELDS):
        hint = ""
        if len(words) == 6:
            hint = "; with six it is AWS's own form or has seconds, and Dagy takes neither"
        raise _wrong(text, f"it has {len(words)} field{'s' * (len(words) != 1)}, not five{hint}")
    return words


def _wrong(text: str, reason: str) -> ScheduleError:
    return ScheduleError(
        f"schedule {text[:80]!r}: {reason}. A schedule is five fields, {FORM}, as '0 9 * * 1-5' "
        "(at 09:00 from Monday to Friday), or rate(15 minutes)"
    )


def _values(field: Field, word: str, text: str) -> frozenset[int]:
    return frozenset(value for part in word.split(",") for value in _part(field, part, text))


def _part(field: Field, part: str, text: str) -> Iterator[int]:
    span, slash, step_text = part.partition("/")
    if span == "*":
        low, high = field.low, field.high
    elif "-" in span:
        low, high = _range(field, span, text)
    else:
        low = _number(field, span, text)
        if slash and field is WEEKDAY:
            raise _wrong(text, f"{part!r} does not say where it ends; write {span}-6/{step_text}")
        high = field.high if slash else low
    step = _step(field, step_text, high - low, part, text) if slash else 1
    for value in range(low, high + 1, step):
        yield 0 if field is WEEKDAY and value == 7 else value


def _range(field: Field, span: str, text: str) -> tuple[int, int]:
    first, _, last = span.partition("-")
    low, high = _number(field, first, text), _number(field, last, text)
    if field is WEEKDAY and high == 0 and low > 0 and last in field.names:
        high = 7  # fri-sun
    if low > high:
        hint = "; Sunday at the end is 7" if field is WEEKDAY and high == 0 else ""
        raise _wrong(text, f"the {field.name} {span} goes backwards{hint}")
    return low, high


def _number(field: Field, word: str, text: str) -> int:
    if word in field.names:
        return field.names[word]
    highest = 7 if field is WEEKDAY else field.high
    if word.isascii() and word.isdigit() and field.low <= int(word[:5]) <= highest:
        return int(word)
    if word[:1].isalpha() and len(word) > 1 and field.names:
        known = nearest(word[:3], field.names) or f"; there are {', '.join(field.names)}"
        raise _wrong(text, f"there is no {field.name} {word!r}{known}")
    if any(sign in word for sign in "?lw#"):
        raise _wrong(text, f"the {field.name} {word!r} uses ?, L, W or #, which cron does not have")
    raise _wrong(text, f"the {field.name} {word!r} is not {field.low} to {highest}")


def _step(field: Field, word: str, length: int, part: str, text: str) -> int:
    if not (word.isascii() and word.isdigit()) or int(word[:5]) == 0:
        raise _wrong(text, f"the step in {part!r} is no number of at least 1")
    step = int(word[:5])
    if step > length:
        units = {"minute": "minutes", "hour": "hours"}.get(field.name)
        hint = f"; for every {step} {units} write rate({step} {units})" if units else ""
        raise _wrong(text, f"the step in {part!r} is longer than what it steps through{hint}")
    return step
