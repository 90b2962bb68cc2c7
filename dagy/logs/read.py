"""Reading a run's log, also while it grows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from dagy.logs.lines import LogLine, decode

_PAUSE = 0.2
"""Seconds between two looks at a log that is followed."""


def read_lines(path: Path) -> Iterator[LogLine]:
    """Yield the lines of a log; none if there is no such file.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        yield from _decoded(file)


def last_lines(path: Path, count: int, wanted: Callable[[LogLine], bool]) -> list[LogLine]:
    """Return the last lines of a log that are wanted, oldest first.

    Args:
        path: the log.
        count: how many at most.
        wanted: tells whether a line counts.

    Raises:
        OSError: the file is there and cannot be read.
    """
    return list(deque(filter(wanted, read_lines(path)), maxlen=count))


def follow(
    path: Path,
    ended: Callable[[], bool],
    wanted: Callable[[LogLine], bool],
    *,
    tail: int | None = None,
) -> Iterator[LogLine]:
    """Yield the lines of a log as they come, until its run has ended.

    Args:
        path: the log; it need not exist yet.
        ended: tells whether the run has ended; asked five times a second.
        wanted: tells whether a line counts.
        tail: how many of the lines that are there already to begin with; None for all.

    Raises:
        OSError: the file is there and cannot be read.
    """
    growing = _Growing(path)
    first = True
    while True:
        # Asked before reading: what is said before the end is in the file by then.
        over = ended()
        lines = filter(wanted, growing.new_lines())
        yield from deque(lines, maxlen=tail) if first and tail is not None else lines
        first = False
        if over:
            return
        time.sleep(_PAUSE)


class _Growing:
    """A log that is being written, and how far it has been read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new_lines(self) -> Iterator[LogLine]:
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._position)
            for data in file:
                if not data.endswith(b"\n"):
                    return  # its end is still to come
                self._position += len(data)
                line = decode(data)
                if line is not None:
                    yield line


def _decoded(file: BinaryIO) -> Iterator[LogLine]:
    for data in file:
        line = decode(data)
        if line is not None:
            yield line
