r"""How JSON text tells the marks of what is not plain JSON from dicts of users that look alike.

A mark is an object with one key, `{"$artifact": ...}` or `{"$codec": ...}`. In the text of a user's
dict of that shape the first character of the key is escaped: `{"\u0024codec": ...}`. Every reader
of JSON takes that for the dict that it is, so the text can be opened where marks are not known (by
the expression that puts out a flow's return value, by a service, by SQL) and nothing has to be
undone; who knows marks tells the two apart by the text.
"""

from __future__ import annotations

import json
from typing import Any, Final

ARTIFACT: Final = "$artifact"
CODEC: Final = "$codec"
MARKS: Final = frozenset({ARTIFACT, CODEC})

_ESCAPED: Final = '{"\\u0024'
"""In a string a quote has a backslash before it, so this is always the beginning of an object."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Lookalike(dict[str, Any]):
    """A dict of the user's that has the shape of a mark."""


def parsed(text: str) -> Any:
    """Return what a text holds, its marks as dicts and what only looks so as `Lookalike`."""
    if _ESCAPED not in text:
        return json.loads(text)
    sign = "$"
    while f'{{"{sign}' in text:  # then no key of the text begins so
        sign += "$"

    def known(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if pairs and pairs[0][0].startswith(sign):
            (key, item), *others = pairs
            return Lookalike([(f"${key[len(sign) :]}", item), *others])
        return dict(pairs)

    return json.loads(text.replace(_ESCAPED, f'{{"{sign}'), object_pairs_hook=known)


def spelled(value: Any) -> str:
    """Return the text of what `parsed` has returned."""
    match value:
        case dict():
            items = (f"{_encode(key)}:{spelled(item)}" for key, item in value.items())
            text = f"{{{','.join(items)}}}"
            return text.replace('{"$', _ESCAPED, 1) if isinstance(value, Lookalike) else text
        case list():
            return f"[{','.join(map(spelled, value))}]"
    return _encode(value)
