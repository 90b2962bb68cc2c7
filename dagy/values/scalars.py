"""Numbers and times of numpy and pandas, as Python has them, where Python has them."""

from __future__ import annotations

import sys
from typing import Any


class BentError(Exception):
    """Python would have another value in its place."""


def is_scalar(value: Any) -> bool:
    """Tell whether a value is one of numpy's or pandas' own."""
    kinds = (_type("numpy", "generic"), _type("pandas", "Timestamp"), _type("pandas", "Timedelta"))
    return any(kind is not None and isinstance(value, kind) for kind in kinds)


def as_python(value: Any) -> Any:
    """Return a scalar as Python has it.

    Raises:
        BentError: it is finer than a microsecond, or longer than a float, or no time at all.
    """
    if hasattr(value, "to_pytimedelta"):
        return _exactly(value.to_pytimedelta(), value.nanoseconds)
    if hasattr(value, "to_pydatetime"):
        return _exactly(value.to_pydatetime(warn=False), value.nanosecond)
    if value.dtype.kind in "mM":
        return _time(value)
    item = value.item()
    if type(item) is type(value):  # a longdouble
        raise BentError("Python has no number of that precision; return float(...)")
    return item


def _time(value: Any) -> Any:
    # numpy gives nanoseconds as a bare integer, and would without a word.
    rounded = value.astype(f"{value.dtype.kind}8[us]")
    item = value.item() if value.dtype.name.endswith("[D]") else rounded.item()
    if item is None:
        raise BentError("JSON has no such time; return None")
    if rounded != value or isinstance(item, int):
        raise BentError("Python has no such time; round it to microseconds")
    return item


def _exactly(item: Any, nanoseconds: int) -> Any:
    if nanoseconds:
        raise BentError("Python has no such time; round it to microseconds")
    return item


def _type(module: str, name: str) -> type | None:
    """Return a type if its module is imported, and is far enough with that to have it."""
    return getattr(sys.modules.get(module), name, None)
