"""The live view of `dagy run`: the run as it stands, redrawn a few times a second.

The scheduler and the tasks only put what happens into a queue, which takes well under a
microsecond; a thread of the view's own takes it from there, draws, and prints what tasks have
printed meanwhile above the drawing.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar

from rich.console import Console

from dagy.cli.board import Board
from dagy.cli.drawing import draw
from dagy.cli.progress import Watcher
from dagy.cli.region import Region
from dagy.interpreter import Transition
from dagy.logs import LogLine
from dagy.spec import FlowSpec

_Item = TypeVar("_Item")

_PERIOD = 0.1
"""Seconds between two drawings."""

_MOST_WAITING = 10_000
"""Pieces of printed text that may wait for the next drawing; more, and the task that prints draws.
"""


class LiveView(Watcher):
    """Shows a run on the terminal while it goes on; a context manager around loading and running.

    From the start it stands in for those of `sys.stdout` and `sys.stderr` that are the terminal, so
    that handlers and consoles which the flow's module makes when it is imported print above the
    drawing too.

    Args:
        console: a console on the terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._region = Region(console)
        self._unicode = console.encoding.startswith("utf")
        self._board: Board | None = None
        self._events: deque[Transition | LogLine] = deque()
        self._printed: deque[str] = deque()
        # Reentrant: the garbage collector may run a `__del__` that prints in a drawing's midst.
        self._drawing = threading.RLock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._streams: dict[str, TextIO] = {}

    def __enter__(self) -> Self:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream.isatty():
                self._streams[name] = stream
                setattr(sys, name, _Above(stream, self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for name, stream in self._streams.items():
            setattr(sys, name, stream)

    @property
    def drawing(self) -> bool:
        """Whether there is a drawing on the screen that printed text must not run into."""
        return self._thread is not None and not self._over.is_set()

    def begin(self, run_id: str, spec: FlowSpec) -> None:
        """Start to draw."""
        super().begin(run_id, spec)
        self._board = Board(spec)
        self._thread = threading.Thread(target=self._keep_drawing, name="dagy-live", daemon=True)
        self._thread.start()

    def emit(self, transition: Transition) -> None:
        """Take note of a transition; it shows with the next drawing."""
        self._events.append(transition)

    def line(self, line: LogLine) -> None:
        """Take note of what a task said."""
        self._events.append(line)

    def print_above(self, text: str) -> None:
        """Print whole lines above the drawing, with the next one."""
        self._printed.append(text)
        if len(self._printed) > _MOST_WAITING:
            self._draw()

    def stop(self) -> None:
        """Draw for the last time; the drawing stays, and what is printed from now on follows it."""
        if self.drawing and self._thread is not None:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, _Above):
                    stream.end_lines()
            self._over.set()
            self._thread.join()
            self._draw()

    def _keep_drawing(self) -> None:
        while not self._over.wait(_PERIOD):
            self._draw()

    def _draw(self) -> None:
        with self._drawing:
            board = self._board
            assert board is not None, "the run has begun"
            for event in _drain(self._events):
                if isinstance(event, Transition):
                    board.apply(event)
                else:
                    board.hear(event)
            lines = draw(board, *self._region.size, unicode=self._unicode)
            try:
                self._region.draw(lines, "".join(_drain(self._printed)))
            except OSError:  # the terminal is gone, which is no reason to end the run
                self._over.set()


class _Above:
    """A stand-in for a stream on the terminal: whole lines go above the drawing.

    While nothing is drawn it hands on what it is given. Each thread has an unfinished line of its
    own, as a line of a region cannot be continued.
    """

    def __init__(self, stream: TextIO, view: LiveView) -> None:
        self._stream = stream
        self._view = view
        self._open_lines: dict[int, str] = {}
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        if not self._view.drawing:
            return self._stream.write(text)
        with self._lock:
            thread = threading.get_ident()
            whole, end, rest = (self._open_lines.pop(thread, "") + text).rpartition("\n")
            if rest:
                # Of a progress bar, which goes back to write over itself, only where it stands.
                self._open_lines[thread] = rest[rest.rfind("\r", 0, -1) + 1 :]
            if end:
                self._view.print_above(whole + end)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def end_lines(self) -> None:
        with self._lock:
            for text in self._open_lines.values():
                self._view.print_above(text + "\n")
            self._open_lines.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _drain(queue: deque[_Item]) -> list[_Item]:
    return [queue.popleft() for _ in range(len(queue))]
