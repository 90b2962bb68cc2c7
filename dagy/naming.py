"""Names that are legal wherever Dagy puts them, made from whatever people call things."""

from __future__ import annotations

import re
from functools import lru_cache

_ILLEGAL = re.compile(r"[^\w.-]+")

MAX_ID_LENGTH = 60


@lru_cache
def slug(name: str, *, fallback: str) -> str:
    """Return a name made of letters, digits, `_`, `.` and `-`, starting with a letter or digit.

    The same name gives the same slug everywhere. One that is too long is cut, and told from its
    neighbours by six digits of its hash.

    Args:
        name: any text.
        fallback: what to call a name of which nothing is left.

    Examples:
        >>> slug("Extract: rows (daily)", fallback="task")
        'Extract-rows-daily'
    """
    if not name.isascii():
        import unicodedata

        name = unicodedata.normalize("NFC", name)
    legal = _ILLEGAL.sub("-", name).strip("-._") or fallback
    if len(legal) <= MAX_ID_LENGTH:
        return legal
    import hashlib

    return f"{legal[: MAX_ID_LENGTH - 7]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


class Names:
    """Hands out names so that none is given twice: `extract`, `extract-2`, `extract-3`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def claim(self, wanted: str) -> str:
        """Return the wanted name, or it with the first free number from 2 on."""
        number = self._last.get(wanted, 0) + 1
        name = wanted if number == 1 else f"{wanted}-{number}"
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._last[wanted] = number
        self._taken.add(name)
        return name
