"""Listening to tasks: the standard streams, `logging` and `warnings`, for the time of a run.

All three belong to the whole process, and several runs may go on in it. So each is replaced once,
for as long as any run needs it, and the replacement asks the context who is speaking.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dagy.logs.lines import LOG, STDERR, STDOUT, WARNING
from dagy.logs.run_log import RunLog, current_run_log
from dagy.logs.streams import Tee, already_recorded

_lock = threading.Lock()
_active: list[RunLog] = []


@contextmanager
def capture(log: RunLog) -> Iterator[None]:
    """Record what is said in this context, and in those copied from it, in a log; then close it.

    A thread that a task starts without its context belongs to no run; while one run only is under
    way in the process, what such a thread says is taken to be that run's.
    """
    with ExitStack() as undo:
        with _lock:
            for replacement in _replacements:
                replacement.acquire()
                undo.callback(_release, replacement)
            _active.append(log)
        undo.callback(log.close)
        undo.callback(_active.remove, log)
        token = current_run_log.set(log)
        undo.callback(current_run_log.reset, token)
        yield


class _Replacement:
    """An attribute of a module or class that is replaced while at least one run needs it.

    Others replace these attributes too (pytest, Jupyter, `redirect_stdout`, Sentry) and put back
    what they found, in any order. So only what is still ours is taken away at the end; a stand-in
    of ours that someone else has kept goes on to hand over what it is given.
    """

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        self._owner = owner
        self._name = name
        self._make = make
        self._users = 0
        self._made: list[tuple[Any, Any]] = []

    def acquire(self) -> None:
        self._users += 1
        found = getattr(self._owner, self._name)
        if found is None or any(found is made for made, _ in self._made):
            return  # a process without a console has no streams
        made = self._make(found)
        self._made.append((made, found))
        setattr(self._owner, self._name, made)

    def release(self) -> None:
        self._users -= 1
        if self._users:
            return
        for made, original in reversed(self._made):
            if getattr(self._owner, self._name) is made:
                setattr(self._owner, self._name, original)
        self._made.clear()


def _release(replacement: _Replacement) -> None:
    with _lock:
        replacement.release()


def _listening() -> RunLog | None:
    log = current_run_log.get()
    if log is None and len(_active) == 1:
        try:
            return _active[0]
        except IndexError:  # that run has just ended
            return None
    return log


def _tee(source: str) -> Callable[[Any], Tee]:
    def heard(text: str) -> None:
        log = _listening()
        if log is not None:
            log.write(source, text)

    return lambda stream: Tee(stream, heard)


def _hearing_records(original: Callable[..., None]) -> Callable[..., None]:
    # Not a handler on the root logger: with one there, `logging.basicConfig` in a task would do
    # nothing, warnings of programs that never set up logging would not reach the terminal, and
    # loggers that do not propagate would not be heard.
    @functools.wraps(original)
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        def tell(log: RunLog) -> None:
            log.record(LOG, _text_of(record), record.levelname, record.name)

        _tell_then(tell, original, self, record)

    return call_handlers


def _hearing_warnings(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        def tell(log: RunLog) -> None:
            log.record(WARNING, str(message), category.__name__)

        _tell_then(tell, original, message, category, *where, **more)

    return show


def _tell_then(
    tell: Callable[[RunLog], None], original: Callable[..., None], *args: Any, **more: Any
) -> None:
    """Tell the log, then do what is usual, which may print the same and is not to be heard."""
    log = None if already_recorded.get() else _listening()
    if log is None:
        original(*args, **more)
        return
    token = already_recorded.set(True)
    try:
        tell(log)
        original(*args, **more)
    finally:
        already_recorded.reset(token)


_formatter = logging.Formatter()


def _text_of(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # arguments that do not fit the message; `logging` itself says so on stderr
        text = str(record.msg)
    if record.exc_info:
        text += "\n" + _formatter.formatException(record.exc_info)
    return text


_replacements = (
    _Replacement(sys, "stdout", _tee(STDOUT)),
    _Replacement(sys, "stderr", _tee(STDERR)),
    _Replacement(logging.Logger, "callHandlers", _hearing_records),
    _Replacement(warnings, "showwarning", _hearing_warnings),
)
