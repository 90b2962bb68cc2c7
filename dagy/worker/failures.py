"""A failure as it leaves a worker: short enough to be told, under a name that nobody else uses."""

from __future__ import annotations

from types import TracebackType

MESSAGE_CHARACTERS = 8_000
"""Of an error's message. A cause holds 32,768 characters, and JSON may make six of one."""

FRAMES = 40
"""Of an error's stack, the innermost ones: a RecursionError has a thousand."""


def own_name(error: BaseException) -> BaseException:
    """Return an error of the user's under a name that is none of Step Functions' or of Dagy's.

    Those have a dot (`States.Timeout`, `Lambda.Unknown`, `Dagy.Retry`) and are answered by retriers
    of their own. A class has one only if it was made by `type()`.
    """
    name = type(error).__name__
    return _other(error, name.replace(".", "_"), str(error)) if "." in name else error


def short(error: BaseException) -> BaseException:
    """Return an error that Lambda can report to Step Functions as a whole.

    What is too long would end the execution by `States.DataLimitExceeded`, which nothing retries or
    catches (developer guide, "Handling errors"). Half a surrogate pair has no UTF-8, and is shown
    as Python shows it.
    """
    whole = str(error)
    message = whole.encode("utf-8", "backslashreplace").decode()
    if len(message) > MESSAGE_CHARACTERS:
        message = message[:MESSAGE_CHARACTERS] + "…"
    shown = error if message == whole else _other(error, type(error).__name__, message)
    return shown.with_traceback(_innermost(error.__traceback__))


def _other(error: BaseException, name: str, message: str) -> BaseException:
    other: BaseException = type(name, (Exception,), {})(message)
    return other.with_traceback(error.__traceback__)


def _innermost(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames[-FRAMES:][0] if frames else None
