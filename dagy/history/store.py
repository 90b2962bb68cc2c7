"""Opening the DuckDB file, which one process at a time may hold."""

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
from dagy.history.schema import ensure_schema, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

WRITER_PATIENCE = 2.0
"""Seconds. A writer that gives up leaves its pending marker, so it need not wait for long."""

READER_PATIENCE = 5.0
"""Seconds. A reader has an answer to give, and nobody will give it later."""

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.15

# Threads of one process share DuckDB's instance of a file, and its lock keeps out other processes
# only: two threads could both delete a run and both insert it.
_one_at_a_time = threading.Lock()


class HistoryBusyError(HistoryError):
    """Another process held the database for longer than the caller would wait."""


@contextmanager
def connected(home: Home, *, patience: float) -> Iterator[DuckDBPyConnection]:
    """Open the database for the body of a `with`, and make it if there is none.

    Keep the body short: nobody else can read or write meanwhile, readers included.

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
            raise unusable(home, f"cannot be used ({_first_line(error)})") from error


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


def _connect(home: Home, patience: float) -> DuckDBPyConnection:
    import duckdb

    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return duckdb.connect(str(home.database))
        except duckdb.IOException as error:
            if not _is_held(error):
                raise
            if time.monotonic() + pause > deadline:
                raise HistoryBusyError(
                    f"{home.database} has been in use by another process for {patience:g} s "
                    f"({_first_line(error)}); close what holds it open, and try again"
                ) from error
        # Random, so that processes that met once do not keep meeting.
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _is_held(error: Exception) -> bool:
    """Tell a file in use from one that is broken; DuckDB has one class for both."""
    text = str(error)
    return "Could not set lock" in text or "being used by another process" in text


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
