"""The one codec for values that cross from task to task: JSON text, here as in the cloud.

Plain JSON takes the fast path, in this module. Python's `json` bends some values without a word: a
key that is not a string becomes one, NaN becomes a token that no other reader accepts. Here such a
value is refused, with the path of the fault, so that what a consumer receives is what the producer
returned (a tuple as a list).

What is not plain JSON is written by `rich`: what pydantic can serialise as JSON, types with a codec
of their own (`codecs`) and artifacts (`artifacts`) as a dict with a single key that marks it. A
user's dict of that shape differs from one in its text, and is itself to any other reader (`marks`).
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from dagy.errors import CodecError
from dagy.values.marks import MARKS

if TYPE_CHECKING:
    from dagy.values.artifacts import Store

TOO_DEEP = "the value nests too deeply, or holds itself"

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_ATOMS = frozenset({type(None), bool, int, str})
_LISTS = frozenset({list, tuple})


def to_text(
    value: Any, store: Store | None = None, *, any_keys: bool = False, pickles: bool = False
) -> str:
    """Return a value as JSON text: compact, ASCII only.

    Args:
        value: plain JSON, or what `dagy.values.rich` can write.
        store: takes artifacts; None refuses them.
        any_keys: keys of dicts may be numbers, dates and the like, which become text, because an
            annotation says what they are.
        pickles: what cannot cross otherwise is pickled, if the store takes pickles. Only for what
            has crossed already, and may be what a task had pickled.

    Raises:
        CodecError: something in it cannot cross; `.path` says where.

    Examples:
        >>> to_text({"rows": (1, 2)})
        '{"rows":[1,2]}'
    """
    if value is None:  # as most tasks that are called for what they do return
        return "null"
    try:
        if not _is_plain(value):
            from dagy.values.rich import Writer

            return Writer(store, any_keys=any_keys, pickles=pickles).text(value)
        return _encode(value)
    except RecursionError as error:
        raise CodecError(TOO_DEEP) from error
    except ValueError as error:  # an integer too long for Python to print
        raise CodecError(str(error)) from error


def from_text(text: str, store: Store | None = None) -> Any:
    """Return the value that `to_text` wrote, made of new containers.

    Args:
        text: what it wrote.
        store: has the artifacts that the text refers to.

    Raises:
        CodecError: an artifact is not there, or no codec of that name is registered.
    """
    # No mark begins otherwise; looking for one character is many times faster.
    if "$" not in text or '{"$' not in text:
        return _decode(text)
    from dagy.values.marks import parsed
    from dagy.values.rich import restored

    return restored(parsed(text), store)


def as_json(value: Any, *, any_keys: bool = False, reveal: bool = False) -> Any:
    """Return a value as JSON that needs no store and no codec to be read, unmarked.

    Plain JSON is returned as it is; what pydantic can serialise becomes JSON.

    Args:
        value: plain JSON, or what pydantic can serialise.
        any_keys: as for `to_text`.
        reveal: secrets become what is in them, and are not refused.

    Raises:
        CodecError: something in it is neither; `.path` says where.
    """
    try:
        if _is_plain(value):
            return value
        from dagy.values.rich import Writer

        return Writer(None, any_keys=any_keys, reveal=reveal).unmarked(value)
    except RecursionError as error:
        raise CodecError(TOO_DEEP) from error


def _is_plain(value: Any) -> bool:
    """Tell whether a value is JSON as it stands and has nothing that looks like a mark."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is float:
        return isfinite(value)
    if kind is dict:
        if len(value) == 1 and not MARKS.isdisjoint(value):
            return False
        return set(map(type, value)) <= {str} and all(map(_is_plain, value.values()))
    return kind in _LISTS and all(map(_is_plain, value))
