"""Where in the user's code something stands: for messages, and for what is generated."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import CodeType
from typing import Any, NamedTuple

from dagy.code import name_of

_PACKAGE = os.path.dirname(__file__)
_basename = cache(os.path.basename)


class Location(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    @property
    def short(self) -> str:
        """File name and line: the same on every machine."""
        return f"{_basename(self.file)}:{self.line}"

    def __str__(self) -> str:
        """Path from here, as an editor would open it."""
        path = self.file
        with suppress(ValueError, OSError):  # another drive, or no current folder any more
            path = min(path, os.path.relpath(path), key=len)
        return f"{path}:{self.line}"

    @property
    def text(self) -> str:
        """The line itself, stripped; empty when it cannot be read."""
        import linecache

        return linecache.getline(self.file, self.line).strip()


def caller() -> Location:
    """Return the line of the user's code that is calling into Dagy.

    That is the nearest frame which belongs neither to Dagy nor to the standard library: an output
    handed to `json.dumps` is a mistake of the line that called `json.dumps`.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and is_foreign(frame.f_code.co_filename):
        frame = frame.f_back
    return Location(frame.f_code.co_filename, frame.f_lineno)


@cache
def is_foreign(file: str) -> bool:
    """Tell whether a file belongs to Dagy or to the standard library."""
    if file.startswith((_PACKAGE, "<frozen")):
        return True
    import sysconfig

    return file.startswith(sysconfig.get_path("stdlib")) and "site-packages" not in file


def location_of(fn: Callable[..., Any]) -> Location | None:
    """Return where a function is defined, or None for one that is not written in Python."""
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    return Location(code.co_filename, code.co_firstlineno)


def digest_of(fn: Callable[..., Any]) -> str:
    """Return the SHA-256, in hex, of a function's source without its decorators.

    Decorators hold policies, which change how a function is run and not what it computes. What the
    function calls is not looked at. Where there is no source, the bytecode stands in for it.
    """
    import hashlib
    import inspect

    try:
        lines = inspect.getsource(fn).splitlines(keepends=True)
    except (OSError, TypeError):
        code = getattr(fn, "__code__", None)
        parts = (code.co_code, code.co_consts) if isinstance(code, CodeType) else name_of(fn)
        return hashlib.sha256(repr(parts).encode()).hexdigest()
    starts = (n for n, line in enumerate(lines) if line.lstrip().startswith(("def ", "async def ")))
    return hashlib.sha256("".join(lines[next(starts, 0) :]).encode()).hexdigest()
