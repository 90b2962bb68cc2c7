"""A stand-in for `sys.stdout` or `sys.stderr` that also tells the run's log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, TextIO

already_recorded: ContextVar[bool] = ContextVar("dagy_already_recorded", default=False)
"""True while something that is in the log already is on its way to the terminal: a log record that
a handler prints, or text that comes through a second stand-in."""


class Tee:
    """Hands everything on to the stream it stands in for, and what is printed to a log as well.

    Everything but writing is the stream's own: `isatty`, `encoding`, `fileno`, `buffer`. Bytes
    written to `buffer`, or to the file descriptor by a child process, are on the terminal only.

    Args:
        stream: what it stands in for.
        heard: called with what was written, unless that is in the log already.
    """

    def __init__(self, stream: TextIO, heard: Callable[[str], None]) -> None:
        self._stream = stream
        self._heard = heard

    def write(self, text: str) -> int:
        """Write text; return how many characters were written."""
        if already_recorded.get():
            return self._stream.write(text)
        token = already_recorded.set(True)
        try:
            written = self._stream.write(text)
            self._heard(text)
        finally:
            already_recorded.reset(token)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each text of a list."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __repr__(self) -> str:
        return f"<what Dagy hears of {self._stream!r}>"
