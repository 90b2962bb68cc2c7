"""The journal of a run: append-only JSON lines, written as things happen.

The first line is the header; each line after it is one transition. A line reaches the operating
system in one write before the run goes on, so whatever ends the process (`kill -9` included) loses
nothing that was written, and can tear the last line only. There is no fsync: a power cut may cost
the last moments, and a run of a thousand tasks does not wait a thousand times for the disk.

While the run goes on its process holds a lock on the file (see `owner`), which is how others tell a
run that is slow from one whose process is gone.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from dagy.errors import HistoryError
from dagy.history import owner

if TYPE_CHECKING:
    from pathlib import Path

    from dagy.history.home import Home
    from dagy.interpreter.events import Transition

JOURNAL_VERSION = 1

_quote = json.JSONEncoder().encode


@dataclass(frozen=True)
class RunHeader:
    """What is known of a run when it starts.

    Attributes:
        run_id: unique, and fit for a file name.
        flow_name: the flow's name.
        flow_version: the label of its version.
        parameters: its parameters by name, as JSON values.
        started_at: seconds since the epoch.
        max_workers: how many tasks may run at once.
        fail_fast: whether the first failure stops the run.
        dagy_version: the version of Dagy that runs it.
        resumed_from: the run whose results it began with, if there is one.
        source_file: the file that the flow is in, for resuming it, if it is in one.
        keep_last: how many runs of its flow to keep once it is over, at least 1; None for all.
        schema_version: version of the journal's format.
    """

    run_id: str
    flow_name: str
    flow_version: str
    parameters: dict[str, Any]
    started_at: float
    max_workers: int
    fail_fast: bool
    dagy_version: str
    resumed_from: str | None = None
    source_file: str | None = None
    keep_last: int | None = None
    schema_version: int = JOURNAL_VERSION


class Journal:
    """Appends every transition of one run to its journal; a `Sink`.

    A disk that fails while the run goes on must not take the user's run with it: what could not be
    written is kept in memory and tried again with the next transition, so a disk that is full for a
    while costs nothing. What is still missing at the end is said by `error`.
    """

    def __init__(self, home: Home, run: RunHeader) -> None:
        self._home = home
        self._path = home.journal(run.run_id)
        self._seq = 0
        self._size = 0
        self._unwritten: list[str] = []
        self._failure: OSError | None = None
        # The scheduler emits one at a time already. This lock is for `close`, which may come while
        # an attempt that outlived its run still has something to say.
        self._lock = threading.Lock()
        with home.writing(self._path):
            self._path.parent.mkdir(parents=True)
            self._file = self._path.open("xb", buffering=0)
            _open_journals.add(self)
            try:
                # In this order, so that who sees a marker or a header knows that the lock was taken
                # (`owner.is_held`), and who sees a header without a marker, that it was folded.
                with suppress(OSError):  # no locks here: the run counts as alive until it ends
                    owner.hold(self._file.fileno())
                home.mark_pending(run.run_id)
                self._append(json.dumps(asdict(run), separators=(",", ":")) + "\n")
            except BaseException:
                self._file.close()
                home.forget(run.run_id)
                raise

    @classmethod
    def create(cls, home: Home, run: RunHeader) -> Journal:
        """Start the journal of a run, and mark the run as pending.

        Raises:
            HistoryError: it cannot be written, or there is one already.
        """
        return cls(home, run)

    @property
    def error(self) -> HistoryError | None:
        """What of the run is not in the journal and why, or None if all of it is."""
        if self._failure is None:
            return None
        missing = len(self._unwritten)
        lost = "its last transition is" if missing == 1 else f"its last {missing} transitions are"
        reason = self._home.cannot_write(self._path, self._failure)
        return HistoryError(f"the recording of this run is incomplete, {lost} missing: {reason}")

    def emit(self, transition: Transition) -> None:
        """Append one transition; does nothing once the journal is closed."""
        with self._lock:
            if self._file.closed:
                return
            self._seq += 1
            self._unwritten.append(_line(self._seq, transition))
            self._flush()

    def close(self) -> None:
        """End the journal and let go of the run; closing twice does nothing."""
        with self._lock:
            if not self._file.closed:
                self._flush()
                self._file.close()

    def _flush(self) -> None:
        try:
            while self._unwritten:
                self._append(self._unwritten[0])
                del self._unwritten[0]
            self._failure = None
        except OSError as error:
            self._failure = error

    def _append(self, line: str) -> None:
        data = line.encode("ascii")
        written = self._file.write(data)
        if written == len(data):
            self._size += written
            return
        # Part of the line is there: take it back, or the next one would be glued to it.
        os.truncate(self._file.fileno(), self._size)
        self._file.seek(self._size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_open_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _leave_runs_to_parent() -> None:
    """In a forked child: let go of the parent's runs, or they would seem to outlive it.

    No lock is taken, because the thread that held one may not exist here.
    """
    for journal in list(_open_journals):
        journal._file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_runs_to_parent)


def _line(seq: int, transition: Transition) -> str:
    # Written out by hand: a third of the cost of json.dumps on a dict, and this is on the path of
    # every task. What is None is left out.
    at, task_run_id, state, attempt, message, output, error = transition
    line = f'{{"seq":{seq},"at":{at!r},"state":"{state.value}","attempt":{attempt}'
    if task_run_id is not None:
        line += f',"task_run_id":{_text(task_run_id)}'
    if message is not None:
        line += f',"message":{_text(message)}'
    if output is not None:
        line += f',"output":{_quote(output)}'
    if error is not None:
        line += f',"error_type":{_text(error.type)},"error_message":{_text(error.message)}'
        line += f',"error_traceback":{_text(error.traceback)}'
    return line + "}\n"


def _text(text: str) -> str:
    r"""Return text for people as JSON.

    DuckDB refuses half a surrogate pair, and so does every terminal; it is shown as Python shows it
    in a traceback, as `\ud800`. Outputs need none of this: they are JSON text, which is ASCII.
    """
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return _quote(text)


def read_header(path: Path) -> RunHeader | None:
    """Return the header of a journal, or None if it is not (wholly) written yet.

    Raises:
        HistoryError: it is damaged, or of a later version of Dagy.
        OSError: the file is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            line = file.readline()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
        version = entry["schema_version"]
        if version == JOURNAL_VERSION:
            known = {field.name for field in fields(RunHeader)}
            return RunHeader(**{name: value for name, value in entry.items() if name in known})
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{path} does not begin with the header of a journal") from error
    raise HistoryError(
        f"{path} has journal version {version!r}, and this version of Dagy reads "
        f"{JOURNAL_VERSION}; upgrade Dagy"
    )
