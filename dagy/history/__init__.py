"""The local history: what ran here, when, and how it went.

While a run goes on, its `Journal` appends every transition to a file of its own; that needs no
database and no other process. When it has ended, `fold_pending` puts the journal into DuckDB, in
bulk; whoever reads the history folds what is pending first. So two processes may run flows while a
third lists runs, and a process that dies loses nothing: its journal is folded by the next to come.

`home` says where files are; `journal` writes; `fold` fills the tables of `schema` from journals;
`queries` reads them into `records`; `store` opens the file. DuckDB takes 0.2 s to import, so
nothing here imports it before it is used.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history.home import Home
from dagy.history.journal import Journal, RunHeader
from dagy.history.records import RunDetail, RunSummary, TaskRunDetail

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = [
    "Home",
    "Journal",
    "RunDetail",
    "RunHeader",
    "RunSummary",
    "TaskRunDetail",
    "check_keep_last",
    "cleanup",
    "find_run",
    "fold_pending",
    "list_runs",
]


def fold_pending(home: Home) -> None:
    """Put every pending journal into the database.

    Returns without a word if another process holds the database for 2 seconds: the pending markers
    stay, and whoever comes next folds.

    Raises:
        HistoryError: the database or a single journal cannot be used. The runs happened all the
            same, and the message says how to recover.
    """
    if not home.root.exists() or (home.database.exists() and not home.pending_ids()):
        return
    from dagy.history import fold, store

    try:
        with store.connected(home, patience=store.WRITER_PATIENCE) as connection:
            problems = fold.fold_all(connection, home)
    except store.HistoryBusyError:
        return
    if problems:
        raise HistoryError("\n".join(map(str, problems)))


def list_runs(home: Home, *, limit: int = 20) -> list[RunSummary]:
    """Return the latest runs, newest first; what is pending is folded first.

    A journal that cannot be folded is the subject of a warning, and hides no other run.

    Args:
        home: where the history is.
        limit: how many runs at most, 0 or more.

    Raises:
        HistoryError: the database cannot be read.
    """
    if not home.root.exists():
        return []
    from dagy.history import queries, store

    with store.connected(home, patience=store.READER_PATIENCE) as connection:
        _fold_and_warn(connection, home)
        return queries.summaries(connection, limit=limit)


def find_run(home: Home, prefix: str) -> RunDetail:
    """Return the one run whose id begins with a prefix; what is pending is folded first.

    Args:
        home: where the history is.
        prefix: the id, or as much of it as no other run's id begins with.

    Raises:
        HistoryError: there is no such run, or several (the message lists candidates), or the
            database cannot be read.
    """
    if not home.root.exists():
        raise HistoryError(f"no run {prefix!r}: no run has been recorded in {home.root} yet")
    from dagy.history import queries, store

    with store.connected(home, patience=store.READER_PATIENCE) as connection:
        _fold_and_warn(connection, home)
        return queries.detail(connection, prefix)


def check_keep_last(keep_last: int) -> None:
    """Refuse a `cleanup_keep_last` that has no meaning; call it before anything runs.

    Zero is refused too: it would promise to forget a run whose id was just handed out.

    Raises:
        HistoryError: it is not an integer of at least 1.
    """
    if not isinstance(keep_last, int) or isinstance(keep_last, bool) or keep_last < 1:
        raise HistoryError(f"cleanup_keep_last must be an integer of at least 1, not {keep_last!r}")


def cleanup(home: Home, flow_name: str, keep_last: int, exclude: str) -> list[str]:
    """Forget the oldest ended runs of a flow: their rows and their folders.

    A run that has not ended is neither counted nor removed. Does nothing if another process holds
    the database for 2 seconds; the next cleanup makes up for it.

    Args:
        home: where the history is.
        flow_name: whose runs.
        keep_last: how many ended runs to keep, 1 or more; the newest.
        exclude: a run to keep in any case: the one that has just ended.

    Returns:
        The ids of the runs that were removed, newest first.

    Raises:
        HistoryError: `keep_last` is less than 1, or the database cannot be used.
    """
    check_keep_last(keep_last)
    if len(home.run_ids()) <= keep_last:
        return []  # no flow can have more runs than all flows together
    from dagy.history import queries, store

    try:
        with store.connected(home, patience=store.WRITER_PATIENCE) as connection:
            return queries.remove_oldest(connection, home, flow_name, keep_last, exclude)
    except store.HistoryBusyError:
        return []


def _fold_and_warn(connection: DuckDBPyConnection, home: Home) -> None:
    from dagy.history.fold import fold_all

    for problem in fold_all(connection, home):
        warnings.warn(str(problem), stacklevel=3)
