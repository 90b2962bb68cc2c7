"""`--for day=2026-01-01..2026-01-31`: the values that a text stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from dagy.errors import ParameterError

MOST_VALUES = 10_000

_STEP = re.compile(r"(\d{1,6})(d|w|mo|y|h|min)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")
_NUMBER = re.compile(r"-?\d{1,15}")
_MONTHS = {"mo": 1, "y": 12}
_SPANS = {
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "h": timedelta(hours=1),
    "min": timedelta(minutes=1),
}
_FORM = (
    "write 2026-01-01..2026-01-31, 2026-01-01..2026-12-31/1mo (steps: 7d, 2w, 1mo, 1y; for times "
    "6h, 30min), 1..10, 1..10/2, or values with commas between them; or a JSON array of values"
)


def read_values(text: str) -> tuple[str, list[str]]:
    """Return the parameter of a `--for`, and its values as texts, in their order.

    A range has both its ends; from a start in the middle of a step its end may not be met.

    Args:
        text: `NAME=VALUES`: ranges of dates, of times and of whole numbers, with steps; and other
            values, with commas between them; or a JSON array.

    Raises:
        ParameterError: it cannot be read, goes backwards, or stands for more than 10,000 values.

    Examples:
        >>> read_values("day=2026-01-30..2026-02-01")
        ('day', ['2026-01-30', '2026-01-31', '2026-02-01'])
        >>> read_values("n=1..7/3,20")
        ('n', ['1', '4', '7', '20'])
    """
    name, equals, written = text.partition("=")
    if not equals or not name or not written:
        raise ParameterError(f"--for {text}: write it as NAME=VALUES; for the values {_FORM}")
    values: dict[str, None] = {}
    for value in _values(written, f"--for {text}"):
        values[value] = None  # what comes twice is run once
        if len(values) > MOST_VALUES:
            raise ParameterError(f"--for {text}: these are more than {MOST_VALUES:,} values")
    return name, list(values)


def _values(written: str, where: str) -> Iterator[str]:
    if written.startswith("["):
        yield from _of_json(written, where)
        return
    for part in written.split(","):
        if not part:
            raise ParameterError(f"{where}: there is an empty value; {_FORM}")
        ends, _, step = part.partition("/")
        first, dots, last = ends.partition("..")
        if not dots:
            yield part
        elif all(_NUMBER.fullmatch(end) for end in (first, last)):
            yield from _numbers(int(first), int(last), step, where)
        elif all(_DATE.fullmatch(end) or _TIME.fullmatch(end) for end in (first, last)):
            yield from _moments(first, last, step, where)
        else:
            raise ParameterError(f"{where}: {part!r} is no range of dates or numbers; {_FORM}")


def _of_json(written: str, where: str) -> Iterator[str]:
    try:
        values = json.loads(written)
    except ValueError as error:
        raise ParameterError(f"{where}: that is not a JSON array: {error}") from error
    for value in values:
        yield value if isinstance(value, str) else json.dumps(value)


def _numbers(first: int, last: int, step: str, where: str) -> Iterator[str]:
    width, unit = _step(step or "1", where)
    if unit or first > last:
        raise ParameterError(
            f"{where}: {first}..{last} goes backwards, or has a step with a unit; {_FORM}"
        )
    yield from map(str, range(first, last + 1, width))


def _moments(first: str, last: str, step: str, where: str) -> Iterator[str]:
    of_days = bool(_DATE.fullmatch(first))
    try:
        start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    except ValueError as error:
        raise ParameterError(f"{where}: {first}..{last}: {error}") from error
    width, unit = _step(step or ("1d" if of_days else "1h"), where)
    if bool(_DATE.fullmatch(last)) != of_days or start > end or (of_days and unit in {"h", "min"}):
        raise ParameterError(
            f"{where}: {first}..{last} goes backwards, or has a time at one end only, or dates "
            f"have a step of hours; {_FORM}"
        )
    if not unit:
        raise ParameterError(f"{where}: say the unit of the step: {step}d; {_FORM}")
    number = 0
    while (moment := _later(start, number * width, unit)) <= end:
        yield (moment.date() if of_days else moment).isoformat()
        number += 1


def _later(start: datetime, count: int, unit: str) -> datetime:
    """Return a moment so many units later; of a month without that day its last day."""
    if unit in _SPANS:
        return start + count * _SPANS[unit]
    month = start.month - 1 + count * _MONTHS[unit]
    year, month = start.year + month // 12, month % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    longest = (following - timedelta(days=1)).day
    return start.replace(year=year, month=month, day=min(start.day, longest))


def _step(text: str, where: str) -> tuple[int, str]:
    found = _STEP.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ParameterError(f"{where}: {text!r} is no step; {_FORM}")
    return int(found[1]), found[2] or ""
