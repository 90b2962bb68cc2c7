"""The log of one run: whole lines, appended to a file as they are said."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from dagy.context import RunContext, current_context, current_task_run_id
from dagy.interpreter.events import Transition
from dagy.logs.lines import LogLine, encode
from dagy.state import StateType

LONGEST_LINE = 65_536
"""Characters. What goes on for longer without a line's end is cut into lines of this length."""

current_run_log: ContextVar[RunLog | None] = ContextVar("dagy_run_log", default=None)
"""The log of the run that this context belongs to."""


class RunLog:
    """Appends what the tasks of one run say to its file.

    A line reaches the operating system in one write to a file opened for appending. So `kill -9`
    loses the unfinished line at most, and a child process may write to the same file. The file is
    made with the first line: a run that says nothing pays nothing.

    A disk that fails must not take the run with it: the first error is kept in `error`, and nothing
    is written after it.

    Args:
        path: the file, whose folder must exist; None to keep nothing and only tell the listener.
        mask: changes the text of each line before anyone sees it, as to hide secrets.
        listener: called with each line, in the thread that said it; it must be quick.

    Attributes:
        path: the file, or None.
        error: why the log is incomplete, or None.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        mask: Callable[[str], str] | None = None,
        listener: Callable[[LogLine], None] | None = None,
    ) -> None:
        self.path = path
        self.error: OSError | None = None
        self._mask = mask
        self._listener = listener
        self._file: int | None = None
        self._open_lines: dict[tuple[int, str], _OpenLine] = {}
        self._closed = False
        # Reentrant: the garbage collector may run a `__del__` that prints in the midst of a line.
        self._lock = threading.RLock()

    def write(self, source: str, text: str) -> None:
        """Take text that was printed, which may be any part of a line or of many.

        Each thread has an unfinished line of its own for each source, so that lines of tasks that
        print at the same time never run into each other.

        Args:
            source: "stdout" or "stderr".
            text: what was printed.
        """
        key = threading.get_ident(), source
        with self._lock:
            if self._closed:
                return
            begun = self._open_lines.pop(key, None)
            if begun is not None and begun.context is not current_context.get():
                self._append([begun.line(begun.text)])  # whoever began it has gone
                begun = None
            begun = begun or _begin(source)
            rest = begun.text + text
            if "\n" in text or len(rest) > LONGEST_LINE:
                *whole, rest = _cut(rest)
                self._append([begun.line(line) for line in whole])
                begun = begun._replace(at=time.time())
            if rest:
                self._open_lines[key] = begun._replace(text=rest)

    def record(self, source: str, text: str, level: str, logger: str | None = None) -> None:
        """Take a log record or a warning.

        Args:
            source: "log" or "warning".
            text: its text, which may have several lines.
            level: name of its level, or its category.
            logger: name of its logger.
        """
        line = _begin(source).line(text)._replace(level=level, logger=logger)
        with self._lock:
            if not self._closed:
                self._append([line])

    def emit(self, transition: Transition) -> None:
        """Take note of a transition, as a `Sink`: an attempt that ends, ends its lines."""
        if self._open_lines and transition.state is not StateType.RUNNING:
            with self._lock:
                self._end_lines(lambda line: line.task_run_id == transition.task_run_id)

    def close(self) -> None:
        """End the log: lines without an end are written as they are. Closing twice does nothing."""
        with self._lock:
            self._end_lines(lambda _: True)
            self._closed = True
            self._close_file()

    def _end_lines(self, wanted: Callable[[_OpenLine], bool]) -> None:
        keys = [key for key, line in self._open_lines.items() if wanted(line)]
        ended = [self._open_lines.pop(key) for key in keys]
        self._append([line.line(line.text) for line in ended])

    def _append(self, lines: list[LogLine]) -> None:
        if not lines:
            return
        if self._mask is not None:
            lines = [line._replace(text=self._mask(line.text)) for line in lines]
        if self.error is None:
            try:
                self._write_file(b"".join(map(encode, lines)))
            except OSError as error:
                self.error = error
                self._close_file()
        if self._listener is not None:
            for line in lines:
                self._listener(line)

    def _write_file(self, data: bytes) -> None:
        if self.path is None:
            return
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        # A short write is a disk that is getting full; the next one tells why, or goes through.
        while data:
            data = data[os.write(self._file, data) :]

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _OpenLine(NamedTuple):
    """A line whose end is still to come, and who began it: each attempt has its own context."""

    context: RunContext | None
    task_run_id: str | None
    source: str
    at: float
    text: str

    def line(self, text: str) -> LogLine:
        text = _as_shown(text)
        if self.context is None or self.task_run_id is None:
            return LogLine(self.at, text, self.source)
        context = self.context
        return LogLine(self.at, text, self.source, self.task_run_id, context.name, context.attempt)


def _begin(source: str) -> _OpenLine:
    return _OpenLine(current_context.get(), current_task_run_id.get(), source, time.time(), "")


def _cut(text: str) -> list[str]:
    """Return the whole lines of a text, and last what is not a whole line yet."""
    *whole, rest = text.split("\n")
    if len(rest) > LONGEST_LINE:  # of a progress bar, only where it stands now
        rest = rest[rest.rfind("\r", 0, -1) + 1 :]
    while len(rest) > LONGEST_LINE:
        whole.append(rest[:LONGEST_LINE])
        rest = rest[LONGEST_LINE:]
    return [*whole, rest]


def _as_shown(line: str) -> str:
    """Return what a terminal would show in the end: a progress bar goes back and writes over."""
    return line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
