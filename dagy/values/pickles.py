"""Pickles: any Python object, for tasks that ask for it by name with `serializer="pickle"`.

Reading a pickle runs code. So one is written only for such a task, and read only where a reference
says that it is one.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

from dagy.annotations import is_secret
from dagy.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def dumps(value: Any) -> bytes:
    """Return the pickle of a value.

    Raises:
        CodecError: something in it cannot be pickled, or is a secret; `.path` says where.
    """
    try:
        return _dumps(value)
    except Exception as error:  # whatever the type itself raises when it is asked
        part, path = _culprit(value)
        kind = f"{type(part).__module__}.{type(part).__qualname__}".removeprefix("builtins.")
        message = f"value{path} is of type {kind}: it cannot be pickled: {error}"
        raise CodecError(message, path=path) from error


def load(path: Path) -> Any:
    """Return the value of a pickle.

    Raises:
        CodecError: it cannot be read, as where its classes cannot be imported.
    """
    try:
        return pickle.loads(path.read_bytes())
    except Exception as error:  # whatever the type itself raises when it is made again
        raise CodecError(f"the pickle {path} cannot be read: {error}") from error


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if is_secret(type(value)):
            raise pickle.PicklingError("a secret does not cross; let the consumer read it itself")
        return NotImplemented


def _dumps(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _culprit(value: Any) -> tuple[Any, str]:
    """Return the innermost part of a value that cannot be pickled, and where it is."""
    path, seen = "", {id(value)}
    while True:
        parts = (each for each in _parts(value) if id(each[1]) not in seen)
        bad = next((each for each in parts if not _can_be_pickled(each[1])), None)
        if bad is None:
            return value, path
        step, value = bad
        path += step
        seen.add(id(value))


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            yield from ((f"[{key!r}]", part) for key, part in value.items())
        case list() | tuple():
            yield from ((f"[{index}]", part) for index, part in enumerate(value))
        case _ if hasattr(value, "__dict__") and not isinstance(value, type):
            yield from ((f".{name}", part) for name, part in vars(value).items())


def _can_be_pickled(value: Any) -> bool:
    try:
        _dumps(value)
    except Exception:
        return False
    return True
