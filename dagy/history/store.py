"""Opening the DuckDB file, which one writer may hold, or any number of readers."""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history.schema import ensure_schema, unusable, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

WRITER_PATIENCE = 0.1
"""Seconds. A writer that gives up leaves its pending marker, so nobody need wait for its run."""

READER_PATIENCE = 0.3
"""Seconds. A reader that gives up reads the journals instead, which is slower and never waits."""

OWNER_PATIENCE = 5.0
"""Seconds. Who deletes runs wants it done, and nobody will do it later."""

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.05

# Threads of one process share DuckDB's instance of a file, and its lock keeps out other processes
# only: two threads could both delete a run and both insert it.
_one_at_a_time = threading.RLock()

_latest: list[DuckDBPyConnection] = []

if hasattr(os, "register_at_fork"):
    # A child forked while another thread has the file open would wait for that thread, which it
    # does not have, or write by its copy of DuckDB's open file, which nothing locks.
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


class HistoryBusyError(HistoryError):
    """Another process held the database for longer than the caller would wait."""


@contextmanager
def connected(home: Home, *, patience: float) -> Iterator[DuckDBPyConnection]:
    """Open the database to write, for the body of a `with`; make it if there is none.

    Keep the body short: nobody else can read or write meanwhile.

    Args:
        home: whose database it is.
        patience: seconds to wait for another process to let go of the file.

    Raises:
        HistoryBusyError: it did not.
        HistoryError: the file cannot be made or used; also for any DuckDB error in the body.
    """
    import duckdb

    with _one_at_a_time:
        with home.writing(home.root):
            home.root.mkdir(parents=True, exist_ok=True)
        try:
            if not home.database.exists():
                _create(home)
            with _connect(home, patience) as connection:
                ensure_schema(connection, home)
                yield connection
        except duckdb.Error as error:
            raise _explained(home, error) from error


@contextmanager
def alone_in_process() -> Iterator[None]:
    """Keep the other threads of this process from opening the database for the body of a `with`."""
    with _one_at_a_time:
        yield


def keep(connection: DuckDBPyConnection) -> DuckDBPyConnection:
    """Return a connection, and keep it until the next: to free it is to be within DuckDB, too.

    Call it inside `connected` or `alone_in_process`.
    """
    _latest[:] = [connection]
    return connection


def leave_to_this_thread() -> None:
    """Keep the other threads of this process from opening the database, for good.

    Call it when the process ends: a daemon thread that is within DuckDB when the interpreter goes
    aborts the process.
    """
    _one_at_a_time.acquire()


def _create(home: Home) -> None:
    """Make the database beside its place, and put it there whole.

    DuckDB creates a file, and writes to it a moment later; killed in between, it leaves an empty
    file that it takes for a broken one ever after.
    """
    import duckdb

    with (
        home.writing(home.database),
        tempfile.TemporaryDirectory(prefix="new-", dir=home.root) as folder,
    ):
        made = Path(folder) / home.database.name
        with duckdb.connect(str(made)) as connection:
            ensure_schema(connection, home)
        # It fails if another process was quicker, or if the file system has no hard links; then
        # `_connect` makes the file in its place, which is the same but for that moment.
        with suppress(OSError):
            os.link(made, home.database)


def connect_to_read(home: Home) -> DuckDBPyConnection:
    """Open the database file as it is, beside other readers.

    Call it inside `alone_in_process`.

    Raises:
        HistoryBusyError: a writer, or someone with the file open to write, did not let go in time.
        HistoryError: the file is not there, or is broken.
    """
    import duckdb

    try:
        return _connect(home, READER_PATIENCE, read_only=True)
    except duckdb.Error as error:
        raise _explained(home, error) from error


def _connect(home: Home, patience: float, *, read_only: bool = False) -> DuckDBPyConnection:
    import duckdb

    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return keep(duckdb.connect(str(home.database), read_only=read_only))
        except duckdb.Error as error:
            if _is_open_here(error) and read_only:
                # The user has it open to write in this very process; share that.
                return keep(duckdb.connect(str(home.database)))
            if not _is_held(error):
                raise
            if time.monotonic() + pause > deadline or _is_open_here(error):
                raise HistoryBusyError(
                    f"{home.database} has been in use for {patience:g} s by someone else "
                    f"({first_line(error)}); close what holds it open, and try again"
                ) from error
        # Random, so that processes that met once do not keep meeting.
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _is_open_here(error: Exception) -> bool:
    """Tell whether this process has the file open in a way that ours does not go with."""
    text = str(error)
    return "different configuration" in text or "Unique file handle conflict" in text


def _is_held(error: Exception) -> bool:
    """Tell a file in use from one that is broken; DuckDB has one class for both."""
    text = str(error)
    return (
        "Could not set lock" in text
        or "being used by another process" in text
        or _is_open_here(error)
    )


_DISK_TROUBLE = (
    "No space left",
    "File too large",
    "Read-only file system",
    "Could not write",
    "failed to write",
    "Disk quota",
)


def _explained(home: Home, error: Exception) -> HistoryError:
    text = str(error)
    if any(sign in text for sign in _DISK_TROUBLE):
        return unwritable(home, first_line(error))
    return unusable(home, f"cannot be used ({first_line(error)})")


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; DuckDB's can be long."""
    return str(error).partition("\n")[0]
