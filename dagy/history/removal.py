"""Forgetting runs: their rows and everything in their folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history import fold, queries, reading, store
from dagy.history.recorded import is_alive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home


def remove_oldest(
    connection: DuckDBPyConnection, home: Home, flow_name: str, keep_last: int, exclude: str
) -> list[str]:
    """Remove the runs of a flow that are over, beyond the newest.

    A run that goes on is neither counted nor removed: only the file's rows are looked at, and it
    has none there. One that crashed is like one that ended.

    Args:
        connection: to the database, which nobody else holds.
        home: where the history is.
        flow_name: whose runs.
        keep_last: how many to keep, 1 or more; the newest.
        exclude: a run to keep in any case: the last to end, whose id was handed out just now.

    Returns:
        The ids of the runs that were removed, newest first.
    """
    over = queries.ended_of(connection, flow_name)
    return remove(connection, home, [run for run in over[keep_last:] if run != exclude])


def remove(connection: DuckDBPyConnection, home: Home, run_ids: Sequence[str]) -> list[str]:
    """Remove runs that are over; return those that are gone.

    The folders first: killed in between, the rows are still there to say what is to be removed. A
    folder that resists keeps its rows, and is tried again next time.
    """
    removed = [run_id for run_id in run_ids if home.forget(run_id)]
    if removed:
        connection.begin()
        fold.delete_runs(connection, removed)
        connection.commit()
    return removed


def delete_runs(home: Home, runs: Sequence[str]) -> list[str]:
    """Remove runs for good; see `dagy.history.delete_runs`, which has made sure of the home."""
    run_ids = resolve(home, runs)
    going_on = [run_id for run_id in run_ids if is_alive(home.journal(run_id))]
    if going_on:
        raise HistoryError(
            f"run {', '.join(going_on)} goes on; stop it first, or wait for its end. "
            "Nothing was deleted"
        )
    # Nothing is folded first: on a full disk there may be no room for what waits.
    with store.connected(home, patience=store.OWNER_PATIENCE) as connection:
        removed = remove(connection, home, run_ids)
    left = [run_id for run_id in run_ids if run_id not in removed]
    if left:
        raise HistoryError(f"{home.run_folder(left[0])} cannot be removed")
    return removed


def resolve(home: Home, runs: Sequence[str]) -> list[str]:
    """Return the id of each run that is meant, each once.

    Args:
        home: where the history is.
        runs: ids, prefixes of ids, or `latest`.

    Raises:
        HistoryError: one of them is not there, or is not the only one.
    """
    with reading.reading(home) as connection:
        found = [queries.the_run(connection, run).run_id for run in runs]
    return list(dict.fromkeys(found))
