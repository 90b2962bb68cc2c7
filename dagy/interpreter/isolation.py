"""Attempts in a process of their own: they can be killed, and take nothing with them.

The process is spawned, not forked: a fork of a process with threads inherits their locks, held by
nobody. It imports the task by its path and gets its arguments as JSON text, as a worker does.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagy.annotations import returns_keys
from dagy.code import load
from dagy.context import RunContext, current_context
from dagy.errors import ProcessDiedError
from dagy.spec import TaskSpec
from dagy.validation import Arguments
from dagy.values import from_text, to_text

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from dagy.interpreter.calls import Call
    from dagy.interpreter.run import Attempt
    from dagy.values.artifacts import Store


# What the child sends: what it prints, by the name of the stream, and at last how it ended.
_STREAMS = ("stdout", "stderr")
_RETURNED = "returned"
_RAISED = "raised"


def in_process(task: TaskSpec, store: Store | None) -> Call:
    """Return the way in which a task with `isolation="process"` is called.

    Args:
        task: its spec.
        store: takes artifacts there and back, if it is a folder that both processes can see.
    """
    folder = getattr(store, "folder", None)

    def call(args: list[Any], kwargs: dict[str, Any], attempt: Attempt) -> str:
        import multiprocessing

        spawn = multiprocessing.get_context("spawn")
        receiver, sender = spawn.Pipe(duplex=False)
        context = {"attempt": attempt.number, "max_retries": task.retries, "name": task.name}
        call = {
            "args": args,
            "kwargs": kwargs,
            "context": context,
            "validate": task.validate_parameters,
            "serializer": task.serializer,
        }
        given = to_text(call, store, pickles=True)
        process = spawn.Process(
            target=_child,
            args=(sender, task.import_path, given, folder, task.environment),
            name=f"dagy-{task.name}",
            daemon=True,
        )
        process.start()
        attempt.stoppable(process.kill)
        sender.close()  # the child has the other end now: its death ends the wait below
        try:
            kind, answer = _last_word(receiver)
        except EOFError:
            process.join()
            raise ProcessDiedError(_epitaph(task.name, process.exitcode)) from None
        finally:
            receiver.close()
        process.join()
        if kind == _RAISED:
            raise _revived(*answer)
        return str(answer)

    return call


def _last_word(receiver: Connection) -> tuple[str, Any]:
    """Return how a child ended; what it prints till then goes where all that tasks say goes.

    It is said in this thread, the attempt's own.
    """
    kind, answer = receiver.recv()
    while kind in _STREAMS:
        getattr(sys, kind).write(answer)
        kind, answer = receiver.recv()
    return kind, answer


def _epitaph(name: str, code: int | None) -> str:
    who = f"the process of task {name!r}"
    if code is None or code >= 0:
        return f"{who} ended with exit code {code} before the task returned"
    try:
        cause = signal.Signals(-code).name
    except ValueError:
        cause = f"signal {-code}"
    hint = " (out of memory, perhaps)" if cause == "SIGKILL" else ""
    return f"{who} was killed by {cause}{hint}"


def _revived(pickled: bytes | None, name: str, message: str, traceback: str) -> BaseException:
    """Return the exception that was raised in the process, or one of that name and message."""
    error: BaseException | None = None
    if pickled is not None:
        try:
            error = pickle.loads(pickled)
        except Exception:  # it pickles and does not unpickle, as many exceptions do
            error = None
    if not isinstance(error, BaseException):
        error = type(name, (Exception,), {})(message)
    error.add_note(f"\nThe traceback in the process of the task:\n{traceback}")
    return error


# What follows runs in the child.


def _child(
    sender: Connection,
    import_path: str,
    given: str,
    folder: Path | None,
    environment: Mapping[str, str],
) -> None:
    # Ctrl-C reaches the whole group; whoever waits for this process kills it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)
    sending = threading.Lock()
    for name in _STREAMS:
        setattr(sys, name, _Sent(sender, sending, name))
    try:
        answer: tuple[str, Any] = (_RETURNED, _called(import_path, given, folder))
    except BaseException as error:
        answer = (_RAISED, _described(error))
    with sending:  # a thread of the task may still be printing
        sender.send(answer)


class _Sent(io.TextIOBase):
    """A stream of the child: what is printed is said by the parent, and is in the run's log.

    Args:
        sender: the way to the parent.
        lock: held while something is sent.
        name: "stdout" or "stderr".
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, sender: Connection, lock: threading.Lock, name: str) -> None:
        self._sender = sender
        self._lock = lock
        self._stream = getattr(sys, f"__{name}__")
        self.name = name

    @property
    def buffer(self) -> Any:
        """Bytes written here are on the terminal only, as those of any task."""
        return self._stream.buffer

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            self._sender.send((self.name, text))
        return len(text)

    def fileno(self) -> int:
        """Where processes that the child starts may print."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        return bool(self._stream.isatty())


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _called(import_path: str, text: str, folder: Path | None) -> str:
    import inspect

    from dagy.interpreter.body import encode_output

    store = None
    if folder is not None:
        from dagy.values.artifacts import ArtifactStore

        store = ArtifactStore(folder)
    found = load(import_path)  # first, for the codecs that its module registers
    given = from_text(text, store)
    fn = getattr(found, "fn", found)
    name = given["context"]["name"]
    annotated = Arguments(fn, f"task {name!r}", validate=given["validate"])
    args, kwargs = annotated.convert(given["args"], given["kwargs"])
    named = inspect.signature(fn).bind(*args, **kwargs).arguments
    current_context.set(RunContext("task", parameters=dict(named), **given["context"]))
    value = fn(*args, **kwargs)
    if inspect.iscoroutine(value):
        import asyncio

        value = asyncio.run(value)
    return encode_output(
        name, value, store=store, any_keys=returns_keys(fn), serializer=given["serializer"]
    )


def _described(error: BaseException) -> tuple[bytes | None, str, str, str]:
    import traceback

    try:
        pickled = pickle.dumps(error)
    except Exception:  # it holds what cannot be pickled; its name and message will do
        pickled = None
    return pickled, type(error).__name__, str(error), "".join(traceback.format_exception(error))
