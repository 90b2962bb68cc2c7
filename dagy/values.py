"""The one codec for values that cross from task to task: strict JSON, here as in the cloud.

Python's `json` module bends some values without a word: a key that is not a string becomes one, NaN
becomes a token that no other reader accepts. Here such a value is refused, with the path of the
fault, so that what a consumer receives is what the producer returned (a tuple as a list).
"""

from __future__ import annotations

import json
import math
from typing import Any

from dagy.errors import CodecError

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def to_text(value: Any) -> str:
    """Return a value as JSON text: compact, ASCII only.

    Args:
        value: None, bool, int, finite float, str, and lists, tuples and str-keyed dicts of these.

    Raises:
        CodecError: something in it is none of these; `.path` says where.

    Examples:
        >>> to_text({"rows": (1, 2)})
        '{"rows":[1,2]}'
    """
    check(value)
    try:
        return _encode(value)
    except ValueError as error:  # an integer too long for Python to print
        raise CodecError(str(error)) from error


def from_text(text: str) -> Any:
    """Return the value that `to_text` wrote, made of new containers."""
    return json.loads(text)


def check(value: Any) -> None:
    """Raise CodecError unless a value is JSON as it stands; see `to_text`."""
    try:
        _check(value, "")
    except RecursionError as error:
        raise CodecError("the value nests too deeply, or holds itself") from error


def _check(value: Any, path: str) -> None:
    match value:
        case None | bool() | int() | str():
            return
        case float():
            if not math.isfinite(value):
                raise CodecError(f"{_at(path)} is {value}, which JSON does not have", path=path)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise CodecError(
                        f"{_at(path)} has the key {key!r} ({type(key).__name__}); keys of a dict "
                        "that crosses to another task must be str",
                        path=path,
                    )
                _check(item, f"{path}[{key!r}]")
        case list() | tuple():
            for index, item in enumerate(value):
                _check(item, f"{path}[{index}]")
        case _:
            raise CodecError(
                f"{_at(path)} is of type {_type_name(value)}, which is not JSON; pass plain data "
                "(dict, list, str, int, float, bool, None)",
                path=path,
            )


def _at(path: str) -> str:
    return f"value{path}"


def _type_name(value: Any) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
