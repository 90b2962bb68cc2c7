"""The journal of a run: append-only JSON lines, written as things happen.

The first line is the header; each line after it is one transition. A line reaches the operating
system in one write before the run goes on, so whatever ends the process (`kill -9` included) loses
nothing that was written, and can tear the last line only. There is no fsync: a power cut may cost
the last moments, and a run of a thousand tasks does not wait a thousand times for the disk.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from dagy.errors import HistoryError

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
    schema_version: int = JOURNAL_VERSION


class Journal:
    """Appends every transition of one run to its journal; a `Sink`.

    A disk that fails while the run goes on must not take the user's run with it: the first error is
    kept in `error`, nothing is written after it, and the caller reports it when the run has ended.

    Attributes:
        error: why recording stopped early, or None.
    """

    def __init__(self, home: Home, run: RunHeader) -> None:
        self.error: HistoryError | None = None
        self._home = home
        self._path = home.journal(run.run_id)
        self._seq = 0
        # The scheduler emits one at a time already. This lock is for `close`, which may come while
        # an attempt that outlived its run still has something to say.
        self._lock = threading.Lock()
        with home.writing(self._path):
            self._path.parent.mkdir(parents=True)
            # The marker comes before the journal: killed in between, a run that never began leaves
            # an empty folder; the other way round, a journal would stay unknown to the database.
            home.mark_pending(run.run_id)
            self._file = self._path.open("xb", buffering=0)
            self._append(json.dumps(asdict(run), separators=(",", ":")) + "\n")

    @classmethod
    def create(cls, home: Home, run: RunHeader) -> Journal:
        """Start the journal of a run, and mark the run as pending.

        Raises:
            HistoryError: it cannot be written, or there is one already.
        """
        return cls(home, run)

    def emit(self, transition: Transition) -> None:
        """Append one transition; does nothing once the journal is closed or has failed."""
        with self._lock:
            if self._file.closed:
                return
            self._seq += 1
            try:
                self._append(_line(self._seq, transition))
            except OSError as error:
                self.error = self._home.cannot_write(self._path, error)
                self._file.close()

    def close(self) -> None:
        """End the journal; closing twice does nothing."""
        with self._lock:
            self._file.close()

    def _append(self, line: str) -> None:
        data = line.encode("ascii")
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(seq: int, transition: Transition) -> str:
    # Written out by hand: half the cost of json.dumps on a dict, and this is on the path of every
    # task. What is None is left out.
    line = f'{{"seq":{seq},"at":{transition.at!r},"state":"{transition.state.value}"'
    line += f',"attempt":{transition.attempt}'
    if transition.task_run_id is not None:
        line += f',"task_run_id":{_text(transition.task_run_id)}'
    if transition.message is not None:
        line += f',"message":{_text(transition.message)}'
    if transition.output is not None:
        line += f',"output":{_quote(transition.output)}'
    error = transition.error
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
            return RunHeader(**{field.name: entry[field.name] for field in fields(RunHeader)})
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{path} does not begin with the header of a journal") from error
    raise HistoryError(
        f"{path} has journal version {version!r}, and this version of Dagy reads "
        f"{JOURNAL_VERSION}; upgrade Dagy"
    )
