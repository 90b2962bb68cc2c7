"""`rate(15 minutes)`: so often, counted from the deployment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from dagy.errors import ScheduleError

_FORM = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)", re.IGNORECASE | re.ASCII)
_MOST_DAYS = 366


@dataclass(frozen=True)
class Rate:
    """So many minutes, hours or days.

    Attributes:
        value: how many.
        unit: `minute`, `hour` or `day`; a day is 24 hours, whatever the clocks do.
    """

    value: int
    unit: str

    @property
    def period(self) -> timedelta:
        """How long it is from one time to the next."""
        return timedelta(**{f"{self.unit}s": self.value})

    @property
    def units(self) -> str:
        """The unit after the value."""
        return self.unit if self.value == 1 else f"{self.unit}s"


def parse_rate(text: str) -> Rate:
    """Return what a rate expression says.

    Raises:
        ScheduleError: it says nothing.

    Examples:
        >>> parse_rate("rate(1 hours)")
        Rate(value=1, unit='hour')
    """
    found = _FORM.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1][:9]) <= _MOST_DAYS * 24 * 60:
        raise ScheduleError(
            f"schedule {text[:80]!r}: a rate is written rate(VALUE UNIT), with a whole number "
            "of at least 1 and minutes, hours or days, as rate(15 minutes)"
        )
    return Rate(int(found[1]), found[2].lower())
