"""Settling: runs that are over go into the database, and those that have had their time go.

To open and close the file costs as much as a thousand tasks do, so the end of a run leaves it to
whoever comes next: to a reader, to the end of the process, or to the run with which so much waits
that a reader would notice. A run is recorded all the same, in its journal. Another process that
settles in the background would not do better: it has to start, to import DuckDB, and to hold the
file at the very moment when the user asks for the run.
"""

from __future__ import annotations

import atexit
import os
import warnings
from typing import TYPE_CHECKING

from dagy.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from dagy.history.fold import Pending
    from dagy.history.home import Home

MOST_RUNS = 20
MOST_BYTES = 8 << 20
"""What may wait, so that a reader who folds it all hardly notices."""


def settle_now_and_then(home: Home) -> None:
    """Settle if much waits; else see to it that this process does so before it ends.

    Call it when a run has ended.

    Raises:
        HistoryError: as `settle`.
    """
    waiting = home.pending_ids()
    if len(waiting) > MOST_RUNS or sum(map(home.size, waiting)) > MOST_BYTES:
        settle(home)
    else:
        _left.add(home)


def settle(home: Home) -> None:
    """Put every run that is over into the database, and remove what its flow need not keep.

    Returns without a word if another process holds the database for 0.1 seconds: the pending
    markers stay, and whoever comes next settles.

    Raises:
        HistoryError: the database or a single journal cannot be used. The runs happened all the
            same, and the message says how to recover.
    """
    if not home.root.exists() or (home.database.exists() and not home.pending_ids()):
        return
    from dagy.history import store

    try:
        problems = settle_patiently(home, store.WRITER_PATIENCE)
    except store.HistoryBusyError:
        return
    if problems:
        raise HistoryError("\n".join(map(str, problems)))


def settle_patiently(home: Home, patience: float) -> list[HistoryError]:
    """Settle, waiting for another process to let go of the database.

    Args:
        home: where the history is.
        patience: seconds to wait at most.

    Returns:
        What kept single journals from being folded; the others are folded all the same.

    Raises:
        HistoryBusyError: the database is held by another process, which may do it instead.
        HistoryError: the database cannot be used.
    """
    from dagy.history import store

    with store.connected(home, patience=patience) as connection:
        return _settle(connection, home)


def _settle(connection: DuckDBPyConnection, home: Home) -> list[HistoryError]:
    from dagy.history import fold

    found = fold.survey(home, home.pending_ids())
    folded, problems = fold.fold(connection, home, found.over)
    for run_id in folded:
        home.unmark(run_id)
    for run_id in found.empty:
        home.forget(run_id)
    _remove_surplus(connection, home, [run for run in found.over if run.run_id in set(folded)])
    return found.problems + problems


def _remove_surplus(connection: DuckDBPyConnection, home: Home, folded: Sequence[Pending]) -> None:
    """Remove what the flows of these runs need not keep: the last to end says how much."""
    from dagy.history import queries, removal

    headers = {run.run_id: run.header for run in folded}
    for run_id in queries.last_to_end(connection, list(headers)):
        header = headers[run_id]
        if header.keep_last is not None:
            removal.remove_oldest(connection, home, header.flow_name, header.keep_last, run_id)


_left: set[Home] = set()
"""The homes of runs that this process has left to whoever comes next."""


def _settle_what_is_left() -> None:
    from dagy.history import store

    store.leave_to_this_thread()
    # A process that ends must not be kept from it by its history, nor make a home that is gone.
    for home in tuple(_left):
        try:
            settle(home)
        except Exception as error:
            warnings.warn(str(error), stacklevel=1)


atexit.register(_settle_what_is_left)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_left.clear)  # DuckDB's threads are not in the child
